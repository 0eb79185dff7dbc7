//! `/admin/…` and `/v1/keys/verify`: the administrator's requests. They are few; this file is plain rather
//! than fast.

use std::rc::Rc;

use edge_core::admin::{
    Admin, AuditFilter, Idempotency, JobFilter, KeyFilter, MAX_BODY_BYTES, UsageFilter,
};
use edge_core::api_key::KeyHash;
use edge_core::change::Actor;
use edge_core::error::EdgeError;
use edge_core::scope::AdminScope;
use wasm_bindgen::JsValue;

use crate::administrator::Authority;
use crate::clock::RuntimeRng;
use crate::deployment::Deployment;
use crate::glue::{self, Call, UrlSearchParams};
use crate::ports::Runtime;
use crate::router::Parts;
use crate::{body, hosts, reply};

/// Answers an administrator's request with the promise of a response.
pub(crate) fn handle(call: &Call, deployment: &Rc<Deployment>, parts: &Parts<'_>) -> JsValue {
    let (asking, deployment) = (call.clone(), Rc::clone(deployment));
    let asked = Asked {
        method: parts.method.to_owned(),
        path: parts.path.to_owned(),
        query: parts.query.to_owned(),
        authorization: parts.authorization.to_owned(),
        content_type: parts.content_type.to_owned(),
        request_id: parts.request_id.to_owned(),
        origin: deployment.settings.origin(parts.origin).to_owned(),
    };
    reply::promise(call, async move {
        answer_to(&asking, &deployment, &asked).await
    })
}

/// Answers a caller who asks for the usage of his own key.
pub(crate) fn own_usage(
    call: &Call,
    deployment: &Rc<Deployment>,
    id: &str,
    query: &str,
) -> JsValue {
    let (asking, deployment) = (call.clone(), Rc::clone(deployment));
    let (id, filter) = (id.to_owned(), usage_filter(&Query::new(query)));
    reply::promise(call, async move {
        let admin = Admin {
            ports: &Runtime { call: &asking },
            settings: &deployment.settings,
            actor: Actor::default(),
            credential: "",
        };
        reply::object(&asking, 200, &admin.usage_of(&id, &filter).await?)
    })
}

/// What is decided on, kept while storage is waited for.
struct Asked {
    method: String,
    path: String,
    query: String,
    authorization: String,
    content_type: String,
    request_id: String,
    /// Under which browsers reach this edge.
    origin: String,
}

impl Asked {
    async fn json(&self, call: &Call) -> Result<Vec<u8>, EdgeError> {
        body::json(call, &self.content_type, MAX_BODY_BYTES).await
    }

    async fn optional_json(&self, call: &Call) -> Result<Vec<u8>, EdgeError> {
        body::optional_json(call, &self.content_type, MAX_BODY_BYTES).await
    }
}

/// A query string's parameters. An empty one is there, and wrong where nothing may be empty.
type Query = UrlSearchParams;

async fn answer_to(
    call: &Call,
    deployment: &Deployment,
    asked: &Asked,
) -> Result<JsValue, EdgeError> {
    let runtime = Runtime { call };
    // Before the route: who holds no root key learns nothing about what there is.
    let shown = (
        asked.method.as_str(),
        asked.authorization.as_str(),
        asked.origin.as_str(),
    );
    let authority = Authority::of(call, &deployment.settings, shown).await?;
    let admin = Admin {
        ports: &runtime,
        settings: &deployment.settings,
        actor: Actor {
            id: authority.id.clone(),
            request_id: asked.request_id.clone(),
        },
        credential: &authority.credential,
    };
    let scopes = &authority.scopes;
    let may = |scope: AdminScope| {
        if scope.is_among(scopes) {
            Ok(())
        } else {
            Err(EdgeError::InsufficientAdminScope(scope))
        }
    };
    let query = Query::new(&asked.query);
    let path: Vec<&str> = asked.path.split('/').skip(1).collect();
    let method = asked.method.as_str();
    match path.as_slice() {
        ["v1", "keys", "verify"] => {
            may(AdminScope::Verify)?;
            only(method, "POST")?;
            let wish = asked.json(call).await?;
            reply::object(call, 200, &admin.verify_key(&wish).await?)
        }
        ["admin", "session"] => authority.console(call, method).await,
        ["admin", "keys", rest @ ..] => {
            may(AdminScope::Keys)?;
            keys(call, deployment, &admin, asked, &query, rest).await
        }
        ["admin", "root-keys", rest @ ..] => {
            may(AdminScope::All)?;
            root_keys(call, &admin, asked, &query, scopes, rest).await
        }
        ["admin", "plans", rest @ ..] => {
            may(AdminScope::Plans)?;
            plans(call, deployment, &admin, asked, rest).await
        }
        ["admin", "owners", rest @ ..] => {
            may(AdminScope::Owners)?;
            owners(call, deployment, &admin, asked, rest).await
        }
        ["admin", "usage"] => {
            may(AdminScope::Usage)?;
            only(method, "GET")?;
            reply::object(call, 200, &admin.usage(&usage_filter(&query)).await?)
        }
        ["admin", "audit"] => {
            may(AdminScope::Audit)?;
            only(method, "GET")?;
            reply::object(call, 200, &admin.audit(&audit_filter(&query)).await?)
        }
        ["admin", "jobs", rest @ ..] => {
            may(AdminScope::Jobs)?;
            match (rest, method) {
                ([], "GET") => {
                    reply::object(call, 200, &admin.dead_jobs(&job_filter(&query)).await?)
                }
                ([], _) => Err(EdgeError::MethodNotAllowed("GET")),
                ([id, "retry"], "POST") => reply::object(call, 200, &admin.retry_job(id).await?),
                ([_, "retry"], _) => Err(EdgeError::MethodNotAllowed("POST")),
                _ => Err(EdgeError::UnknownRoute),
            }
        }
        ["admin", "portal-sessions"] => {
            may(AdminScope::Portal)?;
            only(method, "POST")?;
            let wish = asked.json(call).await?;
            let key = glue::header(call, "idempotency-key");
            let invited = admin
                .invite(&wish, &key, &asked.origin, &mut RuntimeRng)
                .await?;
            reply::object(call, 201, &invited)
        }
        ["admin", "hosts"] => {
            may(AdminScope::Hosts)?;
            only(method, "GET")?;
            reply::object(call, 200, &hosts::list(call, deployment).await?)
        }
        _ => Err(EdgeError::UnknownRoute),
    }
}

async fn keys(
    call: &Call,
    deployment: &Deployment,
    admin: &Admin<'_, Runtime<'_>>,
    asked: &Asked,
    query: &Query,
    rest: &[&str],
) -> Result<JsValue, EdgeError> {
    match (rest, asked.method.as_str()) {
        ([], "POST") => {
            let wish = asked.json(call).await?;
            let idem = idempotency(call, &wish)?;
            let made = admin.create(&wish, idem.as_ref(), &mut RuntimeRng).await?;
            reply::object(call, 201, &made)
        }
        ([], "GET") => reply::object(call, 200, &admin.list(false, &key_filter(query)).await?),
        ([], _) => Err(EdgeError::MethodNotAllowed("GET, POST")),
        (["bulk"], "POST") => {
            let wish = asked.json(call).await?;
            let idem = idempotency(call, &wish)?;
            let made = admin
                .create_many(&wish, idem.as_ref(), &mut RuntimeRng)
                .await?;
            reply::object(call, 201, &made)
        }
        (["import"], "POST") => {
            let wish = asked.json(call).await?;
            reply::object(call, 201, &admin.import(&wish, &mut RuntimeRng).await?)
        }
        (["bulk" | "import"], _) => Err(EdgeError::MethodNotAllowed("POST")),
        ([id], "GET") => reply::object(call, 200, &admin.get(false, id).await?),
        ([id], "PATCH") => {
            let wish = asked.json(call).await?;
            let detail = admin.patch(false, id, &wish).await?;
            forget(deployment, None);
            reply::object(call, 200, &detail)
        }
        ([id], "DELETE") => {
            let hashes = admin.revoke(false, id).await?;
            forget(deployment, Some(&hashes));
            Ok(reply::empty(call, 204))
        }
        ([_], _) => Err(EdgeError::MethodNotAllowed("GET, PATCH, DELETE")),
        ([id, "rotate"], "POST") => {
            let wish = asked.optional_json(call).await?;
            let idem = idempotency(call, &wish)?;
            let rng = &mut RuntimeRng;
            let rotated = admin.rotate(false, id, &wish, idem.as_ref(), rng).await?;
            forget(deployment, None);
            reply::object(call, 200, &rotated)
        }
        ([id, "credits"], "POST") => {
            let wish = asked.json(call).await?;
            let idem = idempotency(call, &wish)?;
            let left = admin.credits(id, &wish, idem.as_ref()).await?;
            forget(deployment, None);
            reply::object(call, 200, &left)
        }
        ([_, "rotate" | "credits"], _) => Err(EdgeError::MethodNotAllowed("POST")),
        ([id, "usage"], "GET") => {
            reply::object(call, 200, &admin.key_usage(id, &usage_filter(query)).await?)
        }
        ([_, "usage"], _) => Err(EdgeError::MethodNotAllowed("GET")),
        _ => Err(EdgeError::UnknownRoute),
    }
}

async fn root_keys(
    call: &Call,
    admin: &Admin<'_, Runtime<'_>>,
    asked: &Asked,
    query: &Query,
    holder: &[AdminScope],
    rest: &[&str],
) -> Result<JsValue, EdgeError> {
    match (rest, asked.method.as_str()) {
        ([], "POST") => {
            let wish = asked.json(call).await?;
            let idem = idempotency(call, &wish)?;
            let rng = &mut RuntimeRng;
            let made = admin.create_root(&wish, holder, idem.as_ref(), rng).await?;
            reply::object(call, 201, &made)
        }
        ([], "GET") => reply::object(call, 200, &admin.list(true, &key_filter(query)).await?),
        ([], _) => Err(EdgeError::MethodNotAllowed("GET, POST")),
        ([id], "GET") => reply::object(call, 200, &admin.get(true, id).await?),
        ([id], "PATCH") => {
            let wish = asked.json(call).await?;
            reply::object(call, 200, &admin.patch(true, id, &wish).await?)
        }
        ([id], "DELETE") => {
            admin.revoke(true, id).await?;
            Ok(reply::empty(call, 204))
        }
        ([_], _) => Err(EdgeError::MethodNotAllowed("GET, PATCH, DELETE")),
        ([id, "rotate"], "POST") => {
            let wish = asked.optional_json(call).await?;
            let idem = idempotency(call, &wish)?;
            let rng = &mut RuntimeRng;
            let rotated = admin.rotate(true, id, &wish, idem.as_ref(), rng).await?;
            reply::object(call, 200, &rotated)
        }
        ([_, "rotate"], _) => Err(EdgeError::MethodNotAllowed("POST")),
        _ => Err(EdgeError::UnknownRoute),
    }
}

async fn plans(
    call: &Call,
    deployment: &Deployment,
    admin: &Admin<'_, Runtime<'_>>,
    asked: &Asked,
    rest: &[&str],
) -> Result<JsValue, EdgeError> {
    match (rest, asked.method.as_str()) {
        ([], "GET") => reply::object(call, 200, &admin.plans().await?),
        ([], _) => Err(EdgeError::MethodNotAllowed("GET")),
        ([name], "GET") => reply::object(call, 200, &admin.plan(name).await?),
        ([name], "PUT") => {
            let wish = asked.json(call).await?;
            let plan = admin.put_plan(name, &wish).await?;
            deployment.plans.borrow_mut().remove(*name);
            forget(deployment, None);
            reply::object(call, 200, &plan)
        }
        ([name], "DELETE") => {
            admin.delete_plan(name).await?;
            deployment.plans.borrow_mut().remove(*name);
            Ok(reply::empty(call, 204))
        }
        ([_], _) => Err(EdgeError::MethodNotAllowed("GET, PUT, DELETE")),
        _ => Err(EdgeError::UnknownRoute),
    }
}

async fn owners(
    call: &Call,
    deployment: &Deployment,
    admin: &Admin<'_, Runtime<'_>>,
    asked: &Asked,
    rest: &[&str],
) -> Result<JsValue, EdgeError> {
    match (rest, asked.method.as_str()) {
        ([owner], "GET") => reply::object(call, 200, &admin.owner(&decoded(owner)?).await?),
        ([owner], "DELETE") => {
            let purged = admin.purge_owner(&decoded(owner)?).await?;
            forget(deployment, None);
            reply::object(call, 200, &purged)
        }
        ([_], _) => Err(EdgeError::MethodNotAllowed("GET, DELETE")),
        ([owner, "limits"], "PUT") => {
            let wish = asked.json(call).await?;
            let detail = admin.set_owner_limits(&decoded(owner)?, &wish).await?;
            forget(deployment, None);
            reply::object(call, 200, &detail)
        }
        ([_, "limits"], _) => Err(EdgeError::MethodNotAllowed("PUT")),
        _ => Err(EdgeError::UnknownRoute),
    }
}

/// What this isolate remembers of keys is read anew: of these, or of all. Others do so within a minute.
pub(crate) fn forget(deployment: &Deployment, hashes: Option<&[KeyHash]>) {
    let mut keys = deployment.keys.borrow_mut();
    match hashes {
        Some(hashes) => hashes.iter().for_each(|hash| keys.forget(hash)),
        None => keys.clear(),
    }
}

fn key_filter(query: &Query) -> KeyFilter {
    KeyFilter {
        owner: query.get("owner"),
        plan: query.get("plan"),
        enabled: query.get("enabled"),
        cursor: query.get("cursor"),
        limit: query.get("limit"),
    }
}

pub(crate) fn usage_filter(query: &Query) -> UsageFilter {
    UsageFilter {
        owner: query.get("owner"),
        plan: query.get("plan"),
        from: query.get("from"),
        to: query.get("to"),
        by: query.get("by"),
    }
}

fn job_filter(query: &Query) -> JobFilter {
    JobFilter {
        state: query.get("state"),
        owner: query.get("owner"),
        limit: query.get("limit"),
        cursor: query.get("cursor"),
    }
}

fn audit_filter(query: &Query) -> AuditFilter {
    AuditFilter {
        actor: query.get("actor"),
        action: query.get("action"),
        target: query.get("target"),
        owner: query.get("owner"),
        from: query.get("from"),
        to: query.get("to"),
        limit: query.get("limit"),
        cursor: query.get("cursor"),
    }
}

fn idempotency(call: &Call, body: &[u8]) -> Result<Option<Idempotency>, EdgeError> {
    Idempotency::of(&glue::header(call, "idempotency-key"), body)
}

fn only(method: &str, allowed: &'static str) -> Result<(), EdgeError> {
    if method == allowed {
        Ok(())
    } else {
        Err(EdgeError::MethodNotAllowed(allowed))
    }
}

/// A segment of the path: ids of others may hold what a URL writes in percents (`|`, `@`).
fn decoded(segment: &str) -> Result<String, EdgeError> {
    let decoded = js_sys::decode_uri_component(segment);
    decoded.map_or(Err(EdgeError::UnknownRoute), |text| Ok(text.into()))
}

//! `/v1/jobs/…` and `/v1/uploads/…` for their owners. The account's object has the last word (`js/jobs.js`).

use std::rc::Rc;

use edge_core::error::EdgeError;
use edge_core::idempotency::{Idempotency, is_given, mark};
use edge_core::jobs::{
    BatchRequest, JOB_PREFIX, JobList, JobSpec, JobState, Making, Source, is_id,
};
use edge_core::paging::{Page, page_of};
use edge_core::ports::{Clock as _, PortError};
use edge_core::scope::Scope;
use edge_core::transcripts::{account_hash, account_of};
use inference_api::transcript::Task;
use js_sys::futures::JsFuture;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::account_request::AccountRequest;
use crate::clock::RuntimeRng;
use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call, thrown};
use crate::reply;
use crate::router::{Parts, Route};

mod answers;
mod uploads;

use answers::{Answer, Batch, Item, Made, body_of, item, only_item, unavailable, wrong};

/// A request about the jobs of a key's account.
struct OfAccount {
    request: AccountRequest,
    /// Name of the account's object.
    object: String,
}

/// Answers one of the account's keys, which may do what it asks for.
pub(crate) fn of_owner(
    call: &Call,
    deployment: &Rc<Deployment>,
    key: &KnownKey,
    route: Route<'_>,
    parts: &Parts<'_>,
) -> JsValue {
    let asked = OfAccount {
        request: AccountRequest::new(call, deployment, key, parts),
        object: account_hash(&account_of(&key.record)),
    };
    match route {
        Route::Jobs if parts.method == "GET" => {
            reply::promise(call, async move { asked.list().await })
        }
        Route::Jobs => reply::promise(call, async move { asked.create().await }),
        Route::JobBatch => reply::promise(call, async move { asked.create_many().await }),
        Route::Job(id) => {
            let id = id.to_owned();
            reply::promise(call, async move { asked.one(&id).await })
        }
        Route::JobEvents(id) => {
            let id = id.to_owned();
            reply::promise(call, async move { asked.events(&id).await })
        }
        Route::Uploads => reply::promise(call, async move { asked.begin_upload().await }),
        // Its body may stop coming: JavaScript waits for that.
        Route::Upload(id) if parts.method == "PUT" => match asked.part(id, parts) {
            Ok((number, length)) => glue::upload_part(call, &asked.object, id, number, length),
            Err(refused) => reply::error(call, &refused),
        },
        Route::Upload(id) => {
            let id = id.to_owned();
            reply::promise(call, async move { asked.upload(&id).await })
        }
        Route::AsyncAudio(scope) => match asked.form(scope, parts) {
            Ok((id, items, mark)) => glue::store_form(call, &asked.object, &id, &items, &mark),
            Err(refused) => reply::error(call, &refused),
        },
        _ => reply::error(call, &EdgeError::UnknownRoute),
    }
}

fn known(prefix: &str, id: &str, what: &'static str) -> Result<(), EdgeError> {
    if is_id(prefix, id) {
        Ok(())
    } else {
        Err(EdgeError::NotFound(what))
    }
}

/// The answer to a form that is kept, as the object gave it.
#[wasm_bindgen(js_name = formStored)]
pub fn form_stored(call: &Call, answer: &str) -> JsValue {
    Answer::read(answer, EdgeError::TooManyJobs)
        .and_then(|answer| only_item(call, answer, true))
        .unwrap_or_else(|refused| reply::error(call, &refused))
}

/// The answer to a part of an upload.
#[wasm_bindgen(js_name = uploadAnswered)]
pub fn upload_answered(call: &Call, answer: &str) -> JsValue {
    let answer = Answer::read(answer, EdgeError::TooManyUploads).and_then(|answer| {
        let view = answer.view.ok_or_else(|| unavailable("no view"))?;
        Ok(reply::json(call, 200, &view))
    });
    answer.unwrap_or_else(|refused| reply::error(call, &refused))
}

/// The answer where the bucket did not take what came.
#[wasm_bindgen(js_name = notStored)]
pub fn not_stored(call: &Call, cause: String) -> JsValue {
    let port = "bucket";
    reply::error(
        call,
        &EdgeError::StoreUnavailable(PortError { port, cause }),
    )
}

impl OfAccount {
    async fn ask(&self, method: &str, args: &Value) -> Result<String, EdgeError> {
        let asked = glue::ask(
            &self.request.call,
            "JOBS",
            &self.object,
            method,
            &args.to_string(),
        );
        match JsFuture::from(asked).await {
            Ok(answer) => Ok(String::from(&answer)),
            Err(error) => Err(unavailable(thrown(&error))),
        }
    }

    fn making(&self) -> Making<'_> {
        Making {
            settings: &self.request.deployment.settings,
            record: &self.request.record,
            terms: &self.request.terms,
            edge: &self.request.origin,
            now: self.request.runtime().now(),
        }
    }

    /// The mark of a request with an `Idempotency-Key`, and what its body is known by; empty without one.
    fn once(&self, body: &[u8]) -> Result<(String, String), EdgeError> {
        let header = glue::header(&self.request.call, "idempotency-key");
        if !is_given(&header)? {
            return Ok(Default::default());
        }
        let mark = mark("jobs", &self.request.record.id, &self.request.path, &header);
        let body = Idempotency::of(&header, body)?.map(|idempotency| idempotency.body().to_owned());
        Ok((mark, body.unwrap_or_default()))
    }

    async fn make(&self, items: &[Value], wish: &[u8]) -> Result<Answer, EdgeError> {
        let (mark, body) = self.once(wish)?;
        let answer = self.ask("create", &json!([items, mark, body])).await?;
        Answer::read(&answer, EdgeError::TooManyJobs)
    }

    /// The webhook that a job names must be the account's.
    async fn has_webhook(&self, spec: &JobSpec) -> Result<(), EdgeError> {
        let Some(id) = &spec.webhook else {
            return Ok(());
        };
        let account = self.making().account();
        let runtime = self.request.runtime();
        let found: Result<Value, _> = runtime.webhooks(&account, "one", &json!([id])).await;
        match found.map_err(EdgeError::WebhooksUnavailable)?.get("done") {
            Some(_) => Ok(()),
            None => Err(EdgeError::NotFound("webhook")),
        }
    }

    async fn create(&self) -> Result<JsValue, EdgeError> {
        let wish = self.request.json().await?;
        let spec = self.making().of_json(&wish, &mut RuntimeRng)?;
        self.has_webhook(&spec).await?;
        let answer = self.make(&[item(&Ok(spec))], &wish).await?;
        only_item(&self.request.call, answer, false)
    }

    async fn create_many(&self) -> Result<JsValue, EdgeError> {
        let wish = self.request.json().await?;
        let batch = BatchRequest::read(&wish)?;
        let making = self.making();
        let specs = batch.jobs.iter().map(|item| {
            let text = item.to_string();
            making.of_json(text.as_bytes(), &mut RuntimeRng)
        });
        let mut items = Vec::new();
        for spec in specs.collect::<Vec<_>>() {
            let checked = match spec {
                Ok(spec) => self.has_webhook(&spec).await.map(|()| spec),
                refused => refused,
            };
            items.push(item(&checked));
        }
        let answer = self.make(&items, &wish).await?;
        let items = answer.items.into_iter().map(|made| match made {
            Made::View(view) => serde_json::from_str(&view).map(Item::Job),
            Made::Error(error) => Ok(Item::Error(error)),
            Made::Missing(missing) => Ok(Item::Error(body_of(&missing.error()))),
        });
        let data = items.collect::<Result<_, _>>().map_err(unavailable)?;
        reply::object(&self.request.call, 202, &Batch { data })
    }

    async fn list(&self) -> Result<JsValue, EdgeError> {
        let settings = &self.request.deployment.settings;
        let state = self.request.query.get("state").unwrap_or_default();
        if !state.is_empty() && JobState::ALL.iter().all(|known| known.as_str() != state) {
            return Err(wrong("state", "`state` must be a state of jobs."));
        }
        let question = format!("jobs {} {state}", self.object);
        let (limit, cursor) = (
            self.request.query.get("limit"),
            self.request.query.get("cursor"),
        );
        let page: Page = page_of(settings, &question, limit.as_deref(), cursor.as_deref())?;
        let args = json!([state, page.before, page.limit + 1]);
        let found = self.ask("list", &args).await?;
        let found: Vec<(u64, String)> = serde_json::from_str(&found).map_err(unavailable)?;
        let (found, next_cursor) = page.cut(settings, &question, found);
        let views = found.iter().map(|(_, view)| serde_json::from_str(view));
        let data = views.collect::<Result<_, _>>().map_err(unavailable)?;
        reply::object(&self.request.call, 200, &JobList { data, next_cursor })
    }

    /// A job as it stands; null where there is none.
    async fn asked_of(&self, method: &str, id: &str) -> Result<String, EdgeError> {
        known(JOB_PREFIX, id, "job")?;
        match self.ask(method, &json!([id])).await?.as_str() {
            "null" => Err(EdgeError::NotFound("job")),
            view => Ok(view.to_owned()),
        }
    }

    async fn one(&self, id: &str) -> Result<JsValue, EdgeError> {
        let method = if self.request.method == "DELETE" {
            "cancel"
        } else {
            "view"
        };
        let view = self.asked_of(method, id).await?;
        Ok(reply::json(&self.request.call, 200, &view))
    }

    async fn events(&self, id: &str) -> Result<JsValue, EdgeError> {
        let view = self.asked_of("view", id).await?;
        Ok(glue::job_events(
            &self.request.call,
            &self.object,
            id,
            &view,
        ))
    }

    /// The job of a form that comes: its id, what the object is to make, and the mark of the request.
    fn form(&self, scope: Scope, parts: &Parts<'_>) -> Result<(String, String, String), EdgeError> {
        let task = match scope {
            Scope::Translate => Task::Translate,
            _ => Task::Transcribe,
        };
        // The bucket takes no body of unknown length.
        if parts.content_length.is_empty() {
            return Err(EdgeError::LengthRequired);
        }
        let content_type = parts.content_type.to_owned();
        let source = Source::Form { content_type, task };
        let spec = self.making().make(source, &mut RuntimeRng)?;
        // Of what the body holds only its length can be compared before it is there.
        let (mark, body) = self.once(parts.content_length.as_bytes())?;
        let once = json!([mark, body]).to_string();
        let id = spec.id.clone();
        Ok((id, json!([item(&Ok(spec))]).to_string(), once))
    }
}

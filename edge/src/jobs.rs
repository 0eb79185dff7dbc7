//! `/v1/jobs/…` and `/v1/uploads/…` for their owners. The account's object has the last word (`js/jobs.js`).

use std::rc::Rc;

use edge_core::admin::MAX_BODY_BYTES;
use edge_core::error::EdgeError;
use edge_core::idempotency::{Idempotency, is_given, mark};
use edge_core::jobs::{
    BatchRequest, JOB_PREFIX, JobList, JobSpec, JobState, JobView, MAX_PARTS, Making, PART_BYTES,
    Source, UPLOAD_PREFIX, UploadRequest, is_id, new_id,
};
use edge_core::key_record::{KeyRecord, Terms};
use edge_core::paging::{Page, page_of};
use edge_core::ports::{Clock as _, PortError};
use edge_core::scope::Scope;
use edge_core::transcripts::{account_hash, account_of};
use inference_api::envelope::{Envelope, ErrorBody};
use inference_api::transcript::Task;
use js_sys::futures::JsFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::clock::RuntimeRng;
use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call, UrlSearchParams, thrown};
use crate::ports::Runtime;
use crate::router::{Parts, Route};
use crate::{body, reply};

/// A request about the jobs of a key's account, kept while storage is waited for.
struct Asked {
    call: Call,
    deployment: Rc<Deployment>,
    record: KeyRecord,
    terms: Terms,
    /// Name of the account's object.
    account: String,
    method: String,
    path: String,
    content_type: String,
    query: UrlSearchParams,
    /// Under which callers and hosts reach this edge.
    origin: String,
}

/// Answers one of the account's keys, which may do what it asks for.
pub(crate) fn of_owner(
    call: &Call,
    deployment: &Rc<Deployment>,
    key: &KnownKey,
    route: Route<'_>,
    parts: &Parts<'_>,
) -> JsValue {
    let asked = Asked {
        call: call.clone(),
        deployment: Rc::clone(deployment),
        record: key.record.clone(),
        terms: key.terms.clone(),
        account: account_hash(&account_of(&key.record)),
        method: parts.method.to_owned(),
        path: parts.path.to_owned(),
        content_type: parts.content_type.to_owned(),
        query: UrlSearchParams::new(parts.query),
        origin: deployment.settings.origin(parts.origin).to_owned(),
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
            Ok((number, length)) => glue::upload_part(call, &asked.account, id, number, length),
            Err(refused) => reply::error(call, &refused),
        },
        Route::Upload(id) => {
            let id = id.to_owned();
            reply::promise(call, async move { asked.upload(&id).await })
        }
        Route::AsyncAudio(scope) => match asked.form(scope, parts) {
            Ok((id, items, mark)) => glue::store_form(call, &asked.account, &id, &items, &mark),
            Err(refused) => reply::error(call, &refused),
        },
        _ => reply::error(call, &EdgeError::UnknownRoute),
    }
}

/// What the object made of an item.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Made {
    /// [`JobView`] as JSON.
    View(String),
    Error(ErrorBody),
    Missing(Missing),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Missing {
    Upload,
    Parts,
    Address,
}

impl Missing {
    const fn error(self) -> EdgeError {
        match self {
            Self::Upload => EdgeError::NotFound("upload"),
            Self::Parts => EdgeError::UploadIsIncomplete,
            Self::Address => EdgeError::UrlNotAllowed,
        }
    }
}

/// An item of a batch as its sender sees it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Item {
    Job(Box<JobView>),
    Error(ErrorBody),
}

#[derive(Serialize)]
struct Batch {
    data: Vec<Item>,
}

/// The object's answer to a request that makes something.
#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    items: Vec<Made>,
    /// A view as JSON.
    view: Option<String>,
    error: Option<String>,
    #[serde(default)]
    most: u32,
    #[serde(default)]
    length: u64,
}

impl Answer {
    fn read(text: &str, full: fn(u32) -> EdgeError) -> Result<Self, EdgeError> {
        let answer: Self = serde_json::from_str(text).map_err(unavailable)?;
        match answer.error.as_deref() {
            None => Ok(answer),
            Some("reused") => Err(EdgeError::IdempotencyKeyReused),
            Some("full") => Err(full(answer.most)),
            Some("missing") => Err(EdgeError::NotFound("upload")),
            Some("complete") => Err(EdgeError::UploadIsComplete),
            Some("no_part") => Err(wrong("part", "The file has no part of this number.")),
            Some("length") => {
                let message = format!("This part must be {} bytes long.", answer.length);
                Err(wrong("content-length", &message))
            }
            Some(other) => Err(unavailable(other)),
        }
    }
}

fn wrong(param: &'static str, message: &str) -> EdgeError {
    EdgeError::InvalidValue {
        param,
        message: message.to_owned(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn unavailable(cause: impl ToString) -> EdgeError {
    EdgeError::JobsUnavailable(PortError {
        port: "jobs",
        cause: cause.to_string(),
    })
}

fn body_of(error: &EdgeError) -> ErrorBody {
    let answer = error.answer();
    Envelope::new(answer.message, answer.r#type, answer.param, answer.code).error
}

fn known(prefix: &str, id: &str, what: &'static str) -> Result<(), EdgeError> {
    if is_id(prefix, id) {
        Ok(())
    } else {
        Err(EdgeError::NotFound(what))
    }
}

/// 202 with a job and where it is to be asked after. `preferred`: because the caller preferred so (RFC 7240).
fn accepted(call: &Call, view: &str, preferred: bool) -> Result<JsValue, EdgeError> {
    let JobView { id, .. } = serde_json::from_str(view).map_err(unavailable)?;
    let mut extra = format!("location: /v1/jobs/{id}");
    if preferred {
        extra.push_str("\npreference-applied: respond-async");
    }
    Ok(reply::json_with(call, 202, view, &extra))
}

/// The one item that was asked for.
fn only_item(call: &Call, answer: Answer, preferred: bool) -> Result<JsValue, EdgeError> {
    match answer.items.into_iter().next() {
        Some(Made::View(view)) => accepted(call, &view, preferred),
        Some(Made::Missing(missing)) => Err(missing.error()),
        Some(Made::Error(_)) | None => Err(unavailable("no job was made")),
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

impl Asked {
    async fn ask(&self, method: &str, args: &Value) -> Result<String, EdgeError> {
        let asked = glue::ask(&self.call, "JOBS", &self.account, method, &args.to_string());
        match JsFuture::from(asked).await {
            Ok(answer) => Ok(String::from(&answer)),
            Err(error) => Err(unavailable(thrown(&error))),
        }
    }

    fn making(&self) -> Making<'_> {
        Making {
            settings: &self.deployment.settings,
            record: &self.record,
            terms: &self.terms,
            edge: &self.origin,
            now: Runtime { call: &self.call }.now(),
        }
    }

    /// The mark of a request with an `Idempotency-Key`, and what its body is known by; empty without one.
    fn once(&self, body: &[u8]) -> Result<(String, String), EdgeError> {
        let header = glue::header(&self.call, "idempotency-key");
        if !is_given(&header)? {
            return Ok(Default::default());
        }
        let mark = mark("jobs", &self.record.id, &self.path, &header);
        let body = Idempotency::of(&header, body)?.map(|idempotency| idempotency.body().to_owned());
        Ok((mark, body.unwrap_or_default()))
    }

    async fn json(&self) -> Result<Vec<u8>, EdgeError> {
        body::json(&self.call, &self.content_type, MAX_BODY_BYTES).await
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
        let runtime = Runtime { call: &self.call };
        let found: Result<Value, _> = runtime.webhooks(&account, "one", &json!([id])).await;
        match found.map_err(EdgeError::WebhooksUnavailable)?.get("done") {
            Some(_) => Ok(()),
            None => Err(EdgeError::NotFound("webhook")),
        }
    }

    async fn create(&self) -> Result<JsValue, EdgeError> {
        let wish = self.json().await?;
        let spec = self.making().of_json(&wish, &mut RuntimeRng)?;
        self.has_webhook(&spec).await?;
        let answer = self.make(&[item(&Ok(spec))], &wish).await?;
        only_item(&self.call, answer, false)
    }

    async fn create_many(&self) -> Result<JsValue, EdgeError> {
        let wish = self.json().await?;
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
        reply::object(&self.call, 202, &Batch { data })
    }

    async fn list(&self) -> Result<JsValue, EdgeError> {
        let settings = &self.deployment.settings;
        let state = self.query.get("state").unwrap_or_default();
        if !state.is_empty() && JobState::ALL.iter().all(|known| known.as_str() != state) {
            return Err(wrong("state", "`state` must be a state of jobs."));
        }
        let question = format!("jobs {} {state}", self.account);
        let (limit, cursor) = (self.query.get("limit"), self.query.get("cursor"));
        let page: Page = page_of(settings, &question, limit.as_deref(), cursor.as_deref())?;
        let args = json!([state, page.before, page.limit + 1]);
        let found = self.ask("list", &args).await?;
        let found: Vec<(u64, String)> = serde_json::from_str(&found).map_err(unavailable)?;
        let (found, next_cursor) = page.cut(settings, &question, found);
        let views = found.iter().map(|(_, view)| serde_json::from_str(view));
        let data = views.collect::<Result<_, _>>().map_err(unavailable)?;
        reply::object(&self.call, 200, &JobList { data, next_cursor })
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
        let method = if self.method == "DELETE" {
            "cancel"
        } else {
            "view"
        };
        let view = self.asked_of(method, id).await?;
        Ok(reply::json(&self.call, 200, &view))
    }

    async fn events(&self, id: &str) -> Result<JsValue, EdgeError> {
        let view = self.asked_of("view", id).await?;
        Ok(glue::job_events(&self.call, &self.account, id, &view))
    }

    async fn begin_upload(&self) -> Result<JsValue, EdgeError> {
        let body = self.json().await?;
        let wish = UploadRequest::read(&body, self.deployment.settings.max_job_bytes)?;
        let (mark, body) = self.once(&body)?;
        let id = new_id(UPLOAD_PREFIX, &mut RuntimeRng)?;
        let parts = wish.bytes.div_ceil(PART_BYTES);
        let UploadRequest {
            name,
            bytes,
            sha256,
        } = wish;
        let upload = json!({"id": id, "name": name, "bytes": bytes, "sha256": sha256});
        let args = json!([upload, parts, mark, body]);
        let answer = self.ask("createUpload", &args).await?;
        let answer = Answer::read(&answer, EdgeError::TooManyUploads)?;
        let view = answer.view.ok_or_else(|| unavailable("no view"))?;
        Ok(reply::json(&self.call, 201, &view))
    }

    /// Shows it, or deletes it.
    async fn upload(&self, id: &str) -> Result<JsValue, EdgeError> {
        known(UPLOAD_PREFIX, id, "upload")?;
        if self.method != "DELETE" {
            return match self.ask("uploadView", &json!([id])).await?.as_str() {
                "null" => Err(EdgeError::NotFound("upload")),
                view => Ok(reply::json(&self.call, 200, view)),
            };
        }
        match self.ask("deleteUpload", &json!([id])).await?.as_str() {
            "true" => Ok(reply::empty(&self.call, 204)),
            _ => Err(EdgeError::NotFound("upload")),
        }
    }

    /// Number and length of a part that comes.
    fn part(&self, id: &str, parts: &Parts<'_>) -> Result<(f64, f64), EdgeError> {
        known(UPLOAD_PREFIX, id, "upload")?;
        let number = self.query.get("part").unwrap_or_else(|| "1".to_owned());
        let number: u32 = number
            .parse()
            .ok()
            .filter(|number| (1..=MAX_PARTS).contains(&u64::from(*number)))
            .ok_or_else(|| wrong("part", "`part` must be 1 to 10000."))?;
        let length: u32 = match parts.content_length {
            "" => return Err(EdgeError::LengthRequired),
            text => text.parse().map_err(|_| EdgeError::TooLarge(PART_BYTES))?,
        };
        if u64::from(length) > PART_BYTES {
            return Err(EdgeError::TooLarge(PART_BYTES));
        }
        Ok((f64::from(number), f64::from(length)))
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

/// What the object is to make: a job, or nothing for the reason that is said.
fn item(spec: &Result<JobSpec, EdgeError>) -> Value {
    match spec {
        Ok(spec) => json!({ "spec": spec }),
        Err(error) => json!({ "error": body_of(error) }),
    }
}

//! What the JavaScript of jobs asks of the rules (`js/jobs.js`, `js/job_queue.js`): texts and numbers in, texts and
//! numbers out, nothing kept in between.

use edge_core::error::EdgeError;
use edge_core::jobs::{
    JobRow, JobSpec, JobState, JobView, UploadRow, UploadView, event_of, fate, part_length,
    poll_after_ms, start,
};
use edge_core::ports::UnixMs;
use inference_api::job::PATH;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::clock::{RuntimeRng, unix_ms};
use crate::deployment::deployment;
use crate::forward;
use crate::glue::Call;

/// How much longer than a host may take for a job its lease lasts, in milliseconds: it may have waited for a host.
const LEASE_MARGIN_MS: u64 = 86_400_000;
/// How long a job may take to be handed to a host, in milliseconds: a consumer has a quarter of an hour (Cloudflare's
/// documentation, "Queues limits").
const HANDING_MS: u32 = 840_000;

type Given<T> = Result<T, JsValue>;

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn failed(error: impl ToString) -> JsValue {
    JsValue::from(error.to_string())
}

fn refused(error: &EdgeError) -> JsValue {
    JsValue::from(error.cause().unwrap_or_else(|| format!("{error:?}")))
}

fn read<T: DeserializeOwned>(json: &str) -> Given<T> {
    serde_json::from_str(json).map_err(failed)
}

fn text(value: &impl Serialize) -> Given<String> {
    serde_json::to_string(value).map_err(failed)
}

/// What the deployment allows: how many at once, how often, how long a lease lasts.
#[wasm_bindgen(js_name = jobLimits)]
pub fn job_limits(call: &Call) -> Given<String> {
    let deployment = deployment(call).map_err(|error| refused(&error))?;
    let settings = &deployment.settings;
    let lease_ms = u64::from(settings.job_timeout_seconds) * 1000 + LEASE_MARGIN_MS;
    let limits = json!({
        "at_once": settings.jobs_at_once,
        "attempts": settings.job_attempts,
        "lease_ms": lease_ms,
    });
    Ok(limits.to_string())
}

/// Whether a job may start, by its limiter's packed word.
#[wasm_bindgen(js_name = jobStart)]
pub fn job_start(packed: &str, now: f64) -> Given<String> {
    text(&start(packed, unix_ms(now)))
}

/// What becomes of a job after a failure.
#[wasm_bindgen(js_name = jobFate)]
pub fn job_fate(status: u16, attempt: u32, most: u32) -> Given<String> {
    text(&fate(status, attempt, most))
}

/// When a host is asked again, in milliseconds.
#[wasm_bindgen(js_name = jobPollAfter)]
#[expect(clippy::cast_precision_loss, reason = "some seconds")]
pub fn job_poll_after(age_ms: f64, watched: bool) -> f64 {
    poll_after_ms(unix_ms(age_ms).0, watched) as f64
}

/// A row of the table of jobs as its owner sees it.
#[wasm_bindgen(js_name = jobView)]
pub fn job_view(row: &str) -> Given<String> {
    let row: JobRow = read(row)?;
    text(&JobView::of(row).map_err(failed)?)
}

/// The type of the event that tells of a view, and whether it is the last one.
#[wasm_bindgen(js_name = jobEvent)]
pub fn job_event(view: &str) -> Given<String> {
    #[derive(serde::Deserialize)]
    struct Standing {
        state: JobState,
    }
    let Standing { state } = read(view)?;
    text(&(event_of(state), state.is_over()))
}

/// A row of the table of uploads as its owner sees it.
#[wasm_bindgen(js_name = uploadView)]
pub fn upload_view(row: &str) -> Given<String> {
    let row: UploadRow = read(row)?;
    text(&UploadView::from(row))
}

/// How long a part of a file is; 0 where the file has no such part.
#[wasm_bindgen(js_name = partLength)]
#[expect(clippy::cast_precision_loss, reason = "at most 64 MiB")]
pub fn part_length_of(bytes: f64, number: f64) -> f64 {
    part_length(unix_ms(bytes).0, unix_ms(number).0).unwrap_or(0) as f64
}

/// The signed statement with which the host of a job is asked about it.
#[wasm_bindgen(js_name = signJob)]
pub fn sign_job(call: &Call, spec: &str, method: &str, now: f64) -> Given<String> {
    let deployment = deployment(call).map_err(|error| refused(&error))?;
    let settings = &deployment.settings;
    let (spec, now): (JobSpec, UnixMs) = (read(spec)?, unix_ms(now));
    let request_id = edge_core::jobs::new_id("req_", &mut RuntimeRng);
    let request_id = request_id.map_err(|error| refused(&error))?;
    let path = format!("{PATH}{}", spec.id);
    let claims = spec
        .claims(settings, request_id.clone(), None, now)
        .encode();
    let signer = settings.signing_secrets.first();
    let signer = signer.ok_or_else(|| failed("no signing secret"))?;
    let signature = signer.sign(method, &path, &claims, now.seconds());
    Ok(json!({"request_id": request_id, "claims": claims, "signature": signature}).to_string())
}

/// Signs a job that goes to a host and chooses the host; whether there is one, or may be. `sha256`: of the file, or
/// empty.
#[wasm_bindgen(js_name = prepareJob)]
pub fn prepare_job(call: &Call, spec: &str, sha256: &str, now: f64) -> Given<bool> {
    let deployment = deployment(call).map_err(|error| refused(&error))?;
    let (spec, now): (JobSpec, UnixMs) = (read(spec)?, unix_ms(now));
    let sha256 = Some(sha256.to_owned()).filter(|hash| !hash.is_empty());
    let claims = spec.claims(&deployment.settings, call.id(), sha256, now);
    let outgoing = forward::Outgoing {
        method: "POST",
        path: &format!("{PATH}{}", spec.id),
        query: "",
        claims: &claims,
        timeout_ms: HANDING_MS,
        model: || spec.model.clone(),
    };
    Ok(forward::send(call, &deployment, &outgoing, now).is_ok())
}

/// Tells the host's record what became of a job that was handed to it.
#[wasm_bindgen(js_name = jobHanded)]
pub fn job_handed(call: &Call, outcome: u16, host: u32, load: &str, now: f64) {
    if let Ok(deployment) = deployment(call) {
        // It was accepted: 202 is an answer like 200.
        let outcome = if outcome == 202 { 200 } else { outcome };
        let mut upstreams = deployment.upstreams.borrow_mut();
        forward::note(&mut upstreams, host, outcome, load, unix_ms(now));
    }
}

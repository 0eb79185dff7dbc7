//! `/v1/jobs/{id}`: a job is brought, asked for, ended.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use inference_api::claims::Claims;
use inference_api::job::{self, Fetch, Report};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::RequestId;
use super::transcription::time_left;
use crate::error::{Error, Failure};
use crate::form::{Asked, Form};
use crate::jobs::{self, Job, Place, Taken};
use crate::service::Service;
use crate::spool::free_bytes;
use crate::telemetry::{JOB, Record, SPANS};
use crate::upload::{self, Incoming};

/// `GET`: how it stands.
pub(super) async fn report(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Json<Report>, Error> {
    let (_, about) = authenticate(&service, &request.into_parts().0)?;
    let report = service.jobs.report(&about.id);
    report.map(Json).ok_or(Error::NotFound)
}

/// `DELETE`: it is ended, if it is not over.
pub(super) async fn cancel(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Json<Report>, Error> {
    let (_, about) = authenticate(&service, &request.into_parts().0)?;
    let report = service.jobs.cancel(&about.id);
    report.map(Json).ok_or(Error::NotFound)
}

/// `POST`: it is taken on; 202 once its form was read.
pub(super) async fn begin(service: Arc<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::new(body);
    let id = parts
        .extensions
        .get::<RequestId>()
        .map_or_else(String::new, |id| id.as_str().to_owned());
    let mut record = Record::new(Arc::clone(&service.metrics), id, JOB, &parts.headers);
    let span = record.span();
    let taken = take(&service, &parts, &incoming, &mut record)
        .instrument(span)
        .await;
    record.bytes = incoming.bytes();
    let mut response = match taken {
        Ok(report) => (StatusCode::ACCEPTED, Json(report)).into_response(),
        Err(error) => {
            record.cause = error.cause().map(str::to_owned);
            error.into_response()
        }
    };
    // The record says it all: nothing further is to be logged about the failure.
    let failure = response.extensions_mut().remove::<Failure>();
    let code = failure.map_or("ok", |failure| failure.code);
    record.answered(response.status().as_u16(), code);
    record.sent();
    if !incoming.is_complete() {
        incoming.drain().await;
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// The stages in order, each with what it must not come before.
async fn take(
    service: &Arc<Service>,
    parts: &Parts,
    incoming: &Incoming,
    record: &mut Record,
) -> Result<Report, Error> {
    let (claims, about) = authenticate(service, parts)?;
    record.key_id.clone_from(&claims.key_id);
    record.owner.clone_from(&claims.owner);
    let scope = about.task.as_str();
    if !claims.scopes.iter().any(|s| s == scope) {
        return Err(Error::InsufficientScope { scope });
    }
    let keep = claims.keep.clone().ok_or_else(|| untrue("no transcript"))?;
    let keeper = service.keeper()?;
    let place = match service.jobs.take(&about.id, claims.caller())? {
        Taken::New(place) => place,
        Taken::Known(report) => return Ok(report),
    };
    let time = time_left(&claims);
    if time.is_zero() {
        return Err(Error::DeadlineExceeded);
    }
    let deadline = Instant::now() + time;
    let form = {
        let reading = read(service, parts, incoming, about.max_file_bytes);
        tokio::select! {
            biased;
            () = place.ended() => return ended(service, &place),
            form = timeout_at(deadline, reading) => form.unwrap_or(Err(Error::DeadlineExceeded))?,
        }
    };
    let (mut asked, model) = Asked::of(&form, about.task, |name| {
        let chosen = service.registry.choose(name, &claims)?;
        chosen.id().clone_into(&mut record.model);
        Ok(chosen)
    })?;
    // What is stored must be able to become any format later.
    asked.options.words = true;
    asked.stream = false;
    check_source(&form, about.fetch)?;
    let report = place.report();
    let job = Job {
        request_id: record.request_id.clone(),
        claims,
        about,
        keep,
        keeper,
        form,
        asked,
        model,
        place,
        deadline,
    };
    jobs::begin(Arc::clone(service), job, record.span());
    Ok(report)
}

/// Claims of the edge that speak of the job that the path names.
fn authenticate(service: &Service, parts: &Parts) -> Result<(Claims, job::Job), Error> {
    let claims = service.auth.authenticate(parts)?;
    let about = claims.job.clone().ok_or_else(|| untrue("no job"))?;
    if parts.uri.path().strip_prefix(job::PATH) != Some(about.id.as_str()) {
        return Err(untrue("another job"));
    }
    Ok((claims, about))
}

fn untrue(what: &str) -> Error {
    Error::InvalidSignature {
        cause: format!("the claims are about {what}"),
    }
}

/// The form, under the bounds of jobs.
async fn read(
    service: &Service,
    parts: &Parts,
    incoming: &Incoming,
    max_file_bytes: u64,
) -> Result<Form, Error> {
    let mut bounds = service.job_bounds.clone();
    bounds.max_file_bytes = bounds.max_file_bytes.min(max_file_bytes);
    let boundary = upload::check_headers(&parts.headers, &bounds)?;
    if let Some(announced) = upload::announced(&parts.headers)
        && free_bytes(&bounds.spool_dir).is_some_and(|free| free < announced)
    {
        return Err(Error::storage_full());
    }
    // It has no permit that it could give up.
    upload::read(incoming, boundary, &bounds, None, true)
        .instrument(tracing::info_span!(target: SPANS, "upload"))
        .await
}

/// Of one that was ended before it began.
fn ended(service: &Service, place: &Place) -> Result<Report, Error> {
    service.jobs.report(place.id()).ok_or(Error::ShuttingDown)
}

/// A file, or where it is. Where nothing is fetched an address is a field like any other that is not known.
fn check_source(form: &Form, fetch: Fetch) -> Result<(), Error> {
    match (&form.file, form.url()) {
        (None, None) => Err(Error::MissingParameter { param: "file" }),
        (Some(_), Some(_)) if fetch != Fetch::Off => Err(Error::InvalidValue {
            param: "url",
            problem: "the form has a file already".to_owned(),
        }),
        _ => Ok(()),
    }
}

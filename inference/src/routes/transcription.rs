//! `POST /v1/audio/transcriptions` and `/v1/audio/translations`: one request from its signature to
//! its last byte.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use inference_api::claims::{Claims, Render};
use inference_api::headers::{AUDIO_SECONDS, DECODE_MS, INFERENCE_MS, QUEUE_MS};
use inference_api::render::{
    EVENT_STREAM, ResponseFormat, canonical, done_event, render, segment_events,
};
use inference_api::transcript::{Task, Transcript};
use inference_audio::{Limits, Pcm};
use tokio_util::sync::CancellationToken;

use super::RequestId;
use crate::admission::Permit;
use crate::backend::BackendError;
use crate::error::{Error, Failure};
use crate::form::{Asked, Form};
use crate::queue::Job;
use crate::service::Service;
use crate::spool::Spooled;
use crate::telemetry::Record;
use crate::upload::{self, Incoming};

/// Serves one request, and sees to it that its sender gets the answer whatever became of the body.
pub(super) async fn handle(service: Arc<Service>, task: Task, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::new(body);
    let id = parts
        .extensions
        .get::<RequestId>()
        .map_or_else(String::new, |id| id.as_str().to_owned());
    let mut record = Record::new(Arc::clone(&service.metrics), id, task.as_str());
    let mut permit = None;
    let answer = serve(&service, task, &parts, &incoming, &mut record, &mut permit).await;
    record.bytes = incoming.bytes();
    if answer.is_err() {
        // A refusal needs no place, and its sender may be slow to finish.
        permit = None;
    }
    let mut response = answer.unwrap_or_else(|error| {
        record.cause = error.cause().map(str::to_owned);
        error.into_response()
    });
    // The record says it all: nothing further is to be logged about the failure.
    let code = response
        .extensions_mut()
        .remove::<Failure>()
        .map_or("ok", |f| f.code);
    record.answered(response.status().as_u16(), code);
    timings(&record, response.headers_mut());
    if !incoming.is_complete() {
        incoming.drain().await;
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| {
        if body.is_end_stream() {
            // hyper asks a body without bytes for none.
            record.sent();
        }
        Body::new(Held {
            body,
            record,
            _permit: permit,
        })
    })
}

/// The stages in order, each with what it must not come before.
async fn serve(
    service: &Service,
    task: Task,
    parts: &Parts,
    incoming: &Incoming,
    record: &mut Record,
    permit: &mut Option<Permit>,
) -> Result<Response, Error> {
    // Before anything is spent on it.
    let claims = service.auth.authenticate(parts)?;
    record.key_id.clone_from(&claims.key_id);
    record.owner.clone_from(&claims.owner);
    let scope = task.as_str();
    if !claims.scopes.iter().any(|s| s == scope) {
        return Err(Error::InsufficientScope { scope });
    }
    let boundary = upload::check_headers(&parts.headers, &service.bounds)?;
    if service.is_draining() {
        return Err(Error::ShuttingDown);
    }
    let time = time_left(&claims).min(service.request_timeout);
    if time.is_zero() {
        return Err(Error::DeadlineExceeded);
    }
    // Before the body is read: a full service says so at once.
    *permit = service.admission.admit().await;
    if permit.is_none() {
        return Err(Error::QueueFull {
            retry_after: service.retry_after(),
        });
    }
    let work = work(service, task, &claims, incoming, boundary, record);
    tokio::time::timeout(time, work)
        .await
        .unwrap_or(Err(Error::DeadlineExceeded))
}

/// Time until the claims' deadline.
fn time_left(claims: &Claims) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(claims.deadline_ms).saturating_sub(now)
}

/// What is done under a permit and a deadline. Dropping it anywhere frees all that it holds.
async fn work(
    service: &Service,
    task: Task,
    claims: &Claims,
    incoming: &Incoming,
    boundary: String,
    record: &mut Record,
) -> Result<Response, Error> {
    let mut form = {
        let upload = service.admission.upload();
        upload::read(incoming, boundary, &service.bounds, &upload).await?
    };
    let (mut asked, model) = Asked::of(&form, task, &service.registry)?;
    model.id().clone_into(&mut record.model);
    if !model.is_allowed_by(claims) {
        return Err(Error::ModelNotAllowed {
            model: asked.model_name,
        });
    }
    if claims.render == Render::Canonical {
        // What is stored must be able to become any format later.
        asked.options.words = true;
    }
    let file = take_file(&mut form)?;

    // Audio is decoded only when a state will soon be free for it: decoded it takes far more room
    // than the file. Whoever waits here is in the same line, first come, first served.
    let entered = Instant::now();
    let _clip = service.clip().await?;
    let waited_for_decoder = entered.elapsed();
    record.queue = Some(waited_for_decoder);

    let began = Instant::now();
    let pcm = decode(file, limits(service, claims)).await?;
    record.decode = Some(began.elapsed());
    record.audio = Some(pcm.duration);

    let ticket = service.pool.queue().submit(Job {
        model: model.index(),
        samples: pcm.samples,
        options: asked.options.clone(),
    });
    let finished = ticket.outcome().await.map_err(|error| match error {
        BackendError::Aborted => Error::DeadlineExceeded,
        other => Error::internal(other),
    })?;
    record.queue = Some(waited_for_decoder + finished.waited);
    record.inference = Some(finished.ran);
    record.full_window = finished.decoded.fell_back;

    let transcript = Transcript {
        task,
        language: finished.decoded.language,
        duration: (pcm.duration.as_secs_f64() * 1000.0).round() / 1000.0,
        segments: finished.decoded.segments,
        words: finished.decoded.words,
        logprobs: finished.decoded.logprobs,
    };
    Ok(respond(&transcript, &asked, claims.render))
}

fn take_file(form: &mut Form) -> Result<Spooled, Error> {
    let file = form
        .file
        .take()
        .ok_or(Error::MissingParameter { param: "file" })?;
    if form.file_bytes == 0 {
        return Err(Error::EmptyFile);
    }
    Ok(file)
}

/// The service's limits, and the key's where that is tighter.
fn limits(service: &Service, claims: &Claims) -> Limits {
    let mut limits = service.limits.clone();
    if let Some(seconds) = claims.max_audio_seconds
        && let Ok(of_key) = Duration::try_from_secs_f64(seconds)
    {
        limits.max_duration = limits.max_duration.min(of_key);
    }
    limits
}

/// Decodes off the async threads. Dropping the future stops the decoder at its next packet.
async fn decode(file: Spooled, limits: Limits) -> Result<Pcm, Error> {
    let token = CancellationToken::new();
    let _stop = token.clone().drop_guard();
    let decoded = tokio::task::spawn_blocking(move || {
        inference_audio::decode(file, &limits, &|| token.is_cancelled())
    });
    Ok(decoded.await.map_err(Error::internal)??)
}

fn respond(transcript: &Transcript, asked: &Asked, to: Render) -> Response {
    if to == Render::Canonical {
        let kind = ResponseFormat::Json.content_type();
        return ([(CONTENT_TYPE, kind)], canonical(transcript)).into_response();
    }
    if asked.stream {
        let events: String = transcript.segments.iter().map(segment_events).collect();
        let headers = [(CONTENT_TYPE, EVENT_STREAM), (CACHE_CONTROL, "no-cache")];
        return (headers, events + &done_event(transcript)).into_response();
    }
    let kind = asked.format.content_type();
    ([(CONTENT_TYPE, kind)], render(transcript, asked.format)).into_response()
}

/// What the edge turns into `Server-Timing`; on errors too, as far as the request came.
fn timings(record: &Record, headers: &mut HeaderMap) {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    let values = [
        (
            AUDIO_SECONDS,
            record.audio.map(|a| format!("{:.3}", a.as_secs_f64())),
        ),
        (QUEUE_MS, record.queue.map(ms)),
        (DECODE_MS, record.decode.map(ms)),
        (INFERENCE_MS, record.inference.map(ms)),
    ];
    for (name, value) in values {
        if let Some(value) = value.and_then(|v| HeaderValue::from_str(&v).ok()) {
            headers.insert(name, value);
        }
    }
}

/// An answer's body, which holds the permit and the log record until its last byte or its drop.
struct Held {
    body: Body,
    record: Record,
    _permit: Option<Permit>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        // hyper does not ask again after a last piece that says it is one.
        if frame.is_none() || self.body.is_end_stream() {
            self.record.sent();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

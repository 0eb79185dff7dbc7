//! `POST /v1/audio/transcriptions` and `/v1/audio/translations`: one request from its signature to
//! its last byte.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use inference_api::claims::{Claims, Render};
use inference_api::headers::{AUDIO_SECONDS, DECODE_MS, INFERENCE_MS, QUEUE_MS};
use inference_api::render::{ResponseFormat, canonical, render};
use inference_api::transcript::{Task, Transcript};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{RequestId, stream};
use crate::admission::Permit;
use crate::error::{Error, Failure};
use crate::form::{Asked, Form};
use crate::hearing::{self, Wish, limits};
use crate::keeping::{Keeping, Patience};
use crate::service::Service;
use crate::telemetry::{Meter, Record, SPANS};
use crate::ticket::Ticket;
use crate::upload::{self, Incoming};

/// Serves one request, and sees to it that its sender gets the answer whatever became of the body.
pub(super) async fn handle(service: Arc<Service>, task: Task, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let incoming = Incoming::new(body);
    let id = parts
        .extensions
        .get::<RequestId>()
        .map_or_else(String::new, |id| id.as_str().to_owned());
    let mut record = Record::new(
        Arc::clone(&service.metrics),
        id,
        task.as_str(),
        &parts.headers,
    );
    let mut permit = None;
    let span = record.span();
    let answer = serve(&service, task, &parts, &incoming, &mut record, &mut permit)
        .instrument(span)
        .await;
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
    let is_error = !response.status().is_success();
    timings(&record, is_error, response.headers_mut());
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
    *permit = Some(service.admit(time).await?);
    let deadline = Instant::now() + time;
    let work = work(service, task, &claims, incoming, boundary, deadline, record);
    tokio::time::timeout_at(deadline, work)
        .await
        .unwrap_or(Err(Error::DeadlineExceeded))
}

/// Time until the claims' deadline.
pub(super) fn time_left(claims: &Claims) -> Duration {
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
    deadline: Instant,
    record: &mut Record,
) -> Result<Response, Error> {
    let mut form = {
        let upload = service.admission.upload();
        let hashes = claims.keep.is_some();
        upload::read(incoming, boundary, &service.bounds, Some(&upload), hashes)
            .instrument(tracing::info_span!(target: SPANS, "upload"))
            .await?
    };
    let (mut asked, model) = Asked::of(&form, task, |name| {
        let chosen = service.registry.choose(name, claims)?;
        chosen.id().clone_into(&mut record.model);
        Ok(chosen)
    })?;
    if claims.render == Render::Canonical || claims.keep.is_some() {
        // What is stored must be able to become any format later.
        asked.options.words = true;
    }
    let file = form.take_file()?;
    let keeping = keeping(service, claims, &form, &asked, model.id())?;
    let streams = asked.stream && claims.render == Render::Client;
    if let Some(keeping) = &keeping
        && let Some(found) = keeping.find().await?
    {
        let headers = keeping.headers_of(&found);
        let answer = if streams {
            stream::retell(&found.transcript)
        } else {
            respond(found.transcript, &asked, claims.render)
        };
        return Ok((headers, answer).into_response());
    }
    let wish = Wish {
        claims,
        model: &model,
        asked: &asked,
        limits: limits(&service.limits, claims),
    };
    let ticket = hearing::hear(service, &wish, file)?;
    let headers = keeping.as_ref().map(Keeping::headers);
    let answer = if streams {
        stream::answer(
            ticket,
            task,
            &asked,
            record.meter.clone(),
            deadline,
            keeping,
        )
        .await?
    } else {
        let transcript = collect(ticket, task, &asked, &record.meter).await?;
        if let Some(keeping) = keeping {
            keeping.bring(&transcript, Patience::Waiting).await?;
        }
        respond(transcript, &asked, claims.render)
    };
    Ok(match headers {
        Some(headers) => (headers, answer).into_response(),
        None => answer,
    })
}

/// What is to be kept, if the claims say so.
fn keeping(
    service: &Service,
    claims: &Claims,
    form: &Form,
    asked: &Asked,
    model: &str,
) -> Result<Option<Keeping>, Error> {
    let Some(keep) = &claims.keep else {
        return Ok(None);
    };
    let keeping = service.keeper()?.keeping(claims, keep, form, asked, model);
    keeping.map(Some)
}

/// The whole transcript.
async fn collect(
    mut ticket: Ticket,
    task: Task,
    asked: &Asked,
    meter: &Meter,
) -> Result<Transcript, Error> {
    let mut transcript = asked.empty_transcript(task);
    while let Some(part) = ticket.part().await {
        meter.set(ticket.measured());
        part?.append_to(&mut transcript);
    }
    let measured = ticket.measured();
    meter.set(measured);
    ticket.complete(&mut transcript);
    Ok(transcript)
}

fn respond(mut transcript: Transcript, asked: &Asked, to: Render) -> Response {
    if to == Render::Canonical {
        let kind = ResponseFormat::Json.content_type();
        return ([(CONTENT_TYPE, kind)], canonical(&transcript)).into_response();
    }
    if !asked.shows_words {
        transcript.words = None;
    }
    let kind = asked.format.content_type();
    ([(CONTENT_TYPE, kind)], render(&transcript, asked.format)).into_response()
}

/// What the edge turns into `Server-Timing`; on errors too, as far as the request came.
fn timings(record: &Record, is_error: bool, headers: &mut HeaderMap) {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    let measured = record.meter.measured();
    // Of an answer that streams it may not be known yet.
    let audio = measured
        .audio
        .or(measured.waited.and(is_error.then_some(measured.heard)));
    let values = [
        (
            AUDIO_SECONDS,
            audio.map(|a| format!("{:.3}", a.as_secs_f64())),
        ),
        (QUEUE_MS, measured.waited.map(ms)),
        (DECODE_MS, measured.decoding.map(ms)),
        (INFERENCE_MS, measured.waited.map(|_| ms(measured.ran))),
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

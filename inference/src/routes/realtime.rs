//! `GET /v1/realtime`: from a request's signature to the WebSocket that it becomes.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Query, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::RequestId;
use super::transcription::time_left;
use crate::error::{Error, Failure};
use crate::hearing::limits;
use crate::realtime::{Call, MAX_MESSAGE_BYTES, Settings, serve};
use crate::service::Service;
use crate::telemetry::Record;

/// The scope of a key that it takes.
const SCOPE: &str = "transcribe";
/// The subprotocol that OpenAI's clients ask for.
const SUBPROTOCOL: &str = "realtime";

/// What the query may say; anything else is ignored.
#[derive(Deserialize)]
struct Asked {
    intent: Option<String>,
    model: Option<String>,
}

/// Admits a session, or answers why not.
pub(super) async fn handle(service: Arc<Service>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let id = parts
        .extensions
        .get::<RequestId>()
        .map_or_else(String::new, |id| id.as_str().to_owned());
    let mut record = Record::new(Arc::clone(&service.metrics), id, "realtime", &parts.headers);
    let span = record.span();
    match admit(&service, &mut parts, &mut record).await {
        Ok((upgrade, admitted)) => {
            let Admitted {
                claims,
                settings,
                permit,
                deadline,
            } = admitted;
            let longest = limits(&service.limits, &claims).max_duration;
            let call = Call {
                service,
                claims,
                settings,
                record,
                permit,
                longest,
                deadline,
            };
            upgrade
                .protocols([SUBPROTOCOL])
                .max_message_size(MAX_MESSAGE_BYTES)
                .max_frame_size(MAX_MESSAGE_BYTES)
                .on_upgrade(|socket| serve(call, socket).instrument(span))
        }
        Err(error) => {
            record.cause = error.cause().map(str::to_owned);
            let mut response = error.into_response();
            // The record says it all: nothing further is to be logged about the failure.
            let failure = response.extensions_mut().remove::<Failure>();
            let code = failure.map_or("ok", |failure| failure.code);
            record.answered(response.status().as_u16(), code);
            record.sent();
            response
        }
    }
}

struct Admitted {
    claims: inference_api::claims::Claims,
    settings: Settings,
    permit: crate::admission::Permit,
    deadline: Instant,
}

/// The checks in the order of what they cost.
async fn admit(
    service: &Service,
    parts: &mut Parts,
    record: &mut Record,
) -> Result<(WebSocketUpgrade, Admitted), Error> {
    let claims = service.auth.authenticate(parts)?;
    record.key_id.clone_from(&claims.key_id);
    record.owner.clone_from(&claims.owner);
    if !claims.scopes.iter().any(|scope| scope == SCOPE) {
        return Err(Error::InsufficientScope { scope: SCOPE });
    }
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &()).await;
    let upgrade = upgrade.map_err(|_| Error::UpgradeRequired)?;
    let settings = settings(service, &claims, parts)?;
    settings.model_name().clone_into(&mut record.model);
    if service.is_draining() {
        return Err(Error::ShuttingDown);
    }
    let time = time_left(&claims).min(service.request_timeout);
    if time.is_zero() {
        return Err(Error::DeadlineExceeded);
    }
    let permit = service.admit(time).await?;
    let admitted = Admitted {
        claims,
        settings,
        permit,
        deadline: Instant::now() + time,
    };
    Ok((upgrade, admitted))
}

/// Of the session that the query asks for.
fn settings(
    service: &Service,
    claims: &inference_api::claims::Claims,
    parts: &Parts,
) -> Result<Settings, Error> {
    let Query(asked) = Query::<Asked>::try_from_uri(&parts.uri).map_err(|_| invalid("query"))?;
    if asked.intent.is_some_and(|intent| intent != "transcription") {
        return Err(invalid("intent"));
    }
    Settings::new(asked.model.as_deref(), &service.registry, claims)
}

fn invalid(param: &'static str) -> Error {
    Error::InvalidValue {
        param,
        problem: "it must ask for a transcription session: `intent=transcription`".to_owned(),
    }
}

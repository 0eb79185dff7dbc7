//! Whether the service lives, wants requests, and how it is doing. Unsigned: they tell no secret,
//! and the service's address is not public.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::Error;
use crate::service::{LoadReport, Service};

/// The process answers.
pub(super) async fn alive() -> impl IntoResponse {
    Json(json!({"status": "ok"}))
}

/// The models are loaded, the service is not shutting down and not above its memory mark.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    match service.unready() {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "not ready", "reason": why})),
        )
            .into_response(),
    }
}

pub(super) async fn load(State(service): State<Arc<Service>>) -> Json<LoadReport> {
    Json(service.load())
}

pub(super) async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, Error> {
    let text = service
        .metrics
        .render(service.gauged())
        .map_err(Error::internal)?;
    // Prometheus, "Exposition formats".
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

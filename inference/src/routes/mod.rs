//! The routes, and what surrounds every one of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::FutureExt as _;
use inference_api::headers::{EDGE_REQUEST_ID, INFERENCE_LOAD, REQUEST_ID};
use inference_api::transcript::Task;

use crate::error::{Error, Failure};
use crate::service::Service;

mod health;
mod jobs;
mod models;
mod realtime;
mod stream;
mod transcription;

/// Longest request id that is taken over from the edge.
const MAX_ID_BYTES: usize = 128;

/// The id of a request, on its answer and in its log line.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) HeaderValue);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// All routes. The layers, from the outside: the request id and the load stand on every answer, then a panic in
/// a handler becomes one request's 500.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(
            "/v1/audio/transcriptions",
            post(|state: State<Arc<Service>>, request: Request| {
                transcription::handle(state.0, Task::Transcribe, request)
            }),
        )
        .route(
            "/v1/audio/translations",
            post(|state: State<Arc<Service>>, request: Request| {
                transcription::handle(state.0, Task::Translate, request)
            }),
        )
        .route(
            "/v1/jobs/{id}",
            post(|state: State<Arc<Service>>, request: Request| jobs::begin(state.0, request))
                .get(jobs::report)
                .delete(jobs::cancel),
        )
        .route(
            "/v1/realtime",
            get(|state: State<Arc<Service>>, request: Request| realtime::handle(state.0, request)),
        )
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::describe))
        .route("/v1/load", get(health::load))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(|| async { Error::NotFound })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .with_state(Arc::clone(&service))
        .layer(from_fn(catch_panic))
        .layer(from_fn_with_state(service, tell_load))
        .layer(from_fn(identify))
}

/// Says how full the service is: so an edge that gets answers needs no questions.
async fn tell_load(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Ok(load) = HeaderValue::try_from(service.load_header().to_string()) {
        response.headers_mut().insert(INFERENCE_LOAD, load);
    }
    response
}

/// Gives the request an id, the edge's where it has one, and repeats it on the answer.
async fn identify(mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(EDGE_REQUEST_ID)
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES && id.to_str().is_ok())
        .cloned()
        .unwrap_or_else(new_id);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn new_id() -> HeaderValue {
    let mut bytes = [0; 12];
    // Without randomness an id is merely not unique; no security rests on it.
    let _ = getrandom::fill(&mut bytes);
    HeaderValue::from_str(&format!("req_{}", hex::encode(bytes)))
        .unwrap_or_else(|_| HeaderValue::from_static("req_unknown"))
}

async fn catch_panic(request: Request, next: Next) -> Response {
    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response =
        response.unwrap_or_else(|_| Error::internal("a handler panicked").into_response());
    if let Some(Failure {
        code,
        cause: Some(cause),
    }) = response.extensions().get()
    {
        tracing::warn!(code, cause, "refused");
    }
    response
}

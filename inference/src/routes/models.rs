//! `GET /v1/models` and `/v1/models/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use serde_json::Value;

use crate::error::Error;
use crate::service::Service;

/// The models the caller may use.
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Json<Value>, Error> {
    let claims = service.auth.authenticate(&request.into_parts().0)?;
    Ok(Json(service.registry.list(&claims)))
}

/// One model; one the caller may not use is answered like one that is not there.
pub(super) async fn describe(
    State(service): State<Arc<Service>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Value>, Error> {
    let claims = service.auth.authenticate(&request.into_parts().0)?;
    // An id that is no text is no model's.
    let Path(id) = id.map_err(|_| Error::NotFound)?;
    service
        .registry
        .describe(&id, &claims)
        .map(Json)
        .ok_or(Error::ModelNotFound { model: id })
}

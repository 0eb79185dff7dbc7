//! Bodies that the edge reads itself: an administrator's, a host's. Audio never is one.

use edge_core::error::EdgeError;
use js_sys::Uint8Array;
use js_sys::futures::JsFuture;
use wasm_bindgen::JsCast as _;

use crate::glue::{self, Call, thrown};

/// The body of a request, of at most so many bytes: what is longer is not read to its end.
pub(crate) async fn read(call: &Call, most: usize) -> Result<Vec<u8>, EdgeError> {
    #[expect(clippy::cast_possible_truncation, reason = "bounds are some MiB")]
    let body = JsFuture::from(glue::read_body(call, most as u32)).await;
    let body = body.map_err(|error| EdgeError::InvalidBody(thrown(&error)))?;
    match body.dyn_ref::<Uint8Array>() {
        Some(body) => Ok(body.to_vec()),
        None => Err(EdgeError::TooLarge(most as u64)),
    }
}

/// A body of JSON of at most so many bytes, named as such.
pub(crate) async fn json(
    call: &Call,
    content_type: &str,
    most: usize,
) -> Result<Vec<u8>, EdgeError> {
    let essence = content_type.split(';').next();
    let essence = essence.unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(EdgeError::UnsupportedMediaType("application/json"));
    }
    read(call, most).await
}

/// The same, where it may be left out.
pub(crate) async fn optional_json(
    call: &Call,
    content_type: &str,
    most: usize,
) -> Result<Vec<u8>, EdgeError> {
    if content_type.is_empty() {
        return read(call, most).await;
    }
    json(call, content_type, most).await
}

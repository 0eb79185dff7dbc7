//! All transcripts of an account as lines of JSON. `js/export.js` reads page after page while the caller takes them;
//! the canonical forms, which may be long, never enter wasm.

use edge_core::ports::Clock as _;
use edge_core::transcripts::{export_head, folder};
use wasm_bindgen::prelude::*;

use crate::glue::{self, Call};
use crate::ports::Runtime;
use crate::transcript_store::{AboutRow, page_of_export};

/// The answer: it streams.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch")]
pub(crate) fn all(call: &Call, account: &str) -> JsValue {
    let now = Runtime { call }.now().0 as f64;
    glue::export_all(call, &page_of_export(), account, now, &folder(account))
}

/// The beginning of a line: what is known of a transcript, as the database gives it in JSON.
#[wasm_bindgen(js_name = exportHead)]
pub fn head(row: &str) -> Result<String, JsValue> {
    let row: AboutRow = serde_json::from_str(row).map_err(|error| error.to_string())?;
    let head = export_head(&row.into_about());
    head.map_err(|error| JsValue::from(error.cause().unwrap_or_default()))
}

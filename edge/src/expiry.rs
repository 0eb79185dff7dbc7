//! What the clock brings about (`scheduled` in js/entry.js): transcripts and answers go when their time is over.

use edge_core::ports::{Clock as _, PortError};
use js_sys::Promise;
use js_sys::futures::future_to_promise;
use wasm_bindgen::prelude::*;

use crate::glue::Call;
use crate::ports::Runtime;

impl Runtime<'_> {
    async fn remove_all_expired(&self) -> Result<usize, PortError> {
        let now = self.now();
        let transcripts = self.remove_expired(now).await?;
        Ok(transcripts + self.remove_expired_answers(now).await?)
    }
}

/// Removes what has expired. `call` has the bindings and no request. Run twice at once it does no harm: what the one
/// has deleted the other deletes again, to no effect.
///
/// Unwind safety: it holds nothing of the isolate's memory.
#[wasm_bindgen(js_name = removeExpired)]
pub fn remove_expired(call: Call) -> Promise {
    let removing = async move {
        let runtime = Runtime { call: &call };
        match runtime.remove_all_expired().await {
            Ok(removed) => Ok(JsValue::from(removed)),
            Err(error) => Err(JsValue::from(format!("{}: {}", error.port, error.cause))),
        }
    };
    future_to_promise(std::panic::AssertUnwindSafe(removing))
}

//! Routes that only tests need. Not in a production build.

use edge_core::error::EdgeError;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

use crate::glue::{self, Call};
use crate::ports::Runtime;
use crate::{body, reply};

/// Which of them.
#[derive(Clone, Copy)]
pub(crate) enum TestRoute {
    /// Panics in the middle of a request.
    Panic,
    /// How large the linear memory has grown.
    Memory,
    /// Tells an account's webhooks of an event.
    Event,
}

/// Longest event, in bytes.
const MAX_EVENT_BYTES: usize = 64 * 1024;

impl TestRoute {
    /// The route of a path, if it is one of these.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/__test/panic" => Some(Self::Panic),
            "/__test/memory" => Some(Self::Memory),
            "/__test/event" => Some(Self::Event),
            _ => None,
        }
    }

    /// Answers, or panics.
    #[allow(clippy::panic)]
    pub(crate) fn answer(self, call: &Call) -> JsValue {
        match self {
            Self::Panic => panic!("the test route that panics"),
            Self::Memory => {
                let body = format!(r#"{{"bytes":{}}}"#, glue::memory_bytes());
                reply::json(call, 200, &body)
            }
            Self::Event => {
                let call = call.clone();
                reply::promise(&call.clone(), async move { tell(&call).await })
            }
        }
    }
}

async fn tell(call: &Call) -> Result<JsValue, EdgeError> {
    let event = body::read(call, MAX_EVENT_BYTES).await?;
    let event: Value = serde_json::from_slice(&event)
        .map_err(|error| EdgeError::InvalidBody(error.to_string()))?;
    let account = event["account"].as_str().unwrap_or_default();
    let args = json!([event["id"], event["type"], event["data"], event["only"]]);
    let told: Result<Value, _> = Runtime { call }.webhooks(account, "event", &args).await;
    told.map_err(EdgeError::WebhooksUnavailable)?;
    Ok(reply::empty(call, 204))
}

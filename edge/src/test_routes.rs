//! Routes that only tests need. Not in a production build.

use wasm_bindgen::JsValue;

use crate::glue::{self, Call};
use crate::reply;

/// Which of them.
#[derive(Clone, Copy)]
pub(crate) enum TestRoute {
    /// Panics in the middle of a request.
    Panic,
    /// How large the linear memory has grown.
    Memory,
}

impl TestRoute {
    /// The route of a path, if it is one of these.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/__test/panic" => Some(Self::Panic),
            "/__test/memory" => Some(Self::Memory),
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
        }
    }
}

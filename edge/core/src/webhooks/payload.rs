//! The body of what is sent. It is thin: who wants more asks the API, which knows him (Standard Webhooks, "Payload
//! structure"). It is written once, and the same at every attempt.

use serde::Serialize;
use serde_json::Value;

use crate::civil;
use crate::error::EdgeError;
use crate::ports::UnixMs;

#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    timestamp: String,
    data: &'a Value,
}

/// The body for an event of this type that came about at `at`.
///
/// # Errors
/// A fault of this code.
pub fn payload(r#type: &str, at: UnixMs, data: &Value) -> Result<String, EdgeError> {
    let payload = Payload {
        r#type,
        timestamp: instant(at),
        data,
    };
    serde_json::to_string(&payload).map_err(|error| EdgeError::Internal(error.to_string()))
}

/// An instant of UTC as RFC 3339 writes it, in whole seconds.
fn instant(at: UnixMs) -> String {
    let (day, second) = (at.seconds() / 86_400, at.seconds() % 86_400);
    let (year, month, day) = civil::date(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

//! One structured log line a request. What it may hold is what it takes as arguments: ids, codes,
//! causes; never a key, a secret, a body or a header of the caller.

use edge_core::config::LogLevel;
use edge_core::error::EdgeError;

use crate::glue::{self, Call};

/// Logs the end of a request, if the deployment wants it.
pub(crate) fn request(
    call: &Call,
    level: LogLevel,
    route: &str,
    key_id: Option<&str>,
    status: u16,
    error: Option<&EdgeError>,
) {
    if level == LogLevel::Errors && error.is_none() {
        return;
    }
    let mut line = String::with_capacity(160);
    line.push_str(match status {
        500.. => r#"{"level":"error","msg":"request","route":""#,
        _ => r#"{"level":"info","msg":"request","route":""#,
    });
    // A route is one of this program's own words: nothing to escape.
    line.push_str(route);
    line.push('"');
    if let Some(id) = key_id {
        push(&mut line, "key_id", id);
    }
    if let Some(error) = error {
        push(&mut line, "code", error.answer().code);
        if let Some(cause) = error.cause() {
            push(&mut line, "cause", &cause);
        }
    }
    glue::log(call, status, &line);
}

fn push(line: &mut String, name: &str, value: &str) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":");
    line.push_str(&serde_json::Value::from(value).to_string());
}

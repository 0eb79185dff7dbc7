//! The error envelope of OpenAI's API, spoken by both halves.
//!
//! Source: OpenAI's API reference, "Errors". All four keys are always present, `null` where there
//! is nothing to say, because the official clients read them without checking.

use serde::{Deserialize, Serialize};

/// The broad class of an error, the `type` of the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorType {
    /// The request can't be served as it is: sending it again changes nothing.
    InvalidRequestError,
    /// A limit of the key is reached; `Retry-After` says when to come back.
    RateLimitError,
    /// The fault is on the server's side; the request may be repeated.
    ServerError,
}

impl ErrorType {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequestError => "invalid_request_error",
            Self::RateLimitError => "rate_limit_error",
            Self::ServerError => "server_error",
        }
    }
}

/// `{"error": {...}}`, the whole body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The error itself.
    pub error: ErrorBody,
}

/// What went wrong, in words and as a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One or two sentences for a person; never a private cause.
    pub message: String,
    /// The broad class.
    pub r#type: ErrorType,
    /// The form field or parameter at fault.
    pub param: Option<String>,
    /// A stable code for programs; README.md lists them all.
    pub code: String,
}

impl Envelope {
    /// An envelope of its four parts.
    pub fn new(
        message: impl Into<String>,
        r#type: ErrorType,
        param: Option<&str>,
        code: &str,
    ) -> Self {
        Self {
            error: ErrorBody {
                message: message.into(),
                r#type,
                param: param.map(str::to_owned),
                code: code.to_owned(),
            },
        }
    }

    /// The JSON text of the envelope.
    pub fn to_json(&self) -> String {
        // Strings and options of strings always serialise; the fallback keeps the promise of a body.
        serde_json::to_string(self).unwrap_or_else(|_| {
            r#"{"error":{"message":"internal error","type":"server_error","param":null,"code":"internal_error"}}"#.to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_keys_are_always_present() {
        let json = Envelope::new("no", ErrorType::RateLimitError, None, "rate_limit_exceeded");
        assert_eq!(
            json.to_json(),
            r#"{"error":{"message":"no","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#
        );
    }

    #[test]
    fn the_name_of_a_type_is_what_serde_writes() {
        for kind in [
            ErrorType::InvalidRequestError,
            ErrorType::RateLimitError,
            ErrorType::ServerError,
        ] {
            assert_eq!(
                serde_json::to_value(kind).unwrap().as_str(),
                Some(kind.as_str())
            );
        }
    }
}

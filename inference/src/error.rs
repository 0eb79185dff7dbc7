//! Everything a request can fail with, and the one place where it becomes an HTTP answer.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use inference_api::address::Refusal;
use inference_api::envelope::{Envelope, ErrorType};
use inference_audio::AudioError;

/// Why a request was refused or failed. The text of a variant is public; private causes are logged
/// by [`Error::cause`] and never sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No signature of the edge, or a wrong, stale or malformed one, or claims that can't be read.
    #[error("The request is not signed by a known edge.")]
    InvalidSignature {
        /// For the log.
        cause: String,
    },
    /// A request id that was seen before.
    #[error("The request was already received.")]
    Replayed,
    /// The key may not transcribe, or not translate.
    #[error("The API key lacks the scope '{scope}'.")]
    InsufficientScope {
        /// What it would need.
        scope: &'static str,
    },
    /// The key may not use this model.
    #[error("The API key may not use the model '{model}'.")]
    ModelNotAllowed {
        /// As the caller wrote it.
        model: String,
    },
    /// No model of this name is loaded.
    #[error("The model '{model}' does not exist.")]
    ModelNotFound {
        /// As the caller wrote it.
        model: String,
    },
    /// No such route.
    #[error("There is nothing at this address.")]
    NotFound,
    /// The route exists for another method.
    #[error("This address does not answer this method.")]
    MethodNotAllowed,
    /// The body is not multipart/form-data with a boundary.
    #[error("The body must be multipart/form-data.")]
    UnsupportedMediaType,
    /// The multipart body breaks the format's rules or ends before its end.
    #[error("The multipart body is malformed: {problem}.")]
    MalformedMultipart {
        /// What is wrong.
        problem: &'static str,
    },
    /// A field that must be there is not.
    #[error("The field '{param}' is required.")]
    MissingParameter {
        /// Which field.
        param: &'static str,
    },
    /// A field that may come once came twice.
    #[error("The field '{param}' was given more than once.")]
    DuplicateParameter {
        /// Which field.
        param: &'static str,
    },
    /// A field has a value that can't be used.
    #[error("The field '{param}' is wrong: {problem}.")]
    InvalidValue {
        /// Which field.
        param: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// More form fields than any honest request has.
    #[error("The form has more than {limit} fields.")]
    TooManyFields {
        /// How many are allowed.
        limit: usize,
    },
    /// The file has no bytes.
    #[error("The file is empty.")]
    EmptyFile,
    /// The file is larger than allowed.
    #[error("The file is larger than {limit} bytes.")]
    FileTooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The audio is longer than allowed.
    #[error("The audio is longer than {} seconds.", limit.as_secs_f64())]
    AudioTooLong {
        /// How long it may be.
        limit: Duration,
    },
    /// The file is no audio in a container that is known.
    #[error("The file is not audio in a supported format: {problem}.")]
    UnsupportedAudio {
        /// What is wrong.
        problem: String,
    },
    /// The container is known, but what is in it can't be decoded or is out of bounds.
    #[error("The audio can't be decoded: {problem}.")]
    InvalidAudio {
        /// What is wrong.
        problem: String,
    },
    /// The file of a job is not the one that its sender declared.
    #[error("The file's SHA-256 is not the one that was declared.")]
    UploadMismatch,
    /// The address of a job's file is none that may be asked.
    #[error("The address is not fetched: {0}.")]
    UrlNotAllowed(Refusal),
    /// Nothing can be had from the address.
    #[error("The file can't be fetched from its address: {problem}.")]
    UrlUnreachable {
        /// What is wrong.
        problem: String,
    },
    /// The address answers too slowly.
    #[error("The file could not be fetched from its address in time.")]
    UrlTimeout,
    /// The `Idempotency-Key` came before, with another request.
    #[error("The idempotency key was used for another request.")]
    IdempotencyKeyReused,
    /// An event of a realtime session that can't be understood, or not now.
    #[error("The event is wrong: {problem}.")]
    InvalidEvent {
        /// What is wrong.
        problem: String,
    },
    /// The route is a WebSocket's.
    #[error("This address speaks WebSocket: send `Upgrade: websocket`.")]
    UpgradeRequired,
    /// The client stopped sending.
    #[error("The client sent nothing for too long.")]
    RequestTimeout,
    /// Every permit is taken.
    #[error("The service is at capacity.")]
    QueueFull {
        /// When a permit is likely to be free.
        retry_after: Duration,
    },
    /// There is no room for the file until others are done.
    #[error("The service has no room for the file now.")]
    StorageFull {
        /// When there is likely to be some.
        retry_after: Duration,
    },
    /// The model exists, but is not in memory and can't be loaded now: its file is broken, or others are in use.
    #[error("The model '{model}' is not available now.")]
    ModelUnavailable {
        /// Its full name.
        model: String,
        /// For the log.
        cause: String,
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The transcript could not be kept, as was asked.
    #[error("The transcript could not be kept. Send the request again.")]
    StoreUnavailable {
        /// For the log.
        cause: String,
    },
    /// The service is shutting down.
    #[error("The service is shutting down.")]
    ShuttingDown,
    /// Nobody waits for the answer any longer.
    #[error("The deadline of the request has passed.")]
    DeadlineExceeded,
    /// The fault is ours.
    #[error("The service failed on this request.")]
    Internal {
        /// For the log.
        cause: String,
    },
}

/// Status, type and code of an error, and whether a retry makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The `code` of the envelope.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The `type` of the envelope.
    pub r#type: ErrorType,
}

const fn caller(code: &'static str, status: StatusCode) -> Kind {
    Kind {
        code,
        status,
        r#type: ErrorType::InvalidRequestError,
    }
}

const fn server(code: &'static str, status: StatusCode) -> Kind {
    Kind {
        code,
        status,
        r#type: ErrorType::ServerError,
    }
}

/// How soon a caller should come back to a service that is shutting down: another host, or the
/// next process, is there by then.
const RETRY_AFTER_SHUTDOWN: Duration = Duration::from_secs(2);
/// And to one whose edge does not take what it is to keep.
const RETRY_AFTER_STORE: Duration = Duration::from_secs(5);
/// And to one whose disk is full.
const RETRY_AFTER_STORAGE: Duration = Duration::from_secs(30);

impl Error {
    /// Every code and its status, for the documentation.
    pub const ALL_CODES: [(&'static str, u16); 33] = [
        ("invalid_signature", 401),
        ("replayed_request", 401),
        ("insufficient_scope", 403),
        ("model_not_allowed", 403),
        ("model_not_found", 404),
        ("not_found", 404),
        ("method_not_allowed", 405),
        ("unsupported_media_type", 415),
        ("malformed_multipart", 400),
        ("missing_parameter", 400),
        ("duplicate_parameter", 400),
        ("invalid_value", 400),
        ("too_many_fields", 400),
        ("empty_file", 400),
        ("file_too_large", 413),
        ("audio_too_long", 413),
        ("unsupported_audio", 400),
        ("invalid_audio", 400),
        ("upload_mismatch", 400),
        ("url_not_allowed", 403),
        ("url_unreachable", 400),
        ("url_timeout", 400),
        ("idempotency_key_reused", 409),
        ("invalid_event", 400),
        ("upgrade_required", 426),
        ("request_timeout", 408),
        ("queue_full", 503),
        ("storage_full", 503),
        ("model_unavailable", 503),
        ("store_unavailable", 503),
        ("shutting_down", 503),
        ("deadline_exceeded", 504),
        ("internal_error", 500),
    ];

    /// What the error is on the wire.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::InvalidSignature { .. } => caller("invalid_signature", StatusCode::UNAUTHORIZED),
            Self::Replayed => caller("replayed_request", StatusCode::UNAUTHORIZED),
            Self::InsufficientScope { .. } => caller("insufficient_scope", StatusCode::FORBIDDEN),
            Self::ModelNotAllowed { .. } => caller("model_not_allowed", StatusCode::FORBIDDEN),
            Self::ModelNotFound { .. } => caller("model_not_found", StatusCode::NOT_FOUND),
            Self::NotFound => caller("not_found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => caller("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::UnsupportedMediaType => {
                caller("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::MalformedMultipart { .. } => {
                caller("malformed_multipart", StatusCode::BAD_REQUEST)
            }
            Self::MissingParameter { .. } => caller("missing_parameter", StatusCode::BAD_REQUEST),
            Self::DuplicateParameter { .. } => {
                caller("duplicate_parameter", StatusCode::BAD_REQUEST)
            }
            Self::InvalidValue { .. } => caller("invalid_value", StatusCode::BAD_REQUEST),
            Self::TooManyFields { .. } => caller("too_many_fields", StatusCode::BAD_REQUEST),
            Self::EmptyFile => caller("empty_file", StatusCode::BAD_REQUEST),
            Self::FileTooLarge { .. } => caller("file_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::AudioTooLong { .. } => caller("audio_too_long", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedAudio { .. } => caller("unsupported_audio", StatusCode::BAD_REQUEST),
            Self::InvalidAudio { .. } => caller("invalid_audio", StatusCode::BAD_REQUEST),
            Self::UploadMismatch => caller("upload_mismatch", StatusCode::BAD_REQUEST),
            Self::UrlNotAllowed(_) => caller("url_not_allowed", StatusCode::FORBIDDEN),
            Self::UrlUnreachable { .. } => caller("url_unreachable", StatusCode::BAD_REQUEST),
            Self::UrlTimeout => caller("url_timeout", StatusCode::BAD_REQUEST),
            Self::IdempotencyKeyReused => caller("idempotency_key_reused", StatusCode::CONFLICT),
            Self::InvalidEvent { .. } => caller("invalid_event", StatusCode::BAD_REQUEST),
            Self::UpgradeRequired => caller("upgrade_required", StatusCode::UPGRADE_REQUIRED),
            Self::RequestTimeout => caller("request_timeout", StatusCode::REQUEST_TIMEOUT),
            Self::QueueFull { .. } => server("queue_full", StatusCode::SERVICE_UNAVAILABLE),
            Self::StorageFull { .. } => server("storage_full", StatusCode::SERVICE_UNAVAILABLE),
            Self::ModelUnavailable { .. } => {
                server("model_unavailable", StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::StoreUnavailable { .. } => {
                server("store_unavailable", StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::ShuttingDown => server("shutting_down", StatusCode::SERVICE_UNAVAILABLE),
            Self::DeadlineExceeded => server("deadline_exceeded", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal { .. } => server("internal_error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The field of the form that is at fault.
    pub fn param(&self) -> Option<&'static str> {
        match self {
            Self::MissingParameter { param }
            | Self::DuplicateParameter { param }
            | Self::InvalidValue { param, .. } => Some(param),
            Self::ModelNotFound { .. }
            | Self::ModelNotAllowed { .. }
            | Self::ModelUnavailable { .. } => Some("model"),
            Self::EmptyFile
            | Self::FileTooLarge { .. }
            | Self::AudioTooLong { .. }
            | Self::UnsupportedAudio { .. }
            | Self::InvalidAudio { .. }
            | Self::UploadMismatch => Some("file"),
            Self::UrlNotAllowed(_) | Self::UrlUnreachable { .. } | Self::UrlTimeout => Some("url"),
            _ => None,
        }
    }

    /// When the same request may be sent again.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::QueueFull { retry_after }
            | Self::StorageFull { retry_after }
            | Self::ModelUnavailable { retry_after, .. } => Some(*retry_after),
            Self::StoreUnavailable { .. } => Some(RETRY_AFTER_STORE),
            Self::ShuttingDown => Some(RETRY_AFTER_SHUTDOWN),
            _ => None,
        }
    }

    /// What the caller is not told.
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::InvalidSignature { cause }
            | Self::ModelUnavailable { cause, .. }
            | Self::StoreUnavailable { cause }
            | Self::Internal { cause } => Some(cause),
            _ => None,
        }
    }

    /// As the caller is told.
    pub fn envelope(&self) -> Envelope {
        let kind = self.kind();
        Envelope::new(self.to_string(), kind.r#type, self.param(), kind.code)
    }

    /// There is no room for a file.
    pub(crate) const fn storage_full() -> Self {
        Self::StorageFull {
            retry_after: RETRY_AFTER_STORAGE,
        }
    }

    /// A file could not be written.
    pub(crate) fn spooling(cause: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::storage_full(),
            _ => Self::internal(cause),
        }
    }

    /// An error of the service itself.
    #[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
    pub(crate) fn internal(cause: impl ToString) -> Self {
        Self::Internal {
            cause: cause.to_string(),
        }
    }
}

impl From<AudioError> for Error {
    fn from(error: AudioError) -> Self {
        match error {
            AudioError::Empty => Self::EmptyFile,
            AudioError::TooLong { limit } => Self::AudioTooLong { limit },
            AudioError::TooLarge { limit } => Self::FileTooLarge { limit },
            AudioError::UnsupportedContainer | AudioError::UnsupportedCodec(_) => {
                Self::UnsupportedAudio {
                    problem: error.to_string(),
                }
            }
            AudioError::Io(_) | AudioError::Cancelled => Self::internal(error),
            _ => Self::InvalidAudio {
                problem: error.to_string(),
            },
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let kind = self.kind();
        let mut response = Response::new(Body::from(self.envelope().to_json()));
        *response.status_mut() = kind.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(after) = self.retry_after() {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if kind.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if kind.status == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110, 15.5.22.
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        response.extensions_mut().insert(Failure {
            code: kind.code,
            cause: self.cause().map(str::to_owned),
        });
        response
    }
}

/// What the log says of an answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) cause: Option<String>,
}

#[cfg(test)]
mod tests;

use super::*;

/// One of each variant; the match makes sure that none is forgotten.
fn all() -> Vec<Error> {
    let s = String::new;
    let errors = vec![
        Error::InvalidSignature { cause: s() },
        Error::Replayed,
        Error::InsufficientScope { scope: "translate" },
        Error::ModelNotAllowed { model: s() },
        Error::ModelNotFound { model: s() },
        Error::NotFound,
        Error::MethodNotAllowed,
        Error::UnsupportedMediaType,
        Error::MalformedMultipart { problem: "" },
        Error::MissingParameter { param: "file" },
        Error::DuplicateParameter { param: "file" },
        Error::InvalidValue {
            param: "language",
            problem: s(),
        },
        Error::TooManyFields { limit: 1 },
        Error::EmptyFile,
        Error::FileTooLarge { limit: 1 },
        Error::AudioTooLong {
            limit: Duration::ZERO,
        },
        Error::UnsupportedAudio { problem: s() },
        Error::InvalidAudio { problem: s() },
        Error::UploadMismatch,
        Error::UrlNotAllowed(Refusal::NotPublic),
        Error::UrlUnreachable { problem: s() },
        Error::UrlTimeout,
        Error::IdempotencyKeyReused,
        Error::InvalidEvent { problem: s() },
        Error::UpgradeRequired,
        Error::RequestTimeout,
        Error::QueueFull {
            retry_after: Duration::ZERO,
        },
        Error::storage_full(),
        Error::ModelUnavailable {
            model: s(),
            cause: s(),
            retry_after: Duration::ZERO,
        },
        Error::StoreUnavailable { cause: s() },
        Error::ShuttingDown,
        Error::DeadlineExceeded,
        Error::Internal { cause: s() },
    ];
    for error in &errors {
        match error {
            Error::InvalidSignature { .. }
            | Error::Replayed
            | Error::InsufficientScope { .. }
            | Error::ModelNotAllowed { .. }
            | Error::ModelUnavailable { .. }
            | Error::ModelNotFound { .. }
            | Error::NotFound
            | Error::MethodNotAllowed
            | Error::UnsupportedMediaType
            | Error::MalformedMultipart { .. }
            | Error::MissingParameter { .. }
            | Error::DuplicateParameter { .. }
            | Error::InvalidValue { .. }
            | Error::TooManyFields { .. }
            | Error::EmptyFile
            | Error::FileTooLarge { .. }
            | Error::AudioTooLong { .. }
            | Error::UnsupportedAudio { .. }
            | Error::InvalidAudio { .. }
            | Error::UploadMismatch
            | Error::UrlNotAllowed(_)
            | Error::UrlUnreachable { .. }
            | Error::UrlTimeout
            | Error::IdempotencyKeyReused
            | Error::InvalidEvent { .. }
            | Error::UpgradeRequired
            | Error::RequestTimeout
            | Error::QueueFull { .. }
            | Error::StorageFull { .. }
            | Error::StoreUnavailable { .. }
            | Error::ShuttingDown
            | Error::DeadlineExceeded
            | Error::Internal { .. } => {}
        }
    }
    errors
}

#[test]
fn the_list_of_codes_is_the_list_of_errors() {
    let listed: Vec<_> = Error::ALL_CODES.to_vec();
    let made: Vec<_> = all()
        .iter()
        .map(|e| (e.kind().code, e.kind().status.as_u16()))
        .collect();
    assert_eq!(listed, made);
}

#[test]
fn a_private_cause_is_never_sent() {
    let error = Error::Internal {
        cause: "/secret/path".into(),
    };
    assert!(!error.to_string().contains("secret"));
    assert_eq!(error.cause(), Some("/secret/path"));
}

#[test]
fn retry_after_is_in_whole_seconds_and_never_early() {
    for (after, header) in [(0, "1"), (1, "1"), (1001, "2"), (59_000, "59")] {
        let response = Error::QueueFull {
            retry_after: Duration::from_millis(after),
        }
        .into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], header);
    }
}

//! What can go wrong, in words, and the exit code of each.

use std::fmt;
use std::io;

use inference_api::envelope::ErrorBody;

use crate::table::printable;

/// Why a command failed. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Wrong flags, settings or files.
    #[error("{0}")]
    Usage(String),
    /// The API understood and refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer came: the address, the network, TLS, or the time is over.
    #[error("{url} did not answer: {cause}")]
    Unreachable {
        url: String,
        cause: Box<ureq::Error>,
    },
    /// A redirect. The key is for the address that was given and no other.
    #[error(
        "{url} answered with a redirect to {location:?}, which is not followed: the key goes to no other address. Give that address if you trust it"
    )]
    Redirected { url: String, location: String },
    /// An answer, but none of the API.
    #[error("{url} gave no answer of the API (HTTP {status}): {problem}")]
    NotTheApi {
        url: String,
        status: u16,
        problem: String,
    },
    /// A call that makes or adds something ended without a good answer after it was sent.
    #[error("{cause}\nwhether it was carried out is unknown; {repeat}")]
    Unconfirmed { cause: Box<Self>, repeat: Repeat },
    /// The same of an import.
    #[error(
        "{0}\nwhether the keys were imported is unknown: look with `keyctl list`, and run this again for those that are missing (a hash that is known is refused)"
    )]
    ImportUnconfirmed(Box<Self>),
    /// One of the calls that a file needs.
    #[error("entries {first} to {last}: {cause}\n{hint}")]
    Part {
        first: usize,
        last: usize,
        hint: String,
        cause: Box<Self>,
    },
    /// The verdict on a key.
    #[error("the key is not valid: {0}")]
    NotValid(String),
    /// The keys were made, and what was to take them did not.
    #[error("the key was made but could not be written ({cause}); {repeat}, or revoke {id}")]
    KeyNotShown {
        id: String,
        cause: io::Error,
        repeat: Repeat,
    },
    /// The files of `bulk`.
    #[error("the entries or the keys could not be written ({0}); nothing was kept, run this again")]
    BulkNotWritten(io::Error),
    /// A webhook was made, or its secret is a new one, and what was to take the secret did not.
    #[error(
        "the secret of {id} could not be written ({cause}); {repeat}, or make another with `keyctl webhooks rotate {id}`"
    )]
    SecretNotShown {
        id: String,
        cause: io::Error,
        repeat: Repeat,
    },
    /// A webhook's receiver did not take the test.
    #[error("the test was not delivered: {0}")]
    NotDelivered(String),
    /// A job ended without a transcript.
    #[error("{id} {ending}")]
    JobEnded { id: String, ending: String },
    /// A job that is not over was lost sight of.
    #[error(
        "{cause}\nthe job is not over: `keyctl jobs watch {id}` waits for it, `keyctl jobs show {id}` tells how it stands"
    )]
    JobLeft { id: String, cause: Box<Self> },
    /// A file that did not arrive as a whole.
    #[error(
        "{cause}\nwhat arrived is kept for a while: `keyctl transcribe --job --upload {id} …` with the same file sends the rest"
    )]
    UploadLeft { id: String, cause: Box<Self> },
    /// A transcript that is there already.
    #[error("{0} is there already: --force replaces it")]
    OutputExists(String),
    /// A transcript that could not be written.
    #[error("{path} cannot be written: {cause}")]
    NotWritten { path: String, cause: io::Error },
    /// One of several things that were asked for; what became of each was told.
    #[error("{failed} of {all} failed")]
    Several { failed: usize, all: usize },
    /// A signal that cannot be waited for.
    #[error("the handler of interrupts could not be set: {0}")]
    Interrupts(#[from] ctrlc::Error),
    /// Standard output.
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
    /// The system's generator.
    #[error(transparent)]
    Rng(#[from] edge_core::ports::RngError),
    /// wrangler could not be run.
    #[error("{program} could not be run: {cause}. Install wrangler, or name it with --wrangler")]
    WranglerMissing { program: String, cause: io::Error },
    /// wrangler ended with an error.
    #[error("wrangler did not set the secret ({0}); no root key was made")]
    WranglerFailed(String),
    /// The secret is set and the key lost.
    #[error("the secret was set but the root key could not be written ({0}): run this again")]
    RootKeyNotShown(io::Error),
}

impl Error {
    /// The exit code of the program.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_)
            | Self::NotValid(_)
            | Self::NotDelivered(_)
            | Self::JobEnded { .. }
            | Self::Several { .. } => 1,
            Self::Usage(_) | Self::OutputExists(_) => 2,
            Self::Unconfirmed { cause, .. }
            | Self::ImportUnconfirmed(cause)
            | Self::Part { cause, .. }
            | Self::JobLeft { cause, .. }
            | Self::UploadLeft { cause, .. } => cause.exit_code(),
            _ => 3,
        }
    }

    /// Whether the reader of the output has gone, and with it nothing but a listing.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The API's own words, if it had any.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unconfirmed { cause, .. }
            | Self::ImportUnconfirmed(cause)
            | Self::Part { cause, .. }
            | Self::JobLeft { cause, .. }
            | Self::UploadLeft { cause, .. } => cause.refusal(),
            _ => None,
        }
    }

    /// The refusal of somebody who is to come back later.
    pub(crate) fn turns_away(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) if matches!(refusal.status, 429 | 503) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the same call may fare better in a moment: it broke on its way.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.status, 408 | 500 | 502 | 504),
            // Of something in between.
            Self::NotTheApi { status, .. } => *status >= 500,
            Self::Unreachable { .. } => self.leaves_doubt(),
            _ => false,
        }
    }

    /// Whether the request may have been carried out although no good answer came.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match self {
            // What failed within the edge may have failed halfway.
            Self::Refused(refusal) => refusal.status >= 500,
            Self::NotTheApi { .. } => true,
            Self::Unreachable { cause, .. } => match &**cause {
                ureq::Error::Io(error) => error.kind() != io::ErrorKind::ConnectionRefused,
                ureq::Error::Timeout(when) => !matches!(
                    when,
                    ureq::Timeout::Resolve | ureq::Timeout::Connect | ureq::Timeout::SendRequest
                ),
                ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::Tls(_)
                | ureq::Error::Rustls(_)
                | ureq::Error::ConnectProxyFailed(_) => false,
                _ => true,
            },
            _ => false,
        }
    }
}

/// How a call can be made again without having its effect twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// What `--idempotency-key` is to be given.
    pub(crate) key: String,
    /// Which call of the command this is, where it makes several.
    pub(crate) call: Option<usize>,
    /// The instant that `--expires-in` meant: repeated, it would mean another.
    pub(crate) expires_at: Option<u64>,
}

impl Repeat {
    /// The `Idempotency-Key` of this call.
    pub(crate) fn header(&self) -> String {
        match self.call {
            None => self.key.clone(),
            Some(call) => format!("{}.{call}", self.key),
        }
    }
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "to finish it and have its answer, run the same command with `--idempotency-key {}`",
            self.key
        )?;
        match self.expires_at {
            None => f.write_str(" (nothing is made twice)"),
            Some(at) => write!(
                f,
                " and with `--expires-at {at}` instead of --expires-in (nothing is made twice)"
            ),
        }
    }
}

/// An answer of the API in its error envelope.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: ErrorBody,
    /// `x-request-id`, by which the edge's log finds the request.
    pub(crate) request_id: Option<String>,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// The body as it came.
    pub(crate) json: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "refused: {} ({}, HTTP {}",
            printable(&self.error.message),
            printable(&self.error.code),
            self.status
        )?;
        if let Some(param) = &self.error.param {
            write!(f, ", field {}", printable(param))?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request {}", printable(id))?;
        }
        f.write_str(")")?;
        if let Some(seconds) = self.retry_after {
            write!(f, "; try again in {seconds} s")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use inference_api::envelope::ErrorType;

    use super::*;

    #[test]
    fn a_refusal_names_code_field_request_and_time_without_control_characters() {
        let refusal = Refusal {
            status: 400,
            error: ErrorBody {
                message: "no\x1b[31m".into(),
                r#type: ErrorType::InvalidRequestError,
                param: Some("name".into()),
                code: "invalid_value".into(),
            },
            request_id: Some("r1".into()),
            retry_after: Some(5),
            json: String::new(),
        };
        assert_eq!(
            refusal.to_string(),
            "refused: no\u{fffd}[31m (invalid_value, HTTP 400, field name, request r1); try again in 5 s"
        );
    }
}

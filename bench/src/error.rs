//! Why a bench could not be run. A slow figure is no error.

use std::io;

/// A failure to run; its text is all that is printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something the bench does failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A connection broke.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// A program that the bench measures did something else than it must.
    #[error("{0}")]
    Unexpected(String),
}

impl Error {
    /// For `map_err`: names what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what: what.into(),
            source,
        }
    }
}

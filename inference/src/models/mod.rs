//! The models: which there are, by which names they are meant, and which of them are in memory.
//!
//! [`names`] says which model a caller means, [`library`] where models come from, [`memory`] what one needs,
//! [`residency`] which may be in memory and which goes; none of these loads anything. [`loader`] does, on a thread of
//! its own, and [`loaded`] is what it makes: a model with one session for each thread of the pool. Whoever uses a model
//! holds a [`Use`] of it, and no model goes while there is one.

mod allocator;
mod library;
mod loaded;
mod loader;
mod memory;
mod names;
mod residency;
#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

#[cfg(any(test, feature = "test-support"))]
pub(crate) use library::Given;
pub(crate) use library::{Folder, Library, Looked, Running, Stamp};
pub(crate) use loaded::Loaded;
pub(crate) use loader::{Loader, Places, Use};
pub(crate) use names::Names;
pub use names::{Alias, AliasError};
pub(crate) use residency::Bounds;

/// Why a model can't be had now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model '{model}' can't be had: {cause}")]
pub(crate) struct Unavailable {
    /// Its full name.
    pub(crate) model: String,
    /// For the log.
    pub(crate) cause: String,
    /// When to ask again.
    pub(crate) retry_after: Duration,
}

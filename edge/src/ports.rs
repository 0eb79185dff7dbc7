//! The runtime as the ports of administration: one request's bindings.

use edge_core::ports::{Clock, UnixMs};

use crate::clock::unix_ms;
use crate::glue::Call;

/// The bindings of one request. KV: `key_store.rs`; objects: `objects.rs`; the database: `database.rs`.
pub(crate) struct Runtime<'a> {
    /// The request that asks.
    pub call: &'a Call,
}

/// The runtime's clock. In production it stands still between two I/O operations.
impl Clock for Runtime<'_> {
    fn now(&self) -> UnixMs {
        unix_ms(js_sys::Date::now())
    }
}

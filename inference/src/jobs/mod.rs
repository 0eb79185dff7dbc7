//! Jobs: requests for whose answers nobody waits. One goes the way of a request from its file on, with places of its
//! own in stead of permits; what has become of it is asked for.
//!
//! [`Jobs`] knows them by their ids, [`begin`] does them, [`Fetcher`] gets the files of those that name an address.

mod fetch;
mod progress;
mod registry;
mod run;
mod turns;

pub(crate) use fetch::Fetcher;
pub(crate) use registry::{Jobs, Place, Taken};
pub(crate) use run::{Job, begin};

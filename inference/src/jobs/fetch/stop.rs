//! Ends a fetch from outside: its thread may be waiting for bytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ureq::Agent;

use crate::error::Error;

/// Whether a fetch is to end, and what it waits for.
#[derive(Default)]
pub(super) struct Stop {
    is_set: AtomicBool,
    agent: Mutex<Option<Agent>>,
}

impl Stop {
    /// From now on the stop breaks off the connections of this client.
    pub(super) fn watch(&self, agent: &Agent) -> Result<(), Error> {
        let mut watched = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        *watched = Some(agent.clone());
        // Under the lock: who sets it comes before, and is seen, or after, and finds the client.
        self.check()
    }

    /// An error once it is set, which nobody hears.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_set.load(Ordering::Acquire) {
            return Err(Error::internal("the fetch was ended"));
        }
        Ok(())
    }

    fn set(&self) {
        let mut watched = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_set.store(true, Ordering::Release);
        if let Some(agent) = watched.take() {
            agent.shutdown();
        }
    }
}

/// Sets it when it is dropped.
pub(super) struct StopOnDrop(pub(super) Arc<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

//! A model in memory: its weights once on each device, and a session for each thread of the pool.

use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::{Abilities, Backend, BackendError, Session};

/// A model that is ready. Dropping it frees all its memory.
pub(crate) struct Loaded {
    abilities: Abilities,
    /// By the pool's threads.
    places: Vec<Place>,
}

/// What one thread runs. The lock is never waited for: only that thread takes it.
struct Place {
    backend: Arc<dyn Backend>,
    session: Mutex<Option<Box<dyn Session>>>,
}

impl Loaded {
    /// Makes the sessions: for each device so many, in the devices' order.
    pub(super) fn new(
        devices: Vec<Arc<dyn Backend>>,
        threads_each: usize,
    ) -> Result<Self, BackendError> {
        let abilities = devices
            .first()
            .map(|backend| backend.abilities())
            .ok_or_else(|| BackendError::Load("there is no device".into()))?;
        let mut places = Vec::with_capacity(devices.len().saturating_mul(threads_each));
        for backend in devices {
            for _ in 0..threads_each {
                places.push(Place {
                    session: Mutex::new(Some(backend.session()?)),
                    backend: Arc::clone(&backend),
                });
            }
        }
        Ok(Self { abilities, places })
    }

    pub(crate) fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// Runs with the session of the pool's thread of this number, which is made anew if it was lost.
    pub(crate) fn run<T>(
        &self,
        thread: usize,
        run: impl FnOnce(&mut dyn Session) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let place = self
            .places
            .get(thread)
            .ok_or_else(|| BackendError::Failed("no session for this thread".into()))?;
        let mut slot = place.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *slot {
            Some(session) => session,
            none => none.insert(place.backend.session()?),
        };
        let outcome = run(session.as_mut());
        if let Err(BackendError::SessionLost(_)) = &outcome {
            *slot = None;
        }
        outcome
    }
}

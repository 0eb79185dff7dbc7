//! A use of a model, by which it stays.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Attempt, Shared};
use crate::models::{Loaded, Unavailable};

/// Somebody's use of a model, loaded or about to be. The model stays until its last use is dropped.
pub(crate) struct Use {
    /// Empty only while it is dropped.
    attempt: Option<Arc<Attempt>>,
    shared: Arc<Shared>,
}

impl Use {
    pub(super) fn new(shared: &Arc<Shared>, attempt: Arc<Attempt>) -> Self {
        Self {
            attempt: Some(attempt),
            shared: Arc::clone(shared),
        }
    }

    /// Of a model that can't be had.
    pub(super) fn refused(shared: &Arc<Shared>, why: Unavailable) -> Self {
        let attempt = Attempt {
            model: why.model.clone(),
            outcome: OnceLock::from(Err(why)),
        };
        Self::new(shared, Arc::new(attempt))
    }

    /// The model, or why there is none; nothing yet while it is being loaded.
    pub(crate) fn loaded(&self) -> Option<Result<&Loaded, &Unavailable>> {
        let outcome = self.attempt.as_ref()?.outcome.get()?;
        Some(outcome.as_ref())
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        let mut state = self.shared.lock();
        // One that failed was taken out, with all its users; there may be another by now.
        let is_resident = state
            .attempts
            .get(&attempt.model)
            .is_some_and(|resident| Arc::ptr_eq(resident, &attempt));
        if is_resident {
            let now = self.shared.now_ms();
            state.residency.release(&attempt.model, now);
            // It may be the first that becomes idle.
            self.shared.work.notify_all();
        }
        // Before the lock: the loader's thread may let go of the model from then on, and it is to be the last to hold it.
        drop(attempt);
    }
}

impl fmt::Debug for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.attempt.as_ref().map(|attempt| &attempt.model);
        f.debug_tuple("Use").field(&model).finish()
    }
}

//! The loader's thread: what it does, one thing after another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Attempt, BROKEN_RETRY, Load, Shared, wait};
use crate::backend::BackendError;
use crate::models::{Loaded, Unavailable, allocator};

impl Shared {
    /// The thread: loads what is to be loaded, and lets go of what nobody asks for.
    pub(super) fn serve(&self) {
        let mut state = self.lock();
        while !state.closed {
            if let Some(load) = state.loads.pop_front() {
                drop(state);
                self.carry_out(load);
                state = self.lock();
                continue;
            }
            let now = self.now_ms();
            let idle = state.residency.take_idle(now);
            if !idle.is_empty() {
                let gone = self.take(&mut state, &idle, "idle");
                drop(state);
                // Not under the lock: it may be gigabytes.
                free(gone);
                state = self.lock();
                continue;
            }
            state = match state.residency.until_idle(now) {
                Some(ms) => {
                    let patience = Duration::from_millis(ms);
                    let woken = self.work.wait_timeout(state, patience);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => wait(&self.work, state),
            };
        }
    }

    fn carry_out(&self, load: Load) {
        let Load {
            attempt,
            looked,
            evicted,
        } = load;
        free(evicted);
        let began = Instant::now();
        let model = &attempt.model;
        // A panic costs this load, and not all that would come after it.
        let made = catch_unwind(AssertUnwindSafe(|| self.make(model)));
        let made = made.unwrap_or_else(|_| Err(BackendError::Load("a panic".into())));
        let seconds = began.elapsed().as_secs_f64();
        let outcome = made.map_err(|error| Unavailable {
            model: model.clone(),
            cause: error.to_string(),
            retry_after: BROKEN_RETRY,
        });
        let mut state = self.lock();
        match &outcome {
            Ok(_) => {
                state.residency.loaded(model);
                self.metrics.model_loaded("ok");
                tracing::info!(model, seconds, "model loaded");
            }
            Err(why) => {
                state.residency.failed(model, looked.stamp, self.now_ms());
                state.attempts.remove(model);
                self.metrics.model_loaded("failed");
                tracing::warn!(model, seconds, cause = why.cause, "model can't be loaded");
            }
        }
        // Only here, and once for each attempt.
        let _ = attempt.outcome.set(outcome);
        drop(state);
        self.ended.notify_all();
        (self.wake)();
    }

    fn make(&self, model: &str) -> Result<Loaded, BackendError> {
        let devices = self.places.devices.iter();
        let backends = devices
            .map(|device| self.library.load(model, device))
            .collect::<Result<_, _>>()?;
        Loaded::new(backends, self.places.threads_each)
    }
}

/// Lets go of models, so that the system has their memory.
fn free(gone: Vec<Arc<Attempt>>) {
    if !gone.is_empty() {
        drop(gone);
        allocator::give_back();
    }
}

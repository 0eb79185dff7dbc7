//! Loads models when they are first asked for, each once however many ask, and lets them go.
//!
//! One thread does it, so that loads come one after another: what has to go for a model has gone before that one
//! comes, and the disk reads one file at a time. Which may come and which must go says
//! [`Residency`](super::residency::Residency).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::residency::{Bounds, Granted, Refused, Residency, Wanted};
use super::{Library, Loaded, Looked, Unavailable};
use crate::backend::{Abilities, BackendError};
use crate::device::Device;
use crate::telemetry::Metrics;

pub(crate) use held::Use;

mod held;
#[cfg(test)]
mod tests;
mod thread;

/// When to ask again for a model that has no room: others are in use for as long as a request takes, about.
const NO_ROOM_RETRY: Duration = Duration::from_secs(5);
/// When to ask again for a model whose file is no model, or that could not be loaded.
const BROKEN_RETRY: Duration = Duration::from_secs(30);

/// The devices, and the pool's threads on each.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) devices: Vec<Device>,
    pub(crate) threads_each: usize,
}

impl Places {
    /// Of all devices together.
    pub(crate) fn threads(&self) -> usize {
        self.devices.len() * self.threads_each
    }
}

/// One try to load a model, shared by all who wait for it.
struct Attempt {
    model: String,
    outcome: OnceLock<Result<Loaded, Unavailable>>,
}

/// What the loader's thread is to do.
struct Load {
    attempt: Arc<Attempt>,
    looked: Looked,
    evicted: Vec<Arc<Attempt>>,
}

struct State {
    residency: Residency<String>,
    /// Of everything that is resident.
    attempts: HashMap<String, Arc<Attempt>>,
    loads: VecDeque<Load>,
    closed: bool,
}

struct Shared {
    library: Box<dyn Library>,
    places: Places,
    metrics: Arc<Metrics>,
    /// Called when an attempt has ended: somebody may wait for it elsewhere.
    wake: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
    /// There is something to do for the thread.
    work: Condvar,
    /// An attempt has ended.
    ended: Condvar,
    epoch: Instant,
}

/// The models in memory. Dropping it ends its thread, after the load that is under way.
pub(crate) struct Loader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts the thread; nothing is loaded yet. `wake` is called whenever a load has ended, on that thread.
    pub(crate) fn start(
        library: Box<dyn Library>,
        places: Places,
        bounds: Bounds,
        metrics: Arc<Metrics>,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Self, BackendError> {
        let shared = Arc::new(Shared {
            library,
            places,
            metrics,
            wake,
            state: Mutex::new(State {
                residency: Residency::new(bounds),
                attempts: HashMap::new(),
                loads: VecDeque::new(),
                closed: false,
            }),
            work: Condvar::new(),
            ended: Condvar::new(),
            epoch: Instant::now(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("model-loader".to_owned())
            .spawn(move || of_thread.serve())
            .map_err(|e| BackendError::Load(format!("no thread: {e}")))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn library(&self) -> &dyn Library {
        self.shared.library.as_ref()
    }

    /// The model's, from memory or else from its file's head.
    pub(crate) fn abilities(&self, model: &str) -> Result<Abilities, Unavailable> {
        let known = self.shared.lock().attempts.get(model).and_then(|attempt| {
            let loaded = attempt.outcome.get()?.as_ref().ok()?;
            Some(loaded.abilities())
        });
        match known {
            Some(abilities) => Ok(abilities),
            None => self.look(model).map(|looked| looked.abilities),
        }
    }

    fn look(&self, model: &str) -> Result<Looked, Unavailable> {
        let broken = |cause| Unavailable {
            model: model.to_owned(),
            cause,
            retry_after: BROKEN_RETRY,
        };
        self.shared.library.look(model).map_err(broken)
    }

    /// Holds the model in memory, or has it loaded; does not wait for that. Where that can't be, the use says why.
    pub(crate) fn request(&self, model: &str, keep: bool) -> Use {
        self.shared.hold(model).unwrap_or_else(|| {
            // The file is looked at without the lock.
            let loading = self
                .look(model)
                .and_then(|looked| self.shared.load(model, looked, keep));
            loading.unwrap_or_else(|why| Use::refused(&self.shared, why))
        })
    }

    /// Waits until the model is loaded, however long that takes. Blocks.
    pub(crate) fn wait(&self, held: &Use) -> Result<(), Unavailable> {
        let mut state = self.shared.lock();
        loop {
            match held.loaded() {
                Some(Ok(_)) => return Ok(()),
                Some(Err(why)) => return Err(why.clone()),
                None => state = wait(&self.shared.ended, state),
            }
        }
    }

    /// The full names of the models that are loaded, in order.
    pub(crate) fn loaded(&self) -> Vec<String> {
        let state = self.shared.lock();
        let loaded = state.attempts.values();
        let loaded = loaded.filter(|attempt| matches!(attempt.outcome.get(), Some(Ok(_))));
        let mut names: Vec<String> = loaded.map(|attempt| attempt.model.clone()).collect();
        names.sort();
        names
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        if let Some(thread) = self.thread.take() {
            // What panics in a load is caught there.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// A model that is resident already.
    fn hold(self: &Arc<Self>, model: &str) -> Option<Use> {
        let mut state = self.lock();
        let attempt = Arc::clone(state.attempts.get(model)?);
        state
            .residency
            .hold(&attempt.model, self.now_ms())
            .then(|| Use::new(self, attempt))
    }

    /// Has a model loaded, unless another did in the meantime.
    fn load(self: &Arc<Self>, model: &str, looked: Looked, keep: bool) -> Result<Use, Unavailable> {
        let model = model.to_owned();
        let sessions = u64::try_from(self.places.threads_each).unwrap_or(u64::MAX);
        let wanted = Wanted {
            bytes: looked
                .weights
                .saturating_add(looked.session.saturating_mul(sessions)),
            stamp: looked.stamp,
            keep,
        };
        let mut state = self.lock();
        let granted = state.residency.request(&model, wanted, self.now_ms());
        let granted = granted.map_err(|refused| {
            self.metrics.model_loaded("refused");
            unavailable(model.clone(), &refused)
        })?;
        if let Granted::Load { evicted } = granted {
            let attempt = Arc::new(Attempt {
                model: model.clone(),
                outcome: OnceLock::new(),
            });
            let evicted = self.take(&mut state, &evicted, "evicted");
            state.attempts.insert(model.clone(), Arc::clone(&attempt));
            state.loads.push_back(Load {
                attempt: Arc::clone(&attempt),
                looked,
                evicted,
            });
            self.work.notify_all();
            return Ok(Use::new(self, attempt));
        }
        let attempt = state.attempts.get(&model).map(Arc::clone);
        attempt
            .map(|attempt| Use::new(self, attempt))
            .ok_or_else(|| Unavailable {
                cause: "it was lost".to_owned(),
                retry_after: NO_ROOM_RETRY,
                model,
            })
    }

    /// Takes models out; their memory goes with the last of what is returned.
    fn take(&self, state: &mut State, models: &[String], reason: &str) -> Vec<Arc<Attempt>> {
        let gone = models.iter().filter_map(|model| {
            let attempt = state.attempts.remove(model)?;
            self.metrics.model_unloaded(reason);
            tracing::info!(model, reason, "model unloaded");
            Some(attempt)
        });
        gone.collect()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(woken: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    woken.wait(state).unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(model: String, refused: &Refused) -> Unavailable {
    let (cause, retry_after) = match refused {
        Refused::FailedBefore { again_ms } => (
            "it could not be loaded a moment ago".to_owned(),
            Duration::from_millis(*again_ms),
        ),
        Refused::NoRoom { needed, free } => (
            format!("it needs {needed} bytes, and {free} can be made free"),
            NO_ROOM_RETRY,
        ),
    };
    Unavailable {
        model,
        cause,
        retry_after,
    }
}

//! A library for tests: models come and go as a test says, and loads last as long as it says.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use inference_api::claims::{Claims, Render};

use super::{Alias, Bounds, Library, Loader, Looked, Names, Places, Stamp, Use};
use crate::backend::fake::{FakeBackend, Gate};
use crate::backend::{Abilities, Backend, BackendError};
use crate::device::Device;
use crate::registry::Registry;
use crate::telemetry::Metrics;

/// A shelf of models; clones are the same shelf.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    state: Arc<(Mutex<State>, Condvar)>,
    /// What runs of all its models pass.
    pub(crate) gate: Arc<Gate>,
}

#[derive(Default)]
struct State {
    models: BTreeMap<String, Held>,
    /// In their order: model and device.
    loads: Vec<(String, String)>,
    held_back: bool,
}

struct Held {
    weights: u64,
    is_model: bool,
    fails: bool,
    version: u64,
}

impl Shelf {
    /// With models of ten bytes.
    pub(crate) fn with(models: &[&str]) -> Self {
        let shelf = Self::default();
        for model in models {
            shelf.put(model, 10);
        }
        shelf
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, model: &str, held: Held) {
        self.lock().models.insert(model.to_owned(), held);
    }

    /// A model of so many bytes.
    pub(crate) fn put(&self, model: &str, weights: u64) {
        let (is_model, fails, version) = (true, false, 0);
        let held = Held {
            weights,
            is_model,
            fails,
            version,
        };
        self.set(model, held);
    }

    /// A file that is no model.
    pub(crate) fn put_broken(&self, model: &str) {
        let held = Held {
            weights: 10,
            is_model: false,
            fails: true,
            version: 0,
        };
        self.set(model, held);
    }

    /// A file that looks like a model and can't be loaded; `version` tells it from others of its name.
    pub(crate) fn put_failing(&self, model: &str, version: u64) {
        let held = Held {
            weights: 10,
            is_model: true,
            fails: true,
            version,
        };
        self.set(model, held);
    }

    pub(crate) fn remove(&self, model: &str) {
        self.lock().models.remove(model);
    }

    /// Loads wait from now on.
    pub(crate) fn hold_back(&self) {
        self.lock().held_back = true;
    }

    /// Loads go on.
    pub(crate) fn let_go(&self) {
        self.lock().held_back = false;
        self.state.1.notify_all();
    }

    /// Models that were loaded, or tried, in their order.
    pub(crate) fn loads(&self) -> Vec<String> {
        let state = self.lock();
        state.loads.iter().map(|(model, _)| model.clone()).collect()
    }

    /// The same with the device of each.
    pub(crate) fn loads_on(&self) -> Vec<(String, String)> {
        self.lock().loads.clone()
    }
}

impl Library for Shelf {
    fn names(&self) -> Vec<String> {
        self.lock().models.keys().cloned().collect()
    }

    fn look(&self, model: &str) -> Result<Looked, String> {
        let state = self.lock();
        let held = state.models.get(model).filter(|held| held.is_model);
        let held = held.ok_or("no model")?;
        Ok(Looked {
            stamp: Stamp::new(held.version, None),
            abilities: Abilities::ENGLISH,
            weights: held.weights,
            session: 0,
        })
    }

    fn load(&self, model: &str, device: &Device) -> Result<Arc<dyn Backend>, BackendError> {
        let mut state = self.lock();
        state.loads.push((model.to_owned(), device.to_string()));
        while state.held_back {
            let woken = self.state.1.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        match state.models.get(model) {
            Some(held) if !held.fails => Ok(Arc::new(FakeBackend::new(Arc::clone(&self.gate)))),
            _ => Err(BackendError::Load("it is broken".into())),
        }
    }
}

/// Of one CPU with so many threads.
pub(crate) fn cpu(threads_each: usize) -> Places {
    Places {
        devices: vec![Device::Cpu],
        threads_each,
    }
}

/// A loader that nobody else waits for.
pub(crate) fn loader(shelf: &Shelf, places: Places, bounds: Bounds) -> (Loader, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    let library = Box::new(shelf.clone());
    let loader = Loader::start(
        library,
        places,
        bounds,
        Arc::clone(&metrics),
        Box::new(|| {}),
    );
    (loader.unwrap(), metrics)
}

/// With its kept models loaded.
pub(crate) fn registry(
    shelf: &Shelf,
    kept: &[&str],
    on_demand: &[&str],
    aliases: &[&str],
) -> Registry {
    let strings = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let aliases = aliases.iter().map(|a| a.parse::<Alias>().unwrap());
    let names = Names::new(strings(kept), strings(on_demand), aliases.collect());
    let (loader, _) = loader(shelf, cpu(1), Bounds::default());
    let registry = Registry::new(names, loader);
    registry.load_kept().unwrap();
    registry
}

/// A use of a model that is loaded, with so many sessions, of this backend.
pub(crate) fn use_of(backend: Arc<dyn Backend>, threads: usize) -> Use {
    let library = super::Given(vec![("model".to_owned(), backend)]);
    let metrics = Arc::new(Metrics::new().unwrap());
    let bounds = Bounds::default();
    let loader = Loader::start(
        Box::new(library),
        cpu(threads),
        bounds,
        metrics,
        Box::new(|| {}),
    );
    let loader = loader.unwrap();
    let held = loader.request("model", false);
    loader.wait(&held).unwrap();
    held
}

/// One English model, `tiny.en-q8_0`.
pub(crate) fn english() -> Registry {
    let kept = ["tiny.en-q8_0"];
    registry(&Shelf::with(&kept), &kept, &[], &[])
}

/// Of a key that may use these models.
pub(crate) fn claims(models: &[&str]) -> Claims {
    Claims {
        request_id: "r".into(),
        key_id: "k".into(),
        owner: None,
        scopes: vec![],
        models: models.iter().map(|m| (*m).to_owned()).collect(),
        max_audio_seconds: None,
        priority: 5,
        deadline_ms: 0,
        render: Render::Client,
        keep: None,
        job: None,
    }
}

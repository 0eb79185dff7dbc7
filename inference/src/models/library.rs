//! Where models come from: a folder of files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use inference_models::directory::{self, DirectoryError};
use inference_models::{ModelName, ggml};

use super::memory;
#[cfg(any(test, feature = "test-support"))]
use crate::backend::LoadedModel;
use crate::backend::whisper::{Whisper, WhisperSettings};
use crate::backend::{Abilities, Backend, BackendError};
use crate::config::FitContext;
use crate::device::Device;

/// Most models of a folder that are looked at; further ones, by name, are not there.
const MOST_MODELS: usize = 1000;
/// File systems tell the time of a change in steps: a change in the same one as a look is not to be missed.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// What tells a file from the one that was there before under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    #[cfg(any(test, feature = "test-support"))]
    pub(crate) const NONE: Self = Self::new(0, None);

    pub(crate) const fn new(bytes: u64, modified: Option<SystemTime>) -> Self {
        Self { bytes, modified }
    }
}

/// What is known of a model before it is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looked {
    pub(crate) stamp: Stamp,
    pub(crate) abilities: Abilities,
    /// Memory of its weights, about.
    pub(crate) weights: u64,
    /// Memory of one session, about.
    pub(crate) session: u64,
}

/// A store of models.
pub(crate) trait Library: Send + Sync + 'static {
    /// The full names of all that are there now, in order.
    fn names(&self) -> Vec<String>;

    /// Looks at a model without loading it; quick. The error says what is wrong with it.
    fn look(&self, model: &str) -> Result<Looked, String>;

    /// Loads a model to a device; takes seconds for a large one.
    fn load(&self, model: &str, device: &Device) -> Result<Arc<dyn Backend>, BackendError>;
}

/// How the models of a folder are run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    /// Threads of one session.
    pub(crate) threads: u16,
    /// On for GPUs alone if none.
    pub(crate) flash_attention: Option<bool>,
    pub(crate) fit_context: FitContext,
}

impl Running {
    fn flash_attention_on(self, device: &Device) -> bool {
        self.flash_attention.unwrap_or(device.is_gpu())
    }
}

/// The models directory. A file that is put there, or changed, is found at the next look.
pub(crate) struct Folder {
    path: PathBuf,
    running: Running,
    /// Whether any device writes attention scores down.
    flash_attention: bool,
    seen: Mutex<Option<Seen>>,
}

/// The folder as it was.
struct Seen {
    modified: SystemTime,
    names: Vec<String>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf, running: Running, devices: &[Device]) -> Self {
        Self {
            path,
            running,
            flash_attention: devices.iter().all(|d| running.flash_attention_on(d)),
            seen: Mutex::new(None),
        }
    }

    fn file(&self, model: &str) -> Result<PathBuf, DirectoryError> {
        directory::resolve(&self.path, model)
    }

    /// When the folder last changed, if that is long enough ago that no change can hide behind it.
    fn settled(&self) -> Option<SystemTime> {
        let modified = self.path.metadata().ok()?.modified().ok()?;
        let age = SystemTime::now().duration_since(modified).ok()?;
        (age > CLOCK_STEP).then_some(modified)
    }
}

impl Library for Folder {
    fn names(&self) -> Vec<String> {
        let settled = self.settled();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(settled), Some(seen)) = (settled, seen.as_ref())
            && seen.modified == settled
        {
            return seen.names.clone();
        }
        let names = directory::names(&self.path).unwrap_or_else(|error| {
            tracing::warn!(%error, "can't read the models directory");
            Vec::new()
        });
        let names: Vec<String> = names
            .iter()
            .take(MOST_MODELS)
            .map(ModelName::to_string)
            .collect();
        *seen = settled.map(|modified| Seen {
            modified,
            names: names.clone(),
        });
        names
    }

    fn look(&self, model: &str) -> Result<Looked, String> {
        let path = self.file(model).map_err(|e| e.to_string())?;
        let file = path.metadata().map_err(|e| e.to_string())?;
        let head = ggml::read_hyperparameters(&path).map_err(|e| e.to_string())?;
        Ok(Looked {
            stamp: Stamp::new(file.len(), file.modified().ok()),
            abilities: Abilities::of_vocabulary(head.vocabulary),
            weights: file.len(),
            session: memory::of_state(&head, self.flash_attention),
        })
    }

    fn load(&self, model: &str, device: &Device) -> Result<Arc<dyn Backend>, BackendError> {
        let wrong = |cause: String| BackendError::Load(cause);
        let path = self.file(model).map_err(|e| wrong(e.to_string()))?;
        // whisper.cpp believes what a file says of its own lengths.
        ggml::inspect(&path).map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        let settings = WhisperSettings {
            threads: self.running.threads,
            flash_attention: self.running.flash_attention_on(device),
            fit_context: self.running.fit_context.applies_to(model),
            gpu: device.gpu_index(),
        };
        Ok(Arc::new(Whisper::load(&path, settings)?))
    }
}

/// Models of a test's making.
#[cfg(any(test, feature = "test-support"))]
pub(crate) struct Given(pub(crate) Vec<LoadedModel>);

#[cfg(any(test, feature = "test-support"))]
impl Given {
    fn find(&self, model: &str) -> Option<&Arc<dyn Backend>> {
        let mut all = self.0.iter();
        all.find(|(name, _)| name == model).map(|(_, m)| m)
    }
}

#[cfg(any(test, feature = "test-support"))]
impl Library for Given {
    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    fn look(&self, model: &str) -> Result<Looked, String> {
        let backend = self.find(model).ok_or("no such model")?;
        Ok(Looked {
            stamp: Stamp::NONE,
            abilities: backend.abilities(),
            weights: 0,
            session: 0,
        })
    }

    fn load(&self, model: &str, _: &Device) -> Result<Arc<dyn Backend>, BackendError> {
        let backend = self.find(model).cloned();
        backend.ok_or_else(|| BackendError::Load("no such model".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(path: &std::path::Path) -> Folder {
        let running = Running {
            threads: 1,
            flash_attention: None,
            fit_context: FitContext::Auto,
        };
        Folder::new(path.to_owned(), running, &[Device::Cpu])
    }

    #[test]
    fn a_file_that_comes_or_goes_is_seen_at_the_next_look() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        assert!(folder.names().is_empty());
        fs::write(dir.path().join("ggml-tiny.bin"), b"").unwrap();
        assert_eq!(folder.names(), ["tiny"]);
        fs::write(dir.path().join("ggml-base.bin"), b"").unwrap();
        assert_eq!(folder.names(), ["base", "tiny"]);
        fs::remove_file(dir.path().join("ggml-tiny.bin")).unwrap();
        assert_eq!(folder.names(), ["base"]);
    }

    #[test]
    fn a_folder_that_rests_is_not_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let rest = |name: &str| {
            fs::write(dir.path().join(name), b"").unwrap();
            let hour_ago = SystemTime::now() - Duration::from_hours(1);
            fs::File::open(dir.path())
                .unwrap()
                .set_modified(hour_ago)
                .unwrap();
        };
        rest("ggml-tiny.bin");
        let folder = folder(dir.path());
        assert_eq!(folder.names(), ["tiny"]);
        let seen = folder
            .seen
            .lock()
            .unwrap()
            .as_ref()
            .map(|seen| seen.modified);
        assert_eq!(seen, folder.settled());
        assert!(seen.is_some());
        folder.seen.lock().unwrap().as_mut().unwrap().names.clear();
        assert!(
            folder.names().is_empty(),
            "what was seen is asked, not the folder"
        );
    }

    #[test]
    fn what_is_no_model_is_refused_before_whisper_cpp_sees_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ggml-bad.bin"), b"not a model").unwrap();
        let folder = folder(dir.path());
        assert!(folder.look("bad").unwrap_err().contains("not a ggml file"));
        let error = folder.load("bad", &Device::Cpu).err().unwrap().to_string();
        assert!(error.contains("not a ggml file"), "{error}");
        assert!(folder.look("../bad").is_err());
        assert!(folder.look("none").unwrap_err().contains("no model none"));
    }
}

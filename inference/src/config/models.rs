//! The flags that say which models are served, from where, and on what they run.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::seconds;
use crate::device::DeviceChoice;
use crate::models::{Alias, Bounds, Names};

/// Which models there are, and when they are in memory.
#[derive(Clone, Debug, Args)]
pub struct ModelFlags {
    /// Folder of the model files (`ggml-<name>.bin`) [default: whisper-edge/models in the user's
    /// cache directory].
    #[arg(
        long,
        env = "WHISPER_MODELS_DIR",
        value_name = "DIR",
        help_heading = "Models"
    )]
    pub models_dir: Option<PathBuf>,

    /// Models to load at the start, and to keep, separated by commas. The first is the default, which `whisper-1` means
    /// too.
    #[arg(long, env = "WHISPER_MODEL", value_name = "NAMES", value_delimiter = ',', default_value = inference_models::DEFAULT_MODEL, help_heading = "Models")]
    pub model: Vec<String>,

    /// Further models of the folder that are loaded when they are first asked for: their names, separated by
    /// commas, or `*` for every one. A file that comes later is found without a restart.
    #[arg(
        long,
        env = "INFERENCE_MODELS_ON_DEMAND",
        value_name = "NAMES",
        value_delimiter = ',',
        help_heading = "Models"
    )]
    pub models_on_demand: Vec<String>,

    /// Further names for models, `name=model`, separated by commas. Wherever a model may be named so may they. A
    /// model's own full name comes first; `whisper-1` may be given to another model than the default.
    #[arg(
        long,
        env = "INFERENCE_MODEL_ALIASES",
        value_name = "NAME=MODEL",
        value_delimiter = ',',
        help_heading = "Models"
    )]
    pub model_alias: Vec<Alias>,

    /// Seconds after which a model that was loaded on demand leaves the memory if nobody asked for it; it stays until
    /// its room is needed if not given.
    #[arg(long, env = "INFERENCE_MODEL_IDLE_TIMEOUT", value_name = "SECONDS", value_parser = seconds, help_heading = "Models")]
    pub model_idle_timeout: Option<Duration>,

    /// Memory for models in MiB, of each device: weights, and what each transcription at a time needs beside them, by
    /// estimate. Where a model on demand has no room, those leave that were not asked for longest. 0 for no bound.
    #[arg(
        long,
        env = "INFERENCE_MODEL_MEMORY_MIB",
        value_name = "MIB",
        default_value_t = 0,
        help_heading = "Models"
    )]
    pub model_memory_mib: u64,

    /// What models run on: `cpu`, GPUs such as `cuda:0` or `cuda:0,1` (`vulkan` and `metal` likewise), or `auto` for
    /// every GPU that the program was built for and finds, and else the CPU.
    #[arg(
        long,
        env = "INFERENCE_DEVICE",
        value_name = "DEVICE",
        default_value = "auto",
        help_heading = "Models"
    )]
    pub device: DeviceChoice,
}

impl ModelFlags {
    /// Which models are served under which names.
    pub(crate) fn names(&self) -> Names {
        self.names_with(listed(&self.model))
    }

    /// The same with these in place of the models after `--model`.
    pub(crate) fn names_with(&self, kept: Vec<String>) -> Names {
        let on_demand = listed(&self.models_on_demand);
        Names::new(kept, on_demand, self.model_alias.clone())
    }

    /// How much memory they may take, and for how long.
    pub(crate) fn bounds(&self) -> Bounds {
        let idle = self.model_idle_timeout;
        Bounds {
            bytes: (self.model_memory_mib > 0)
                .then(|| self.model_memory_mib.saturating_mul(1024 * 1024)),
            idle_ms: idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// Trimmed, none twice, none empty.
fn listed(given: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in given.iter().map(|name| name.trim()) {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

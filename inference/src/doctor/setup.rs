//! The secrets and the models.

use std::path::{Path, PathBuf};
use std::time::Instant;

use inference_models::directory::directory_or_default;

use super::{Check, mib};
use crate::backend::Backend as _;
use crate::backend::gpus;
use crate::backend::whisper::{Whisper, WhisperSettings};
use crate::config::Config;
use crate::device::{self, Device, DeviceError};

pub(super) fn secrets(config: &Config) -> Check {
    match (&config.edge_signing_secrets, config.dev_insecure) {
        (Some(secrets), false) => {
            // That each is long enough is known: shorter ones are no settings.
            let number = if secrets.0.len() == 2 {
                "two, the first current, the second going"
            } else {
                "one"
            };
            Check::ok("secrets", format!("{number}, of 32 bytes or more"))
        }
        (_, true) if config.listen.ip().is_loopback() => Check::warn(
            "secrets",
            "requests without a signature are accepted, from this machine",
            "leave --dev-insecure out where others can reach it",
        ),
        (None, false) => Check::fail(
            "secrets",
            "EDGE_SIGNING_SECRETS is not set",
            "set it to the Worker's: every request would be refused without",
        ),
        _ => Check::fail(
            "secrets",
            format!("--dev-insecure, and {} is not loopback", config.listen),
            "listen on a loopback address, or leave --dev-insecure out",
        ),
    }
}

/// What the models are to run on.
pub(super) fn devices(config: &Config) -> Result<Vec<Device>, DeviceError> {
    let asked = &config.models.device;
    asked.resolve(&gpus::present(), &device::built())
}

/// The models to be loaded, each with its file or why there is none.
pub(super) fn model_files(config: &Config) -> Vec<(String, Result<PathBuf, String>)> {
    let names = config.models.names();
    let file = |name: &String| {
        let file = directory_or_default(config.models.models_dir.as_deref())
            .and_then(|directory| inference_models::resolve(&directory, name));
        (name.clone(), file.map_err(|error| error.to_string()))
    };
    names.kept().iter().map(file).collect()
}

pub(super) fn models(config: &Config) -> Vec<Check> {
    let files = model_files(config);
    if files.is_empty() {
        return vec![Check::fail(
            "model",
            "none is named",
            "name one with --model",
        )];
    }
    files
        .into_iter()
        .map(|(name, file)| match file {
            Ok(file) => model(config, &name, &file),
            Err(cause) => Check::fail("model", cause, format!("inference models pull {name}")),
        })
        .collect()
}

/// Whether it is whole, known, and loads.
fn model(config: &Config, name: &str, file: &Path) -> Check {
    let again = || format!("inference models pull {name} --force, or import it again");
    if let Err(cause) = inference_models::ggml::inspect(file) {
        let found = format!("{}: {cause}", file.display());
        return Check::fail("model", found, again());
    }
    let origin = match inference_models::digest::of_file(file) {
        Ok(digest) => inference_models::catalogue::origin(name, &digest),
        Err(cause) => {
            return Check::fail("model", format!("{}: {cause}", file.display()), again());
        }
    };
    let known = if origin.is_some() {
        "the catalogue's own"
    } else {
        "of your own making"
    };
    let gpu = match devices(config) {
        Ok(devices) => devices.first().and_then(Device::gpu_index),
        Err(cause) => {
            return Check::fail(
                "model",
                cause.to_string(),
                "name other devices with --device",
            );
        }
    };
    let settings = WhisperSettings {
        threads: config.threads_per_state.get(),
        flash_attention: config.flash_attention.unwrap_or(gpu.is_some()),
        fit_context: config.fit_context.applies_to(name),
        gpu,
    };
    let began = Instant::now();
    let loaded = Whisper::load(file, settings).and_then(|model| model.session().map(drop));
    match loaded {
        Ok(()) => {
            let bytes = std::fs::metadata(file).map_or(0, |m| m.len());
            let took = began.elapsed().as_secs_f64();
            let found = format!("{name}, {}, {known}, loads in {took:.1} s", mib(bytes));
            Check::ok("model", found)
        }
        Err(cause) => Check::fail("model", format!("{name}: {cause}"), again()),
    }
}

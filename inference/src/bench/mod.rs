//! `inference bench`: how fast and how well this host transcribes a folder of speech whose words are known, with the
//! decoder, the queue and the states of the service, in this process.

use std::path::PathBuf;

use clap::Args;

use crate::config::Config;

mod clips;
mod report;
mod run;

pub use clips::ClipsError;
pub use report::{Measurement, write};
pub use run::run;

/// What `bench` is told: the settings that `serve` would be started with, and what to transcribe.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Folder with `transcripts.tsv`, of which each line is the file of a clip, a tab, and what is said in it; further
    /// columns before the text are a language (`en`) and behind it anything.
    pub folder: PathBuf,
    /// Only clips in this language, where the transcripts name one.
    #[arg(
        long,
        env = "INFERENCE_BENCH_LANGUAGE",
        value_name = "CODE",
        help_heading = "Bench"
    )]
    pub only_language: Option<String>,
    /// Give the figures as JSON.
    #[arg(long, env = "INFERENCE_BENCH_JSON", help_heading = "Bench")]
    pub json: bool,
    /// The settings of the service. Each of several models is measured.
    #[command(flatten)]
    pub serve: Config,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The clips can't be read.
    #[error(transparent)]
    Clips(#[from] ClipsError),
    /// A model can't be loaded, or the settings contradict each other.
    #[error(transparent)]
    Server(#[from] crate::server::ServerError),
    /// The states can't be made.
    #[error(transparent)]
    Backend(#[from] crate::backend::BackendError),
    /// A clip was not transcribed.
    #[error("{clip}: {cause}")]
    Failed {
        /// Its name.
        clip: String,
        /// What went wrong.
        cause: String,
    },
}

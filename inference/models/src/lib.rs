//! Whisper model files: which ones there are, how they come here, and what is in them.
//!
//! - [`catalogue`]: the models of whisper.cpp's public hub, each with its size and pinned SHA-256.
//! - [`pull`]: a resumable, verified download of one of them.
//! - [`import`]: a ggml file made from a CTranslate2 or Hugging Face Whisper folder.
//! - [`directory`]: a folder of models: where it is, what it holds, which path a name means.
//! - [`ggml`]: the file format itself, read with bounds and written.
//! - [`command`]: the `models list | pull | import` subcommands.
//!
//! Everything read here is taken to be hostile: lengths are checked against the file that claims
//! them before anything is allocated, and whatever does not fit is a typed error.

pub mod catalogue;
pub mod command;
pub mod digest;
pub mod directory;
pub mod ggml;
pub mod import;
pub mod pull;

pub use directory::{ModelName, resolve};

/// Name of the model that runs when nobody chose one.
pub const DEFAULT_MODEL: &str = "tiny.en-q8_0";

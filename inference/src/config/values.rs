//! What flags hold that are more than a number or a path, and how it is read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use inference_api::heartbeat::EVERY_MS;
use inference_api::origin::is_origin;
use inference_api::signature::{Secret, SecretError};

/// Below it the model lacks context, above it there is no room left for the silence after a piece.
const SHORTEST_PIECE: Duration = Duration::from_secs(5);
pub(super) const LONGEST_PIECE: Duration = Duration::from_secs(28);

/// Whether the encoder's window is fitted to short clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FitContext {
    /// For every model.
    On,
    /// For none.
    Off,
    /// For models on which it was validated.
    Auto,
}

impl FitContext {
    /// Whether it is done for the model of this name.
    pub(crate) fn applies_to(self, model: &str) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            // Validated on 17 clips of 2 to 11 s: 3.0 % of words wrong, fitted or not. base is not
            // listed: its errors rose from 3.7 to 4.7 %.
            Self::Auto => model == "tiny.en" || model.starts_with("tiny.en-"),
        }
    }
}

/// One or two signing secrets. Redacted in `Debug`.
#[derive(Clone)]
pub struct Secrets(pub Vec<Secret>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({}, redacted)", self.0.len())
    }
}

impl FromStr for Secrets {
    type Err = SecretError;

    fn from_str(list: &str) -> Result<Self, SecretError> {
        Secret::parse_list(list).map(Self)
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if seconds <= 0.0 {
        return Err("must be above 0".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

pub(super) fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text.parse() == Ok(0.0) {
        return Ok(Duration::ZERO);
    }
    seconds(text)
}

/// An origin, in the form in which it is compared.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
    if is_origin(&origin) {
        Ok(origin)
    } else {
        Err("must be an origin: https://host[:port]".to_owned())
    }
}

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = seconds(text)?;
    let in_bounds = u32::try_from(interval.as_millis()).is_ok_and(|ms| EVERY_MS.contains(&ms));
    in_bounds
        .then_some(interval)
        .ok_or_else(|| "must be within 0.2 and 60".to_owned())
}

pub(super) fn piece(text: &str) -> Result<Duration, String> {
    let piece = seconds(text)?;
    if (SHORTEST_PIECE..=LONGEST_PIECE).contains(&piece) {
        Ok(piece)
    } else {
        Err("must be within 5 and 28".to_owned())
    }
}

//! A long recording, made of short ones: joined with pauses, over and over, until it is as long as wanted.

use std::fs;
use std::path::{Path, PathBuf};

use inference_audio::{Limits, SAMPLE_RATE};

use crate::error::Error;

/// Between two of them.
const PAUSE_SAMPLES: usize = SAMPLE_RATE as usize * 6 / 10;

/// A recording on disk, and what is said in it.
pub(crate) struct Recording {
    /// A WAV file, 16 kHz mono, 16 bits.
    pub(crate) file: PathBuf,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// The words.
    pub(crate) reference: String,
    /// How long it is.
    pub(crate) seconds: f64,
}

/// Speech and what is said in it, decoded.
pub(crate) struct Speech {
    pub(crate) samples: Vec<f32>,
    pub(crate) words: String,
}

impl Speech {
    /// A file's.
    pub(crate) fn read(path: &Path, words: &str) -> Result<Self, Error> {
        let what = path.display().to_string();
        let file = fs::File::open(path).map_err(Error::io(what.as_str()))?;
        let pcm = inference_audio::decode(file, &Limits::default(), &|| false)
            .map_err(|error| Error::Unexpected(format!("{what}: {error}")))?;
        Ok(Self {
            samples: pcm.samples,
            words: words.to_owned(),
        })
    }
}

impl Recording {
    /// At least as long as wanted, and one part at least, or where `exactly` is so: cut there, and nobody knows its words then.
    pub(crate) fn of(
        parts: &[Speech],
        seconds: u32,
        exactly: bool,
        file: PathBuf,
    ) -> Result<Self, Error> {
        let wanted = seconds as usize * SAMPLE_RATE as usize;
        let mut samples = Vec::new();
        let mut words = Vec::new();
        for part in parts.iter().cycle() {
            let is_enough = samples.len() >= wanted && !words.is_empty();
            if is_enough || parts.iter().all(|part| part.samples.is_empty()) {
                break;
            }
            samples.extend_from_slice(&part.samples);
            samples.resize(samples.len() + PAUSE_SAMPLES, 0.0);
            words.push(part.words.as_str());
        }
        if exactly {
            samples.truncate(wanted);
            words.clear();
        }
        let bytes = wav(&samples);
        fs::write(&file, &bytes).map_err(Error::io(file.display().to_string()))?;
        #[allow(clippy::cast_precision_loss)] // Minutes of samples.
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
        Ok(Self {
            file,
            bytes,
            reference: words.join(" "),
            seconds,
        })
    }
}

/// RIFF WAVE, PCM.
fn wav(samples: &[f32]) -> Vec<u8> {
    let data = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(44 + samples.len() * 2);
    out.extend(b"RIFF");
    out.extend(data.saturating_add(36).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16_u32.to_le_bytes());
    for field in [1_u16, 1] {
        out.extend(field.to_le_bytes());
    }
    out.extend(SAMPLE_RATE.to_le_bytes());
    out.extend((SAMPLE_RATE * 2).to_le_bytes());
    for field in [2_u16, 16] {
        out.extend(field.to_le_bytes());
    }
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    for sample in samples {
        #[allow(clippy::cast_possible_truncation)] // Clamped.
        let sample = (sample.clamp(-1.0, 1.0) * 32_767.0) as i16;
        out.extend(sample.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_its_parts_and_pauses_until_it_is_long_enough() {
        let folder = tempfile::tempdir().unwrap();
        let part = |seconds: usize, words: &str| Speech {
            samples: vec![0.5; seconds * 16_000],
            words: words.to_owned(),
        };
        let parts = [part(1, "one"), part(2, "two")];
        let path = folder.path().join("a.wav");
        let recording = Recording::of(&parts, 5, false, path.clone()).unwrap();
        assert_eq!(recording.reference, "one two one");
        assert!((recording.seconds - 5.8).abs() < 0.01);
        let read = Speech::read(&recording.file, "").unwrap();
        assert_eq!(read.samples.len(), 58 * 1600);
        let cut = Recording::of(&parts, 5, true, path.clone()).unwrap();
        assert!((cut.seconds - 5.0).abs() < 0.01);
        let once = Recording::of(&parts, 0, false, path).unwrap();
        assert_eq!(once.reference, "one");
    }
}

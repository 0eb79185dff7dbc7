//! What was measured of a model, as a table or as JSON.

use std::io::{self, Write};
use std::time::Duration;

use inference_score::{Errors, percentile};
use serde::Serialize;

/// The figures of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Its name.
    pub model: String,
    /// Transcriptions at the same time.
    pub states: usize,
    /// Clips transcribed.
    pub clips: usize,
    /// How long they are together.
    pub audio_seconds: f64,
    /// From the first to the last, decoding included.
    pub wall_seconds: f64,
    /// Wall seconds for a second of audio.
    pub real_time_factor: f64,
    /// Seconds in the states for a second of audio.
    pub model_real_time_factor: f64,
    /// Words wrong of a hundred, by Whisper's basic normalizer; none where the references have no words.
    pub word_error_rate: Option<f64>,
    /// Milliseconds from a clip's opening to its last word, of half of the clips at most.
    pub p50_ms: f64,
    /// The same, of 95 of a hundred.
    pub p95_ms: f64,
    /// The same, of 99 of a hundred.
    pub p99_ms: f64,
    /// Most memory of the process from the load of the model on, in MiB.
    pub peak_rss_mib: u64,
}

impl Measurement {
    #[expect(clippy::too_many_arguments, reason = "each is one figure")]
    pub(super) fn new(
        model: String,
        states: usize,
        audio: Duration,
        wall: Duration,
        in_model: Duration,
        errors: Errors,
        ascending: &[Duration],
        peak_bytes: u64,
    ) -> Self {
        let factor = |time: Duration| time.as_secs_f64() / audio.as_secs_f64();
        let ms = |percent| percentile(ascending, percent).as_secs_f64() * 1000.0;
        Self {
            model,
            states,
            clips: ascending.len(),
            audio_seconds: audio.as_secs_f64(),
            wall_seconds: wall.as_secs_f64(),
            real_time_factor: factor(wall),
            model_real_time_factor: factor(in_model),
            word_error_rate: Some(errors.percent()).filter(|rate| rate.is_finite()),
            p50_ms: ms(50),
            p95_ms: ms(95),
            p99_ms: ms(99),
            peak_rss_mib: peak_bytes / (1024 * 1024),
        }
    }
}

/// Writes the figures: as a table, or as a JSON list.
pub fn write(all: &[Measurement], json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, all)?;
        return writeln!(out);
    }
    let widest = all.iter().map(|m| m.model.len()).max().unwrap_or(0).max(5);
    writeln!(
        out,
        "{:<widest$} {:>6} {:>5} {:>8} {:>7} {:>7} {:>9} {:>6} {:>7} {:>7} {:>7} {:>8}",
        "model",
        "states",
        "clips",
        "audio s",
        "wall s",
        "RTF",
        "RTF model",
        "WER %",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "peak MiB"
    )?;
    for m in all {
        let wer = m.word_error_rate;
        let wer = wer.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2}"));
        writeln!(
            out,
            "{:<widest$} {:>6} {:>5} {:>8.1} {:>7.2} {:>7.4} {:>9.4} {wer:>6} {:>7.0} {:>7.0} {:>7.0} {:>8}",
            m.model,
            m.states,
            m.clips,
            m.audio_seconds,
            m.wall_seconds,
            m.real_time_factor,
            m.model_real_time_factor,
            m.p50_ms,
            m.p95_ms,
            m.p99_ms,
            m.peak_rss_mib
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_per_second_of_audio_and_no_words_have_no_rate() {
        let ms = Duration::from_millis;
        let measured = Measurement::new(
            "m".into(),
            2,
            Duration::from_secs(10),
            Duration::from_secs(1),
            Duration::from_secs(2),
            Errors::default(),
            &[ms(10), ms(20), ms(30)],
            3 << 20,
        );
        assert!((measured.real_time_factor - 0.1).abs() < 1e-9);
        assert!((measured.model_real_time_factor - 0.2).abs() < 1e-9);
        assert_eq!((measured.clips, measured.word_error_rate), (3, None));
        assert!((measured.p50_ms - 20.0).abs() < 1e-9);
        let mut table = Vec::new();
        write(std::slice::from_ref(&measured), false, &mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert_eq!(table.lines().count(), 2);
        assert_eq!(table.lines().nth(1).unwrap().split_whitespace().count(), 12);
        let mut json = Vec::new();
        write(&[measured], true, &mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json[0]["peak_rss_mib"], 3);
    }
}

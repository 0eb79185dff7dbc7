//! whisper.cpp the plain way, for `make bench` to compare with: one state over the whole file, full windows, default
//! settings of whisper-rs. A JSON line `{"file", "threads"}` in, `{"text", "wall", "cpu"}` out, times in seconds.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead as _, stdin};
use std::time::Instant;

use serde_json::{Value, json};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters};

fn main() -> Result<(), Box<dyn Error>> {
    let model = std::env::args().nth(1).ok_or("which model file?")?;
    whisper_rs::install_logging_hooks();
    let context = WhisperContext::new_with_params(&model, WhisperContextParameters::new())?;
    let mut state = context.create_state()?;
    for line in stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let file = asked["file"].as_str().ok_or("which file?")?;
        let threads = i32::try_from(asked["threads"].as_u64().unwrap_or(1))?;
        let (wall, cpu) = (Instant::now(), cpu_seconds()?);
        let limits = inference_audio::Limits::default();
        let audio = inference_audio::decode(File::open(file)?, &limits, &|| false)?;
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(threads);
        params.set_language(Some("en"));
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        state.full(params, &audio.samples)?;
        let text: String = state
            .as_iter()
            .map(|segment| segment.to_str_lossy().map(std::borrow::Cow::into_owned))
            .collect::<Result<_, _>>()?;
        let wall = wall.elapsed().as_secs_f64();
        println!(
            "{}",
            json!({"text": text, "wall": wall, "cpu": cpu_seconds()? - cpu})
        );
    }
    Ok(())
}

/// User and system time of this process, from proc(5): fields 14 and 15 of `stat`, in hundredths of a second.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<u32>)
        .sum::<Result<_, _>>()?;
    Ok(f64::from(ticks) / 100.0)
}

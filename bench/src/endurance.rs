//! The service's memory: over ten thousand requests, and over a recording of eight hours.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use tokio::process::Command;

use crate::client::Connection;
use crate::error::Error;
use crate::load::Connections;
use crate::peers::speech;
use crate::process;
use crate::recording::{Recording, Speech};
use crate::report::{Figure, Part};
use crate::speech::Settings;
use crate::stack::Stack;

const STATES: usize = 2;
/// One length after the other: clips of a second or less, so that it takes minutes and not an hour.
const CLIP_MS: [usize; 4] = [400, 600, 800, 1_000];
const WARM_UP: usize = 500;
const REQUESTS: usize = 10_000;
/// Most growth of resident memory in percent.
const MOST_GROWTH: f64 = 5.0;
/// Of a speech that is put behind itself until it is so long.
const HOURS: u32 = 8;
const SPEECH_SECONDS: u32 = 480;
/// Most resident memory with it, in MB.
const MOST_PEAK_MB: f64 = 500.0;
/// What the service and the Worker let through for it.
const MOST_BYTES: &str = "100000000";
const MOST_SECONDS: &str = "36000";
const MOST_TIME: &str = "3600";

/// Programs that it needs.
pub(crate) struct Programs<'a> {
    /// Python with the packages of bench/requirements.txt.
    pub(crate) python: &'a Path,
    /// bench/repeat_mp3.py.
    pub(crate) repeat: &'a Path,
}

/// Measures both.
pub(crate) async fn run(settings: &Settings<'_>, programs: &Programs<'_>) -> Result<Part, Error> {
    let mut part = many(settings).await?;
    part.figures.extend(long(settings, programs).await?);
    Ok(part)
}

/// Ten thousand requests.
async fn many(settings: &Settings<'_>) -> Result<Part, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let speech = speech(settings)?;
    let stack = Stack::start(settings, STATES, &[], &[]).await?;
    let service = &stack.service;
    let loads = clips(&speech, folder.path())?
        .iter()
        .map(|clip| stack.transcription(&clip.bytes))
        .collect::<Result<Vec<_>, _>>()?;

    eprintln!("endurance: {WARM_UP} requests to warm up");
    let mut connections = Connections::open(&stack.workerd, STATES, &loads[0]).await?;
    connections.send_each(&loads, WARM_UP).await?;
    let before = process::resident_memory(service.pid)?;
    eprintln!("endurance: {REQUESTS} requests");
    connections.send_each(&loads, REQUESTS).await?;
    let after = process::resident_memory(service.pid)?;
    eprintln!(
        "endurance: {} connections were closed between requests",
        connections.closed()
    );
    #[allow(clippy::cast_precision_loss)] // Bytes of memory.
    let growth = (after as f64 / before as f64 - 1.0) * 100.0;
    Ok(Part {
        figures: vec![Figure::once(
            format!("endurance: growth of RSS over {REQUESTS} requests"),
            growth,
            "%",
            Some(MOST_GROWTH),
        )],
        ..Part::default()
    })
}

/// Clips of different lengths.
fn clips(speech: &[Speech], folder: &Path) -> Result<Vec<Recording>, Error> {
    let clip = |(place, length): (usize, &usize)| {
        let speech = &speech[place % speech.len()];
        let samples = length * 16;
        let part = Speech {
            samples: speech.samples[..samples.min(speech.samples.len())].to_vec(),
            words: String::new(),
        };
        Recording::of(&[part], 0, false, folder.join(format!("clip{place}.wav")))
    };
    CLIP_MS.iter().enumerate().map(clip).collect()
}

/// A recording of eight hours.
async fn long(settings: &Settings<'_>, programs: &Programs<'_>) -> Result<Vec<Figure>, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let speech = speech(settings)?;
    let once = Recording::of(
        &speech,
        SPEECH_SECONDS,
        false,
        folder.path().join("once.wav"),
    )?;
    let file = folder.path().join("long.mp3");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A few dozens.
    let times = (f64::from(HOURS * 3600) / once.seconds).ceil() as u32;
    let made = Command::new(programs.python)
        .arg(programs.repeat)
        .args([&once.file, Path::new(&times.to_string()), &file])
        .status()
        .await
        .map_err(Error::io("making a long recording"))?;
    if !made.success() {
        return Err(Error::Unexpected(format!("a long recording: {made}")));
    }
    let file = fs::read(&file).map_err(Error::io("a long recording"))?;

    let arguments = [
        ["--max-file-bytes", MOST_BYTES],
        ["--max-audio-seconds", MOST_SECONDS],
        ["--request-timeout", MOST_TIME],
    ];
    let bindings = [
        ("MAX_UPLOAD_BYTES", MOST_BYTES),
        ("MAX_AUDIO_SECONDS", MOST_SECONDS),
        ("REQUEST_TIMEOUT_SECONDS", MOST_TIME),
    ];
    let stack = Stack::start(settings, STATES, arguments.as_flattened(), &bindings).await?;
    let load = stack.transcription(&file)?;
    eprintln!(
        "endurance: a recording of {HOURS} hours, {} MB",
        file.len() / 1_000_000
    );
    let mut connection: Connection<Full<Bytes>> =
        Connection::open(&stack.workerd.authority).await?;
    let began = Instant::now();
    connection.send(load.request()).await?;
    Ok(figures(
        began.elapsed(),
        process::peak_memory(stack.service.pid)?,
    ))
}

/// Bytes of memory are far below what an f64 holds exactly.
#[allow(clippy::cast_precision_loss)]
fn figures(took: Duration, peak: u64) -> Vec<Figure> {
    vec![
        Figure::once(
            format!("endurance: peak RSS with a recording of {HOURS} hours"),
            peak as f64 / 1e6,
            "MB",
            Some(MOST_PEAK_MB),
        ),
        Figure::once(
            format!("endurance: time for a recording of {HOURS} hours"),
            took.as_secs_f64(),
            "s",
            None,
        ),
    ]
}

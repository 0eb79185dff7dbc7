//! The service's memory over ten thousand requests.

use std::path::Path;

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
/// Sends them.
pub(crate) async fn run(settings: &Settings<'_>) -> Result<Part, Error> {
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

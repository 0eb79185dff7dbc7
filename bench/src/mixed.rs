//! The service with short and long work at the same time, and how soon the first words of a recording come.

use std::time::{Duration, Instant};

use inference_score::percentile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::arrivals::Arrivals;
use crate::client::Connection;
use crate::error::Error;
use crate::form;
use crate::load::Load;
use crate::peers::speech;
use crate::recording::Recording;
use crate::report::{Figure, Part};
use crate::speech::Settings;
use crate::stack::Stack;
use crate::stats::{Spread, ms};
use crate::workerd::Workerd;

const STATES: usize = 2;
const ROUNDS: usize = 3;
/// Most seconds from the last byte of a minute of speech to its first words.
const MOST_TO_FIRST_WORDS: f64 = 0.7;
/// Most that long recordings may lengthen the 95th percentile of short clips.
const MOST_BY_LONG: f64 = 1.5;
const SHORT_SECONDS: u32 = 5;
const LONG_SECONDS: u32 = 600;
/// Short clips of a round, and between two of them in the mean.
const SHORT: usize = 80;
const BETWEEN: Duration = Duration::from_millis(500);
/// Of ten requests one is long.
const SHORT_FOR_A_LONG: usize = 9;

/// Measures both.
pub(crate) async fn run(settings: &Settings<'_>) -> Result<Part, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let speech = speech(settings)?;
    let recording =
        |seconds, name: &str| Recording::of(&speech, seconds, true, folder.path().join(name));
    let minute = recording(60, "minute.wav")?;
    let (short, long) = (
        recording(SHORT_SECONDS, "short.wav")?,
        recording(LONG_SECONDS, "long.wav")?,
    );
    let stack = Stack::start(settings, STATES, &[], &[]).await?;
    let workerd = &stack.workerd;

    let mut first = Vec::new();
    for round in 0..=ROUNDS {
        eprintln!("mixed: first words, round {round} of {ROUNDS} (0 is the warm-up)");
        let took = first_words(workerd, &stack.authorization, &minute).await?;
        first.extend((round > 0).then_some(took.as_secs_f64()));
    }
    let (short, long) = (
        stack.transcription(&short.bytes)?,
        stack.transcription(&long.bytes)?,
    );
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!(
            "mixed: short clips, alone and beside long recordings, round {round} of {ROUNDS}"
        );
        alone.push(p95(workerd, &short, None).await?);
        beside.push(p95(workerd, &short, Some(&long)).await?);
    }
    let ratios = beside
        .iter()
        .zip(&alone)
        .map(|(beside, alone)| beside / alone);
    Ok(Part {
        figures: vec![
            Figure::spread(
                "mixed: last byte of 60 s to the first words",
                Spread::of(first),
                "s",
                Some(MOST_TO_FIRST_WORDS),
            ),
            Figure::spread(
                "mixed: p95 of 5 s clips beside 10 min files ÷ alone",
                Spread::of(ratios),
                "",
                Some(MOST_BY_LONG),
            ),
            Figure::spread(
                "mixed: p95 of 5 s clips alone",
                Spread::of(alone),
                "ms",
                None,
            ),
        ],
        ..Part::default()
    })
}

/// From the last byte of an upload to the first words of the answer that streams.
async fn first_words(
    workerd: &Workerd,
    authorization: &str,
    file: &Recording,
) -> Result<Duration, Error> {
    let body = form::streamed(&file.bytes);
    let (name, kind) = form::CONTENT_TYPE;
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}\r\n\
         {name}: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let what = "an upload";
    let mut stream = TcpStream::connect(&workerd.authority)
        .await
        .map_err(Error::io(what))?;
    for bytes in [head.as_bytes(), &body] {
        stream.write_all(bytes).await.map_err(Error::io(what))?;
    }
    let sent = Instant::now();
    let mut answer = Vec::new();
    while !contains(&answer, b"transcript.text.delta") {
        let read = stream
            .read_buf(&mut answer)
            .await
            .map_err(Error::io(what))?;
        if read == 0 {
            let text = String::from_utf8_lossy(&answer);
            return Err(Error::Unexpected(format!("no words: {text}")));
        }
    }
    Ok(sent.elapsed())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The 95th percentile of the short clips' latencies, in milliseconds, while long ones come, too, or not.
async fn p95(workerd: &Workerd, short: &Load, long: Option<&Load>) -> Result<f64, Error> {
    let begin = tokio::time::Instant::now();
    let (mut clips, mut recordings) = (JoinSet::new(), JoinSet::new());
    for (number, at) in Arrivals::of_mean(BETWEEN).take(SHORT).enumerate() {
        let at = begin + at;
        clips.spawn(send(workerd.authority.clone(), short.clone(), at));
        if let Some(long) = long.filter(|_| number % SHORT_FOR_A_LONG == 0) {
            recordings.spawn(send(workerd.authority.clone(), long.clone(), at));
        }
    }
    let mut latencies = Vec::new();
    while let Some(joined) = clips.join_next().await {
        latencies.push(joined.map_err(|error| Error::Unexpected(format!("load: {error}")))??);
    }
    // The rest of the recordings is of no interest; their callers leave.
    recordings.shutdown().await;
    latencies.sort_unstable();
    Ok(ms(percentile(&latencies, 95)))
}

async fn send(authority: String, load: Load, at: tokio::time::Instant) -> Result<Duration, Error> {
    sleep_until(at).await;
    let start = Instant::now();
    let mut connection = Connection::open(&authority).await?;
    connection.send(load.request()).await?;
    Ok(start.elapsed())
}

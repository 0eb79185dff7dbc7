//! The service at its capacity and at twice that: whom it takes on is answered about as soon, and whom it does not is told so
//! at once.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use inference_score::percentile;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::arrivals::Arrivals;
use crate::client::Connection;
use crate::error::Error;
use crate::load::{Connections, Load};
use crate::peers::speech;
use crate::process;
use crate::recording::Recording;
use crate::report::{Detail, Figure, Part, number};
use crate::speech::Settings;
use crate::stack::Stack;
use crate::stats::ms;
use crate::workerd::Workerd;

const STATES: usize = 2;
const CLIP_SECONDS: u32 = 5;
/// How long the capacity is measured, and each load lasts.
const CAPACITY: Duration = Duration::from_secs(20);
const LASTS: Duration = Duration::from_mins(1);
/// Most of the 99th percentile at twice the capacity, of that at the capacity.
const MOST_LATENCY: f64 = 1.5;
/// Most milliseconds to a refusal.
const MOST_TO_REFUSAL: f64 = 100.0;
/// Most growth of resident memory in percent.
const MOST_GROWTH: f64 = 5.0;

/// What became of the requests of one load.
#[derive(Default)]
struct Outcome {
    /// Ascending.
    accepted: Vec<Duration>,
    /// Ascending.
    refused: Vec<Duration>,
}

/// Measures it.
pub(crate) async fn run(settings: &Settings<'_>) -> Result<Part, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let speech = speech(settings)?;
    let clip = Recording::of(&speech, CLIP_SECONDS, true, folder.path().join("clip.wav"))?;
    let stack = Stack::start(settings, STATES, &[], &[]).await?;
    let Stack {
        service, workerd, ..
    } = &stack;
    let load = stack.transcription(&clip.bytes)?;

    eprintln!("overload: capacity");
    let mut connections = Connections::open(workerd, 2 * STATES, &load).await?;
    let began = Instant::now();
    let answered = connections.send(&load, CAPACITY).await?.len();
    let took = began.elapsed();
    drop(connections);
    let between = took / u32::try_from(answered.max(1)).unwrap_or(u32::MAX);

    eprintln!("overload: at the capacity, {} s", LASTS.as_secs());
    let once = offer(workerd, &load, between).await?;
    let before = process::resident_memory(service.pid)?;
    eprintln!("overload: at twice the capacity, {} s", LASTS.as_secs());
    let twice = offer(workerd, &load, between / 2).await?;
    let after = process::resident_memory(service.pid)?;
    Ok(report(between, &once, &twice, before, after))
}

/// Requests that come whether those before are answered or not. All are answered in the end, or this fails.
async fn offer(workerd: &Workerd, load: &Load, between: Duration) -> Result<Outcome, Error> {
    let begin = tokio::time::Instant::now();
    let mut requests = JoinSet::new();
    for at in Arrivals::of_mean(between).take_while(|at| *at < LASTS) {
        requests.spawn(send(workerd.authority.clone(), load.clone(), begin + at));
    }
    let mut outcome = Outcome::default();
    while let Some(joined) = requests.join_next().await {
        let (status, took) =
            joined.map_err(|error| Error::Unexpected(format!("load: {error}")))??;
        match status {
            StatusCode::OK => outcome.accepted.push(took),
            StatusCode::SERVICE_UNAVAILABLE => outcome.refused.push(took),
            other => return Err(Error::Unexpected(format!("overload: status {other}"))),
        }
    }
    outcome.accepted.sort_unstable();
    outcome.refused.sort_unstable();
    Ok(outcome)
}

async fn send(
    authority: String,
    load: Load,
    at: tokio::time::Instant,
) -> Result<(StatusCode, Duration), Error> {
    sleep_until(at).await;
    let start = Instant::now();
    let mut connection: Connection<Full<Bytes>> = Connection::open(&authority).await?;
    let answer = connection.ask(load.request()).await?;
    Ok((answer.status(), start.elapsed()))
}

/// Bytes and counts are far below what an f64 holds exactly.
#[allow(clippy::cast_precision_loss)]
fn report(between: Duration, once: &Outcome, twice: &Outcome, before: u64, after: u64) -> Part {
    let p99 = |latencies: &[Duration]| ms(percentile(latencies, 99));
    let growth = (after as f64 / before as f64 - 1.0) * 100.0;
    let row = |name: &str, outcome: &Outcome| {
        vec![
            name.to_owned(),
            outcome.accepted.len().to_string(),
            outcome.refused.len().to_string(),
            number(ms(percentile(&outcome.accepted, 50))),
            number(p99(&outcome.accepted)),
            number(p99(&outcome.refused)),
        ]
    };
    Part {
        figures: vec![
            Figure::once(
                "overload: p99 of those taken on at 2 × capacity ÷ at 1 ×",
                p99(&twice.accepted) / p99(&once.accepted),
                "",
                Some(MOST_LATENCY),
            ),
            Figure::once(
                "overload: p99 to a refusal at 2 × capacity",
                p99(&twice.refused),
                "ms",
                Some(MOST_TO_REFUSAL),
            ),
            Figure::once(
                "overload: growth of RSS over 60 s at 2 × capacity",
                growth,
                "%",
                Some(MOST_GROWTH),
            ),
        ],
        details: vec![Detail {
            title: format!(
                "Overload: {CLIP_SECONDS} s clips on {STATES} states, {:.1} a second at capacity, Poisson arrivals for {} s, \
                 all answered",
                1.0 / between.as_secs_f64(),
                LASTS.as_secs()
            ),
            columns: vec![
                "load",
                "taken on",
                "refused",
                "p50 ms",
                "p99 ms",
                "p99 to a refusal ms",
            ],
            rows: vec![row("1 ×", once), row("2 ×", twice)],
        }],
        notes: Vec::new(),
    }
}

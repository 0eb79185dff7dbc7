//! A recording that is sent a second time: the kept transcript answers, and the model does nothing.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;

use crate::client::{self, Connection};
use crate::error::Error;
use crate::form;
use crate::load::Load;
use crate::peers::speech;
use crate::recording::Recording;
use crate::report::{Figure, Part};
use crate::speech::Settings;
use crate::stack::Stack;
use crate::stats::{Spread, ms};

const STATES: usize = 2;
const ROUNDS: u32 = 5;
const SECONDS: u32 = 60;
/// Most of the first request's time that the second may take.
const MOST_OF_FIRST: f64 = 0.1;
const PATH: &str = "/v1/audio/transcriptions?store=true";
/// The service's count of pieces of audio that a model heard.
const PIECES: &str = "inference_piece_seconds_count ";

/// Sends recordings, each of another length, twice.
pub(crate) async fn run(settings: &Settings<'_>) -> Result<Part, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let speech = speech(settings)?;
    let stack = Stack::with_stores(settings, STATES).await?;
    let mut edge = Connection::open(&stack.workerd.authority).await?;
    let (mut first, mut second, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // Round 0 is the warm-up.
    for round in 0..=ROUNDS {
        eprintln!("again: round {round} of {ROUNDS} (0 is the warm-up)");
        let file = folder.path().join("recording.wav");
        let recording = Recording::of(&speech, SECONDS + round, true, file)?;
        let headers = [
            ("authorization", stack.authorization.as_str()),
            // Where the service asks for what is kept.
            ("host", stack.workerd.authority.as_str()),
            form::CONTENT_TYPE,
        ];
        let load = Load::new(PATH, &headers, form::of(&recording.bytes))?;
        let once = answered(&mut edge, &load, false).await?;
        let before = pieces(&stack).await?;
        let again = answered(&mut edge, &load, true).await?;
        if pieces(&stack).await? != before {
            return Err(Error::Unexpected("the model heard it twice".to_owned()));
        }
        if round > 0 {
            first.push(once);
            second.push(again);
            ratios.push(again / once);
        }
    }
    let spread = |what: &str, values, unit, most| {
        Figure::spread(format!("again: {what}"), Spread::of(values), unit, most)
    };
    Ok(Part {
        figures: vec![
            spread(
                "60 s sent again ÷ sent first",
                ratios,
                "",
                Some(MOST_OF_FIRST),
            ),
            spread("60 s sent first", first, "ms", None),
            spread("60 s sent again", second, "ms", None),
        ],
        ..Part::default()
    })
}

/// How long an answer took, in milliseconds, which must be a kept one or none.
async fn answered(
    edge: &mut Connection<Full<Bytes>>,
    load: &Load,
    kept: bool,
) -> Result<f64, Error> {
    let began = Instant::now();
    let answer = edge.send(load.request()).await?;
    let took = ms(began.elapsed());
    if answer.headers().contains_key("x-cache") == kept {
        Ok(took)
    } else {
        Err(Error::Unexpected(format!("x-cache is there: {}", !kept)))
    }
}

/// How many pieces the model heard so far.
async fn pieces(stack: &Stack) -> Result<u64, Error> {
    let authority = stack.service.origin.trim_start_matches("http://");
    let mut service: Connection<Full<Bytes>> = Connection::open(authority).await?;
    let request = client::request(Method::GET, "/metrics", &[], Bytes::new())?;
    let answer = service.send(request.map(Full::new)).await?;
    let text = String::from_utf8_lossy(answer.body());
    text.lines()
        .find_map(|line| line.strip_prefix(PIECES)?.parse().ok())
        .ok_or_else(|| Error::Unexpected(format!("no count of pieces: {text}")))
}

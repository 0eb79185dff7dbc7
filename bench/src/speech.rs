//! Transcription by the real service behind the real Worker: how fast, how well, in how much memory.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Response;
use inference_score::Errors;
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::clips::{Clip, Clips};
use crate::error::Error;
use crate::form;
use crate::load::Load;
use crate::process;
use crate::report::{Detail, Figure, Part, number};
use crate::service::Service;
use crate::stack::Stack;
use crate::stats::{Spread, ms};
use crate::words::Normalizer;
use crate::workerd::Workerd;

/// Most wall time of a second of audio, in seconds.
const MOST_REAL_TIME: f64 = 0.03;
/// Most errors of a hundred words.
const MOST_ERRORS_PERCENT: f64 = 5.0;
/// Most resident memory of the service, in MB.
const MOST_RESIDENT_MB: f64 = 350.0;
/// Requests at a time, and states of the service.
const CONCURRENCY: usize = 2;
const PASSES: usize = 3;

/// Where what it runs lies.
pub(crate) struct Settings<'a> {
    /// workerd.mjs.
    pub(crate) harness: &'a Path,
    /// Folder of the built Worker.
    pub(crate) bundle: &'a Path,
    /// The inference service.
    pub(crate) inference: &'a Path,
    /// Whisper's normalizer.
    pub(crate) normalizer: Normalizer<'a>,
    /// Folder of clips and their transcripts, if there is one.
    pub(crate) audio: Option<&'a Path>,
    /// Folder of the repository's own sample, which is used otherwise.
    pub(crate) sample: &'a Path,
}

/// What came of one clip.
struct Transcript {
    text: String,
    audio_seconds: f64,
    latency: Duration,
}

/// All clips once.
struct Pass {
    wall: Duration,
    /// Of the service.
    cpu: Duration,
    /// In the order of the clips.
    transcripts: Vec<Transcript>,
}

impl Pass {
    fn audio_seconds(&self) -> f64 {
        self.transcripts.iter().map(|t| t.audio_seconds).sum()
    }

    fn real_time_factor(&self) -> f64 {
        self.wall.as_secs_f64() / self.audio_seconds()
    }

    fn cpu_ratio(&self) -> f64 {
        self.cpu.as_secs_f64() / self.audio_seconds()
    }
}

/// Transcribes all clips, again and again.
pub(crate) async fn run(settings: &Settings<'_>) -> Result<Part, Error> {
    let clips = match settings.audio {
        Some(folder) => Clips::english(folder)?,
        None => Clips::sample(settings.sample)?,
    };
    let stack = Stack::start(settings, CONCURRENCY, &[], &[]).await?;
    let Stack {
        service, workerd, ..
    } = &stack;
    let uploads = uploads(&clips, &stack.authorization)?;

    eprintln!("speech: warm-up");
    pass(workerd, service, &uploads).await?;
    let mut passes = Vec::new();
    for number in 1..=PASSES {
        eprintln!("speech: pass {number} of {PASSES}");
        passes.push(pass(workerd, service, &uploads).await?);
    }
    let peak = process::peak_memory(service.pid)?;
    let errors = word_errors(&settings.normalizer, &clips.clips, &passes).await?;
    Ok(report(&clips, &passes, &errors, peak))
}

fn uploads(clips: &Clips, authorization: &str) -> Result<Vec<Load>, Error> {
    let headers = [("authorization", authorization), form::CONTENT_TYPE];
    clips
        .clips
        .iter()
        .map(|clip| Load::new("/v1/audio/transcriptions", &headers, clip.form.clone()))
        .collect()
}

/// Each connection takes the next clip that none has taken, until all are done.
async fn pass(workerd: &Workerd, service: &Service, uploads: &[Load]) -> Result<Pass, Error> {
    let mut waiting = uploads.iter().enumerate();
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    let cpu = process::cpu_time(service.pid)?;
    let start = Instant::now();
    for (place, upload) in waiting.by_ref().take(CONCURRENCY) {
        let connection = Connection::open(&workerd.authority).await?;
        running.spawn(transcribe(connection, place, upload.clone()));
    }
    while let Some(joined) = running.join_next().await {
        let (connection, place, transcript) =
            joined.map_err(|error| Error::Unexpected(format!("load: {error}")))??;
        done.push((place, transcript));
        if let Some((place, upload)) = waiting.next() {
            running.spawn(transcribe(connection, place, upload.clone()));
        }
    }
    let wall = start.elapsed();
    let cpu = process::cpu_time(service.pid)?.saturating_sub(cpu);
    done.sort_by_key(|(place, _)| *place);
    let transcripts = done.into_iter().map(|(_, transcript)| transcript).collect();
    Ok(Pass {
        wall,
        cpu,
        transcripts,
    })
}

type Uploads = Connection<http_body_util::Full<Bytes>>;

async fn transcribe(
    mut connection: Uploads,
    place: usize,
    upload: Load,
) -> Result<(Uploads, usize, Transcript), Error> {
    let start = Instant::now();
    let answer = connection.send(upload.request()).await?;
    let transcript = transcript(&answer, start.elapsed())?;
    Ok((connection, place, transcript))
}

fn transcript(answer: &Response<Bytes>, latency: Duration) -> Result<Transcript, Error> {
    #[derive(Deserialize)]
    struct Body {
        text: String,
    }
    let body: Body = serde_json::from_slice(answer.body())
        .map_err(|error| Error::Unexpected(format!("transcript: {error}")))?;
    let audio_seconds = answer
        .headers()
        .get("x-audio-seconds")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0)
        .ok_or_else(|| Error::Unexpected("an answer without x-audio-seconds".to_owned()))?;
    Ok(Transcript {
        text: body.text,
        audio_seconds,
        latency,
    })
}

/// Of each clip, over all passes.
async fn word_errors(
    normalizer: &Normalizer<'_>,
    clips: &[Clip],
    passes: &[Pass],
) -> Result<Vec<Errors>, Error> {
    let references: Vec<&str> = clips.iter().map(|clip| clip.reference.as_str()).collect();
    let references = normalizer.apply(&references).await?;
    let mut all = vec![Errors::default(); clips.len()];
    for pass in passes {
        let texts: Vec<&str> = pass.transcripts.iter().map(|t| t.text.as_str()).collect();
        let texts = normalizer.apply(&texts).await?;
        for ((sum, reference), text) in all.iter_mut().zip(&references).zip(&texts) {
            *sum = sum.and(Errors::of(reference, text));
        }
    }
    Ok(all)
}

/// `peak` in bytes, far below what an f64 holds exactly.
#[allow(clippy::cast_precision_loss)]
fn report(clips: &Clips, passes: &[Pass], errors: &[Errors], peak: u64) -> Part {
    let name = format!("speech: {}, c={CONCURRENCY}", clips.title);
    let all = errors
        .iter()
        .fold(Errors::default(), |sum, next| sum.and(*next));
    let figures = vec![
        Figure::spread(
            format!("{name}: real-time factor"),
            Spread::of(passes.iter().map(Pass::real_time_factor)),
            "",
            Some(MOST_REAL_TIME),
        ),
        // What the factor comes to where nobody else wants the cores: this, divided by the states.
        Figure::spread(
            format!("{name}: CPU of the service ÷ audio"),
            Spread::of(passes.iter().map(Pass::cpu_ratio)),
            "",
            None,
        ),
        Figure::once(
            format!("{name}: word error rate"),
            all.percent(),
            "%",
            Some(MOST_ERRORS_PERCENT),
        ),
        Figure::once(
            format!("{name}: peak RSS of the service"),
            peak as f64 / 1e6,
            "MB",
            Some(MOST_RESIDENT_MB),
        ),
    ];
    let rows = clips.clips.iter().zip(errors).enumerate();
    let rows = rows.map(|(place, (clip, errors))| {
        let of = |figure: fn(&Transcript) -> f64| {
            let transcripts = passes.iter().filter_map(|pass| pass.transcripts.get(place));
            number(Spread::of(transcripts.map(figure)).median)
        };
        vec![
            clip.name.clone(),
            of(|transcript| transcript.audio_seconds),
            of(|transcript| ms(transcript.latency)),
            errors.errors.to_string(),
            errors.words.to_string(),
        ]
    });
    let detail = Detail {
        title: format!("Clip by clip: median latency and word errors of {PASSES} passes"),
        columns: vec!["clip", "audio s", "latency ms", "errors", "words"],
        rows: rows.collect(),
    };
    Part {
        figures,
        details: vec![detail],
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(seconds: Option<&str>, body: &'static str) -> Response<Bytes> {
        let mut builder = Response::builder();
        if let Some(seconds) = seconds {
            builder = builder.header("x-audio-seconds", seconds);
        }
        builder.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn an_answer_without_text_or_length_of_its_audio_is_an_error() {
        let read = |answer| transcript(&answer, Duration::ZERO);
        let good = read(answer(Some("11.000"), r#"{"text":"Ask not."}"#)).unwrap();
        assert_eq!(good.text, "Ask not.");
        assert!((good.audio_seconds - 11.0).abs() < 1e-9);
        for seconds in [None, Some("many"), Some("0"), Some("NaN"), Some("-1")] {
            assert!(read(answer(seconds, r#"{"text":""}"#)).is_err());
        }
        assert!(read(answer(Some("11.000"), "{}")).is_err());
    }
}

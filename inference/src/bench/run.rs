//! Transcribes the clips with each model: as many at the same time as there are states, each as a request of the queue.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use inference_api::language::Language;
use inference_api::transcript::{Task, Transcript};
use inference_audio::VoiceDetector;
use inference_audio::chunks::Chunker;
use inference_score::{Errors, normalize};
use tokio::task::JoinSet;

use super::clips::{self, Clip};
use super::report::Measurement;
use super::{BenchArgs, BenchError};
use crate::backend::{BackendError, DecodeOptions};
use crate::config::Config;
use crate::hearing::feed;
use crate::queue::Wanted;
use crate::registry::Model;
use crate::scheduler::Flow;
use crate::server::{ServerError, models_of};
use crate::service::{Ear, Service};
use crate::telemetry::{forget_peak, peak_bytes};
use crate::ticket::{Failed, Measured};

/// Measures each of the models, one after the other. Must be called inside a tokio runtime.
pub async fn run(args: &BenchArgs) -> Result<Vec<Measurement>, BenchError> {
    let clips = clips::read(&args.folder, args.only_language.as_deref())?;
    let mut all = Vec::new();
    for name in args.serve.models.names().kept() {
        forget_peak();
        let mut config = args.serve.clone();
        config.models.model = vec![name.clone()];
        all.push(measure(&config, &clips).await?);
    }
    Ok(all)
}

/// Measures the default model of these settings.
async fn measure(config: &Config, clips: &[Clip]) -> Result<Measurement, BenchError> {
    let ear: Ear = || Box::new(VoiceDetector::default());
    let service = Arc::new(Service::new(config, models_of(config)?, ear)?);
    let loading = Arc::clone(&service);
    tokio::task::spawn_blocking(move || loading.registry.load_kept())
        .await
        .map_err(|e| BackendError::Load(e.to_string()))?
        .map_err(ServerError::from)?;
    let model = service.registry.default_model();
    let model = model.map_err(|e| BackendError::Load(e.to_string()))?;
    // Once before: what is slow only the first time is not what is asked for.
    if let Some(first) = clips.first() {
        transcribe(&service, &model, first).await?;
    }
    let clips: Arc<[Clip]> = clips.into();
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..service.pool.threads() {
        let (service, model) = (Arc::clone(&service), model.clone());
        let (clips, next) = (Arc::clone(&clips), Arc::clone(&next));
        callers.spawn(async move {
            let mut heard = Vec::new();
            while let Some(clip) = clips.get(next.fetch_add(1, Ordering::Relaxed)) {
                heard.push(transcribe(&service, &model, clip).await?);
            }
            Ok::<_, BenchError>(heard)
        });
    }
    let mut heard = Vec::new();
    while let Some(caller) = callers.join_next().await {
        let caller = caller.map_err(|e| BackendError::SessionLost(e.to_string()))?;
        heard.extend(caller?);
    }
    let wall = began.elapsed();
    Ok(summary(
        model.id().to_owned(),
        service.pool.threads(),
        wall,
        heard,
    ))
}

fn summary(model: String, states: usize, wall: Duration, heard: Vec<Heard>) -> Measurement {
    let audio = heard.iter().map(|h| h.measured.charged()).sum();
    let in_model = heard.iter().map(|h| h.measured.ran).sum();
    let errors = heard.iter().map(|h| h.errors);
    let errors = errors.fold(Errors::default(), Errors::and);
    let mut latencies: Vec<_> = heard.into_iter().map(|h| h.took).collect();
    latencies.sort_unstable();
    Measurement::new(
        model,
        states,
        audio,
        wall,
        in_model,
        errors,
        &latencies,
        peak_bytes(),
    )
}

/// A clip that was transcribed.
struct Heard {
    measured: Measured,
    took: Duration,
    errors: Errors,
}

async fn transcribe(service: &Service, model: &Model, clip: &Clip) -> Result<Heard, BenchError> {
    let failed = |cause: String| BenchError::Failed {
        clip: clip.name.clone(),
        cause,
    };
    let began = Instant::now();
    let file = File::open(&clip.file).map_err(|e| failed(e.to_string()))?;
    let language = clip
        .language
        .filter(|language| model.abilities().knows(*language));
    let options = DecodeOptions {
        task: Task::Transcribe,
        language,
        prompt: None,
        hotwords: None,
        temperature: 0.0,
        words: false,
        logprobs: false,
    };
    let wanted = Wanted {
        model: service.registry.hold(model),
        finds_language: language.is_none() && model.abilities().is_multilingual(),
        carries_text: false,
        options,
    };
    let flow = Flow {
        caller: clip.name.clone(),
        priority: 5,
    };
    let (mut ticket, feeder) = service.pool.queue().open(flow, wanted);
    let (limits, chunker) = (
        service.limits.clone(),
        Chunker::new((service.ear)(), service.longest_piece),
    );
    std::thread::Builder::new()
        .name("decoder".to_owned())
        .spawn(move || feed(file, &limits, chunker, feeder))
        .map_err(|e| failed(e.to_string()))?;
    let mut transcript = Transcript {
        task: Task::Transcribe,
        language: language.unwrap_or(Language::ENGLISH),
        language_probability: None,
        duration: 0.0,
        segments: Vec::new(),
        words: None,
        logprobs: None,
    };
    while let Some(part) = ticket.part().await {
        let part = part.map_err(|error| {
            failed(match error {
                Failed::Audio(error) => error.to_string(),
                Failed::Backend(error) => error.to_string(),
                Failed::Model(why) => why.to_string(),
            })
        })?;
        part.append_to(&mut transcript);
    }
    Ok(Heard {
        measured: ticket.measured(),
        took: began.elapsed(),
        errors: Errors::of(&normalize(&clip.text), &normalize(&transcript.text())),
    })
}

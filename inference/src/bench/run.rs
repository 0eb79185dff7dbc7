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
use crate::backend::{Backend, DecodeOptions, LoadedModel};
use crate::config::Config;
use crate::queue::Wanted;
use crate::routes::feed;
use crate::scheduler::Flow;
use crate::server::load_model;
use crate::service::{Ear, Service};
use crate::telemetry::{forget_peak, peak_bytes};
use crate::ticket::{Failed, Measured};

/// Measures each of the models, one after the other. Must be called inside a tokio runtime.
pub async fn run(args: &BenchArgs) -> Result<Vec<Measurement>, BenchError> {
    let clips = clips::read(&args.folder, args.only_language.as_deref())?;
    let mut all = Vec::new();
    for name in args.serve.model.iter().map(|n| n.trim()) {
        forget_peak();
        let (config, wanted) = (args.serve.clone(), name.to_owned());
        let model = tokio::task::spawn_blocking(move || load_model(&config, &wanted))
            .await
            .map_err(|e| crate::backend::BackendError::Load(e.to_string()))??;
        all.push(measure(&args.serve, model, &clips).await?);
    }
    Ok(all)
}

async fn measure(
    config: &Config,
    model: LoadedModel,
    clips: &[Clip],
) -> Result<Measurement, BenchError> {
    let (name, backend) = (model.0.clone(), Arc::clone(&model.1));
    let ear: Ear = || Box::new(VoiceDetector::default());
    let service = Arc::new(Service::new(config, vec![model], ear)?);
    // Once before: what is slow only the first time is not what is asked for.
    if let Some(first) = clips.first() {
        transcribe(&service, &backend, first).await?;
    }
    let clips: Arc<[Clip]> = clips.into();
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..service.pool.threads() {
        let (service, backend) = (Arc::clone(&service), Arc::clone(&backend));
        let (clips, next) = (Arc::clone(&clips), Arc::clone(&next));
        callers.spawn(async move {
            let mut heard = Vec::new();
            while let Some(clip) = clips.get(next.fetch_add(1, Ordering::Relaxed)) {
                heard.push(transcribe(&service, &backend, clip).await?);
            }
            Ok::<_, BenchError>(heard)
        });
    }
    let mut heard = Vec::new();
    while let Some(caller) = callers.join_next().await {
        let caller =
            caller.map_err(|e| crate::backend::BackendError::SessionLost(e.to_string()))?;
        heard.extend(caller?);
    }
    let wall = began.elapsed();
    Ok(summary(name, service.pool.threads(), wall, heard))
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

async fn transcribe(
    service: &Service,
    backend: &Arc<dyn Backend>,
    clip: &Clip,
) -> Result<Heard, BenchError> {
    let failed = |cause: String| BenchError::Failed {
        clip: clip.name.clone(),
        cause,
    };
    let began = Instant::now();
    let file = File::open(&clip.file).map_err(|e| failed(e.to_string()))?;
    let language = clip.language.filter(|language| backend.knows(*language));
    let options = DecodeOptions {
        task: Task::Transcribe,
        language,
        prompt: None,
        temperature: 0.0,
        words: false,
        logprobs: false,
    };
    let wanted = Wanted {
        model: 0,
        finds_language: language.is_none() && backend.is_multilingual(),
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

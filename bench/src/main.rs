//! Behind `make bench`: measures what the README promises. Run by scripts/bench, which builds first.

mod again;
mod arrivals;
mod client;
mod clips;
mod deployment;
mod edge;
mod endurance;
mod error;
mod form;
mod jobs;
mod library;
mod load;
mod machine;
mod memory;
mod mixed;
mod overload;
mod peers;
mod process;
mod recording;
mod report;
mod service;
mod speech;
mod stack;
mod stats;
mod upstream;
mod words;
mod workerd;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Error;
use crate::report::Report;

/// Measures the edge against its baselines, its memory and size, and transcription. It fails only if something cannot be run; a figure over
/// its target is a figure.
#[derive(Parser)]
#[command(name = "scripts/bench")]
struct Options {
    /// What to measure; everything if nothing is named.
    parts: Vec<Part>,
    /// Also writes the figures as JSON into this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// bench/workerd.mjs.
    #[arg(long, env = "BENCH_HARNESS", hide = true)]
    harness: PathBuf,
    /// Folder of the built Worker.
    #[arg(long, env = "BENCH_EDGE_BUNDLE", hide = true)]
    bundle: PathBuf,
    /// Folder of the Worker built with test routes.
    #[arg(long, env = "BENCH_EDGE_TEST_BUNDLE", hide = true)]
    test_bundle: PathBuf,
    /// Folder of the bundled baselines.
    #[arg(long, env = "BENCH_BASELINES", hide = true)]
    baselines: PathBuf,
    /// The inference service.
    #[arg(long, env = "BENCH_INFERENCE", hide = true)]
    inference: PathBuf,
    /// Python with the packages of tests/requirements.txt.
    #[arg(long, env = "BENCH_PYTHON", hide = true)]
    python: PathBuf,
    /// bench/normalize.py.
    #[arg(long, env = "BENCH_NORMALIZER", hide = true)]
    normalizer: PathBuf,
    /// Python with the packages of bench/requirements.txt.
    #[arg(long, env = "BENCH_PEER_PYTHON", hide = true)]
    peer_python: PathBuf,
    /// bench/faster_whisper_peer.py.
    #[arg(long, env = "BENCH_PEER_SCRIPT", hide = true)]
    peer_script: PathBuf,
    /// bench/repeat_mp3.py.
    #[arg(long, env = "BENCH_REPEAT_SCRIPT", hide = true)]
    repeat_script: PathBuf,
    /// The model as CTranslate2 has it.
    #[arg(long, env = "BENCH_PEER_WEIGHTS", hide = true)]
    peer_weights: PathBuf,
    /// The example `plain_whisper` of the service.
    #[arg(long, env = "BENCH_PEER_PLAIN", hide = true)]
    peer_plain: PathBuf,
    /// The model file of the service.
    #[arg(long, env = "BENCH_MODEL", hide = true)]
    model: PathBuf,
    /// Folder of sample.flac and sample.txt.
    #[arg(long, env = "BENCH_SAMPLE", hide = true)]
    sample: PathBuf,
    /// Folder of speech to transcribe: transcripts.tsv, and the clips in en/ that it lists (file, language,
    /// words, separated by tabs). The repository's sample if not given.
    #[arg(long, value_name = "FOLDER", env = "WHISPER_TEST_AUDIO_DIR")]
    audio: Option<PathBuf>,
    /// Rounds of the comparison at the edge.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The Worker against a bare passthrough and against the obvious TypeScript Worker.
    Edge,
    /// Size of the Worker, its start-up, and its memory while 100 MB pass through it.
    Memory,
    /// Transcription through the Worker by the real service: speed, word error rate, memory.
    Speech,
    /// Short clips beside long recordings, and how soon the first words come.
    Mixed,
    /// The service at its capacity and at twice that.
    Overload,
    /// Its memory over ten thousand requests.
    Endurance,
    /// Transcription beside faster-whisper and plain whisper.cpp.
    Peers,
    /// A minute of speech that is sent a second time, where transcripts are kept.
    Again,
    /// Kept transcripts among a hundred thousand: read, listed, searched.
    Library,
    /// An upload of a gigabyte, and a job of eight hours: what the Worker and the service hold.
    Jobs,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // One thread: the load must leave the cores to what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(Error::io("starting the runtime"))
        .and_then(|runtime| {
            runtime.block_on(async {
                tokio::select! {
                    report = run(&options) => Ok(report),
                    stopped = interrupted() => Err(stopped),
                }
            })
        });
    match outcome.and_then(|report| write(&options, &report)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Report {
    let wanted = |part| options.parts.is_empty() || options.parts.contains(&part);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = if arguments.is_empty() {
        "make bench".to_owned()
    } else {
        format!("scripts/bench {}", arguments.join(" "))
    };
    let mut report = Report::new(machine::describe(), command);
    if wanted(Part::Edge) {
        let settings = edge::Settings {
            harness: &options.harness,
            bundle: &options.bundle,
            baselines: &options.baselines,
            rounds: options.rounds.into(),
        };
        report.add("edge", edge::run(&settings).await);
    }
    if wanted(Part::Memory) {
        let settings = memory::Settings {
            harness: &options.harness,
            bundle: &options.bundle,
            test_bundle: &options.test_bundle,
        };
        report.add("memory", memory::run(&settings).await);
    }
    let speech = speech::Settings {
        harness: &options.harness,
        bundle: &options.bundle,
        inference: &options.inference,
        normalizer: words::Normalizer {
            python: &options.python,
            script: &options.normalizer,
        },
        audio: options.audio.as_deref(),
        sample: &options.sample,
    };
    if wanted(Part::Speech) {
        report.add("speech", speech::run(&speech).await);
    }
    if wanted(Part::Mixed) {
        report.add("mixed", mixed::run(&speech).await);
    }
    if wanted(Part::Overload) {
        report.add("overload", overload::run(&speech).await);
    }
    if wanted(Part::Endurance) {
        report.add("endurance", endurance::run(&speech).await);
    }
    if wanted(Part::Peers) {
        let programs = peers::Programs {
            python: &options.peer_python,
            script: &options.peer_script,
            weights: &options.peer_weights,
            plain: &options.peer_plain,
            model: &options.model,
        };
        report.add("peers", peers::run(&speech, &programs).await);
    }
    if wanted(Part::Again) {
        report.add("again", again::run(&speech).await);
    }
    if wanted(Part::Library) {
        report.add(
            "library",
            library::run(&options.harness, &options.bundle).await,
        );
    }
    if wanted(Part::Jobs) {
        let programs = jobs::Programs {
            test_bundle: &options.test_bundle,
            python: &options.peer_python,
            repeat: &options.repeat_script,
        };
        report.add("jobs", jobs::run(&speech, &programs).await);
    }
    report
}

/// Comes back when somebody wants the bench to end.
async fn interrupted() -> Error {
    let stopped = async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    };
    match stopped.await {
        Ok(()) => Error::Unexpected("interrupted".to_owned()),
        Err(error) => Error::io("waiting for signals")(error),
    }
}

fn write(options: &Options, report: &Report) -> Result<(), Error> {
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(report)
            .map_err(|error| Error::Unexpected(format!("figures as JSON: {error}")))?;
        std::fs::write(path, json).map_err(Error::io(path.display().to_string()))?;
    }
    print!("{}", report.to_text());
    if report.failed.is_empty() {
        Ok(())
    } else {
        Err(Error::Unexpected(format!(
            "not measured: {}",
            report.failed.join(", ")
        )))
    }
}

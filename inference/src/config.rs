//! The command line. Every flag is also an environment variable; a flag wins.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use crate::models::{Alias, AliasError};
pub use jobs::JobFlags;
pub use models::ModelFlags;
pub use values::{FitContext, Secrets};

use crate::bench::BenchArgs;
use crate::doctor::DoctorArgs;
use values::{LONGEST_PIECE, interval, origin, piece, seconds, seconds_or_none};

mod jobs;
mod models;
mod values;

/// Most bytes a file may be allowed to have: what Cloudflare lets through on its common plans.
const MOST_FILE_BYTES: u64 = 100_000_000;

/// On a CPU.
const COMMON_PIECE: Duration = Duration::from_secs(15);
/// A GPU does not gain by a state for each core, and each takes of its memory. Not measured yet.
const MOST_STATES_OF_GPU: usize = 4;

/// Transcribes speech with Whisper, over HTTP.
#[derive(Debug, Parser)]
#[command(name = "inference", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings of `serve`.
    #[command(flatten)]
    pub serve: Config,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve transcriptions over HTTP (the default).
    Serve(Box<Config>),
    /// Examine this host before it serves: machine, models, secrets, network. Fails if the service would.
    Doctor(Box<DoctorArgs>),
    /// Measure speed and word errors of this host on a folder of speech whose words are known.
    Bench(Box<BenchArgs>),
    /// List, download or import models.
    #[command(subcommand)]
    Models(inference_models::command::ModelsCommand),
}

/// The settings of the service.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Address to listen on; port 0 lets the system choose.
    #[arg(
        long,
        env = "INFERENCE_LISTEN",
        default_value = "127.0.0.1:9000",
        help_heading = "Network"
    )]
    pub listen: SocketAddr,

    /// File to which the bound address is written once the service is ready; nothing else is in it.
    #[arg(
        long,
        env = "INFERENCE_ADDRESS_FILE",
        value_name = "PATH",
        help_heading = "Network"
    )]
    pub address_file: Option<PathBuf>,

    /// Which models there are, and what they run on.
    #[command(flatten)]
    pub models: ModelFlags,

    /// Secrets shared with the edge: `current[,previous]`, each of 32 bytes or more. Both are
    /// accepted, so that they can be changed without a refused request.
    #[arg(
        long,
        env = "EDGE_SIGNING_SECRETS",
        value_name = "SECRETS",
        hide_env_values = true,
        help_heading = "Access"
    )]
    pub edge_signing_secrets: Option<Secrets>,

    /// Accept requests without a signature. Refused unless the service listens on loopback.
    #[arg(long, env = "INFERENCE_DEV_INSECURE", help_heading = "Access")]
    pub dev_insecure: bool,

    /// Transcriptions at the same time, on each device; as many as cores (divided by `--threads-per-state`) if not
    /// given, on GPUs at most 4. Each has its own memory.
    #[arg(
        long,
        env = "INFERENCE_STATES",
        value_name = "COUNT",
        help_heading = "Capacity"
    )]
    pub states: Option<NonZeroUsize>,

    /// Threads of one transcription. On a CPU more states serve better than more threads; states
    /// times threads must not exceed the cores.
    #[arg(
        long,
        env = "INFERENCE_THREADS_PER_STATE",
        value_name = "COUNT",
        default_value = "1",
        help_heading = "Capacity"
    )]
    pub threads_per_state: NonZeroU16,

    /// Requests that may wait beside those that run, uploads included; further ones are refused
    /// with 503 and Retry-After.
    #[arg(
        long,
        env = "INFERENCE_QUEUE_LENGTH",
        value_name = "COUNT",
        default_value_t = 64,
        help_heading = "Capacity"
    )]
    pub queue_length: usize,

    /// Longest that a newcomer is expected to wait until his audio is begun, by the time that the last pieces took;
    /// who would wait longer is refused with 503 and Retry-After, unless fewer wait than there are states. What is taken
    /// on is answered soon, whatever comes.
    #[arg(long, env = "INFERENCE_MAX_QUEUE_WAIT", value_name = "SECONDS", default_value = "2", value_parser = seconds, help_heading = "Capacity")]
    pub max_queue_wait: Duration,

    /// Largest file, in bytes; at most 100 MB.
    #[arg(long, env = "INFERENCE_MAX_FILE_BYTES", value_name = "BYTES", default_value_t = 25 * 1024 * 1024, value_parser = clap::value_parser!(u64).range(1..=MOST_FILE_BYTES), help_heading = "Bounds of a request")]
    pub max_file_bytes: u64,

    /// Longest audio, in seconds. It is decoded and transcribed piece by piece: its length takes no memory.
    #[arg(long = "max-audio-seconds", env = "INFERENCE_MAX_AUDIO_SECONDS", value_name = "SECONDS", default_value = "7200", value_parser = seconds, help_heading = "Bounds of a request")]
    pub max_audio: Duration,

    /// What is done for those who do not wait for it.
    #[command(flatten)]
    pub jobs: JobFlags,

    /// Folder for uploads larger than 1 MiB; the system's temporary folder if not given. The files
    /// have no name there and vanish with the request.
    #[arg(
        long,
        env = "INFERENCE_SPOOL_DIR",
        value_name = "DIR",
        help_heading = "Capacity"
    )]
    pub spool_dir: Option<PathBuf>,

    /// Time for a request's head to arrive in full; idle connections are closed after it as well.
    #[arg(long, env = "INFERENCE_HEADER_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = "Times")]
    pub header_timeout: Duration,

    /// Longest pause inside a body, either way.
    #[arg(long, env = "INFERENCE_STALL_TIMEOUT", value_name = "SECONDS", default_value = "15", value_parser = seconds, help_heading = "Times")]
    pub stall_timeout: Duration,

    /// Time for a whole upload.
    #[arg(long, env = "INFERENCE_UPLOAD_TIMEOUT", value_name = "SECONDS", default_value = "300", value_parser = seconds, help_heading = "Times")]
    pub upload_timeout: Duration,

    /// Time for a whole request whose claims name no earlier deadline.
    #[arg(long, env = "INFERENCE_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "900", value_parser = seconds, help_heading = "Times")]
    pub request_timeout: Duration,

    /// Longest silence of a realtime session's client: nothing sent, and nothing of his under way.
    #[arg(long, env = "INFERENCE_REALTIME_IDLE_TIMEOUT", value_name = "SECONDS", default_value = "60", value_parser = seconds, help_heading = "Times")]
    pub realtime_idle_timeout: Duration,

    /// Time for requests in flight to end after SIGTERM or SIGINT.
    #[arg(long, env = "INFERENCE_DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = "Times")]
    pub drain_timeout: Duration,

    /// Connections at the same time; further ones are closed at once.
    #[arg(
        long,
        env = "INFERENCE_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 8192,
        help_heading = "Network"
    )]
    pub max_connections: usize,

    /// Whether the encoder's window is fitted to short clips, which makes them several times
    /// cheaper: `auto` does so for the model on which it was validated (tiny.en).
    #[arg(
        long,
        env = "INFERENCE_FIT_CONTEXT",
        value_name = "MODE",
        default_value = "auto",
        help_heading = "Transcription"
    )]
    pub fit_context: FitContext,

    /// Longest piece that audio is cut in, at a pause, in seconds: shorter ones spread a recording better over
    /// the states and let others in between, longer ones fill a GPU better. 28 is the most that the model hears
    /// at once, and what is taken for GPUs if not given; 15 for a CPU.
    #[arg(long = "piece-seconds", env = "INFERENCE_PIECE_SECONDS", value_name = "SECONDS", value_parser = piece, help_heading = "Transcription")]
    pub piece: Option<Duration>,

    /// Flash attention: on for a GPU, off for a CPU if not given.
    #[arg(
        long,
        env = "INFERENCE_FLASH_ATTENTION",
        value_name = "BOOL",
        help_heading = "Transcription"
    )]
    pub flash_attention: Option<bool>,

    /// Resident memory in MiB above which the service calls itself not ready; 0 for no bound.
    #[arg(
        long,
        env = "INFERENCE_MEMORY_MARK_MIB",
        value_name = "MIB",
        default_value_t = 0,
        help_heading = "Capacity"
    )]
    pub memory_mark_mib: u64,

    /// OpenTelemetry collector to which traces go, as the base of its OTLP over HTTP: `http://127.0.0.1:4318`. No traces
    /// are made if it is not given.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        help_heading = "Observation"
    )]
    pub otlp_endpoint: Option<String>,

    /// What is logged, in the syntax of tracing's EnvFilter.
    #[arg(
        long,
        env = "INFERENCE_LOG",
        value_name = "FILTER",
        default_value = "info",
        help_heading = "Observation"
    )]
    pub log: String,

    /// After SIGTERM or SIGINT, how long the service goes on taking requests while it says, by its readiness, with
    /// every answer and by heartbeat, that it is being replaced; in seconds. Shorter than 10 and an edge may still
    /// send to it. 0 where nothing else is there to send to.
    #[arg(long, env = "INFERENCE_DRAIN_DELAY", value_name = "SECONDS", default_value = "10", value_parser = seconds_or_none, help_heading = "Times")]
    pub drain_delay: Duration,

    /// Address of the edge, to which the service says every few seconds that it is there; needs `--public-url`.
    /// If not given, the edge must be told of it (INFERENCE_URLS).
    #[arg(long, env = "INFERENCE_EDGE_URL", value_name = "URL", value_parser = origin, help_heading = "Network")]
    pub edge_url: Option<String>,

    /// Where the edge reaches this service: `https://` and a host, and a port if it is another than 443.
    #[arg(long, env = "INFERENCE_PUBLIC_URL", value_name = "URL", value_parser = origin, help_heading = "Network")]
    pub public_url: Option<String>,

    /// Longest time between two heartbeats, in seconds. After three that did not come the edge forgets the service.
    #[arg(long, env = "INFERENCE_HEARTBEAT_INTERVAL", value_name = "SECONDS", default_value = "3", value_parser = interval, help_heading = "Network")]
    pub heartbeat_interval: Duration,
}

/// Why the service does not start with these settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing would tell the edge's requests from others.
    #[error(
        "EDGE_SIGNING_SECRETS is not set: set it to the secret the edge signs with, or pass \
         --dev-insecure on a loopback address"
    )]
    NoSecrets,
    /// Anybody could use the service.
    #[error("--dev-insecure needs a loopback address; {0} is none")]
    InsecureInPublic(SocketAddr),
    /// Nothing to serve.
    #[error("no model is named")]
    NoModel,
    /// A heartbeat says where the service is, to somebody, and is signed.
    #[error(
        "--edge-url and --public-url need each other, and EDGE_SIGNING_SECRETS to sign heartbeats with"
    )]
    HalfRegistered,
    /// The aliases contradict each other or the models.
    #[error("--model-alias: {0}")]
    Aliases(String),
}

impl Config {
    /// Refuses settings that contradict each other or leave the service open.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.dev_insecure && !self.listen.ip().is_loopback() {
            return Err(ConfigError::InsecureInPublic(self.listen));
        }
        if !self.dev_insecure && self.edge_signing_secrets.is_none() {
            return Err(ConfigError::NoSecrets);
        }
        let names = self.models.names();
        if names.kept().is_empty() {
            return Err(ConfigError::NoModel);
        }
        let registers = self.edge_url.is_some() || self.public_url.is_some();
        let can = self.edge_url.is_some()
            && self.public_url.is_some()
            && self.edge_signing_secrets.is_some();
        if registers && !can {
            return Err(ConfigError::HalfRegistered);
        }
        names.contradiction().map_or(Ok(()), |contradiction| {
            Err(ConfigError::Aliases(contradiction))
        })
    }

    /// Sessions to run at the same time, on each device.
    pub(crate) fn state_count(&self, on_gpu: bool) -> usize {
        let by_cores = || {
            let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
            let states = (cores / usize::from(self.threads_per_state.get())).max(1);
            if on_gpu {
                states.min(MOST_STATES_OF_GPU)
            } else {
                states
            }
        };
        self.states.map_or_else(by_cores, NonZeroUsize::get)
    }

    /// Longest piece that audio is cut in.
    pub(crate) fn longest_piece(&self, on_gpu: bool) -> Duration {
        let common = if on_gpu { LONGEST_PIECE } else { COMMON_PIECE };
        self.piece.unwrap_or(common)
    }
}

#[cfg(test)]
mod tests;

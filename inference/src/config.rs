//! The command line. Every flag is also an environment variable; a flag wins.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use inference_api::heartbeat::EVERY_MS;
use inference_api::origin::is_origin;
use inference_api::signature::{Secret, SecretError};

pub use crate::models::{Alias, AliasError};
pub use models::ModelFlags;

use crate::bench::BenchArgs;
use crate::doctor::DoctorArgs;

mod models;

/// Most bytes a file may be allowed to have: what Cloudflare lets through on its common plans.
const MOST_FILE_BYTES: u64 = 100_000_000;

/// Below it the model lacks context, above it there is no room left for the silence after a piece.
const SHORTEST_PIECE: Duration = Duration::from_secs(5);
const LONGEST_PIECE: Duration = Duration::from_secs(28);
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
    /// who would wait longer is refused with 503 and Retry-After. What is taken on is answered soon, whatever comes.
    #[arg(long, env = "INFERENCE_MAX_QUEUE_WAIT", value_name = "SECONDS", default_value = "2", value_parser = seconds, help_heading = "Capacity")]
    pub max_queue_wait: Duration,

    /// Largest file, in bytes; at most 100 MB.
    #[arg(long, env = "INFERENCE_MAX_FILE_BYTES", value_name = "BYTES", default_value_t = 25 * 1024 * 1024, value_parser = clap::value_parser!(u64).range(1..=MOST_FILE_BYTES), help_heading = "Bounds of a request")]
    pub max_file_bytes: u64,

    /// Longest audio, in seconds. It is decoded and transcribed piece by piece: its length takes no memory.
    #[arg(long = "max-audio-seconds", env = "INFERENCE_MAX_AUDIO_SECONDS", value_name = "SECONDS", default_value = "7200", value_parser = seconds, help_heading = "Bounds of a request")]
    pub max_audio: Duration,

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

/// Whether the encoder's window is fitted to short clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FitContext {
    /// For every model.
    On,
    /// For none.
    Off,
    /// For models on which it was validated.
    Auto,
}

impl FitContext {
    /// Whether it is done for the model of this name.
    pub(crate) fn applies_to(self, model: &str) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            // Validated on 17 clips of 2 to 11 s: 3.0 % of words wrong, fitted or not. base is not
            // listed: its errors rose from 3.7 to 4.7 %.
            Self::Auto => model == "tiny.en" || model.starts_with("tiny.en-"),
        }
    }
}

/// One or two signing secrets. Redacted in `Debug`.
#[derive(Clone)]
pub struct Secrets(pub Vec<Secret>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({}, redacted)", self.0.len())
    }
}

impl FromStr for Secrets {
    type Err = SecretError;

    fn from_str(list: &str) -> Result<Self, SecretError> {
        Secret::parse_list(list).map(Self)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if seconds <= 0.0 {
        return Err("must be above 0".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text.parse() == Ok(0.0) {
        return Ok(Duration::ZERO);
    }
    seconds(text)
}

/// An origin, in the form in which it is compared.
fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
    if is_origin(&origin) {
        Ok(origin)
    } else {
        Err("must be an origin: https://host[:port]".to_owned())
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = seconds(text)?;
    let in_bounds = u32::try_from(interval.as_millis()).is_ok_and(|ms| EVERY_MS.contains(&ms));
    in_bounds
        .then_some(interval)
        .ok_or_else(|| "must be within 0.2 and 60".to_owned())
}

fn piece(text: &str) -> Result<Duration, String> {
    let piece = seconds(text)?;
    if (SHORTEST_PIECE..=LONGEST_PIECE).contains(&piece) {
        Ok(piece)
    } else {
        Err("must be within 5 and 28".to_owned())
    }
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
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Config {
        Cli::try_parse_from([&["inference"], args].concat())
            .unwrap()
            .serve
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_is_documented_under_a_heading_and_is_an_environment_variable() {
        use clap::CommandFactory as _;
        let cli = Cli::command();
        let serve = cli.find_subcommand("serve").unwrap();
        let flags: Vec<_> = serve
            .get_arguments()
            .filter(|flag| !["help", "version"].contains(&flag.get_id().as_str()))
            .collect();
        assert!(flags.len() > 20, "{}", flags.len());
        let mut variables = std::collections::BTreeSet::new();
        for flag in flags {
            let name = flag.get_long().expect("a long flag");
            assert!(flag.get_help_heading().is_some(), "--{name} has no heading");
            assert!(flag.get_help().is_some(), "--{name} has no help");
            let variable = flag.get_env();
            let variable = variable.unwrap_or_else(|| panic!("--{name} has no variable"));
            assert!(variables.insert(variable.to_owned()), "{variable:?} twice");
        }
    }

    #[test]
    fn an_unknown_flag_is_refused_by_every_command() {
        for command in [
            &["inference"][..],
            &["inference", "serve"],
            &["inference", "doctor"],
            &["inference", "bench", "."],
        ] {
            let args = [command, &["--no-such-flag"]].concat();
            assert!(Cli::try_parse_from(args).is_err(), "{command:?}");
        }
    }

    #[test]
    fn serve_is_the_default_command() {
        let cli = Cli::try_parse_from(["inference", "serve", "--states", "3"]).unwrap();
        let Some(Command::Serve(config)) = cli.command else {
            panic!("not serve");
        };
        assert_eq!(config.state_count(false), 3);
        assert_eq!(parse(&["--states", "3"]).state_count(true), 3);
    }

    #[test]
    fn an_unsigned_service_starts_on_loopback_only() {
        let with = |args: &[&str]| {
            let mut config = parse(args);
            config.edge_signing_secrets = None;
            config.check()
        };
        assert_eq!(with(&[]), Err(ConfigError::NoSecrets));
        assert_eq!(with(&["--dev-insecure"]), Ok(()));
        assert_eq!(with(&["--dev-insecure", "--listen", "[::1]:0"]), Ok(()));
        assert!(matches!(
            with(&["--dev-insecure", "--listen", "0.0.0.0:9000"]),
            Err(ConfigError::InsecureInPublic(_))
        ));
    }

    #[test]
    fn a_service_registers_with_an_edge_an_address_and_a_secret_or_not_at_all() {
        let secret = "s".repeat(32);
        let with = |args: &[&str]| {
            let signed = ["--edge-signing-secrets", &secret];
            parse(&[&signed, args].concat()).check()
        };
        let edge = ["--edge-url", "https://Edge.example/"];
        let own = ["--public-url", "https://gpu-1.example"];
        assert_eq!(with(&[edge, own].concat()), Ok(()));
        assert_eq!(parse(&edge).edge_url.unwrap(), "https://edge.example");
        for half in [&edge[..], &own] {
            assert_eq!(with(half), Err(ConfigError::HalfRegistered));
        }
        let mut unsigned = parse(&[&edge[..], &own, &["--dev-insecure"]].concat());
        unsigned.edge_signing_secrets = None;
        assert_eq!(unsigned.check(), Err(ConfigError::HalfRegistered));
        assert_eq!(parse(&["--drain-delay", "0"]).drain_delay, Duration::ZERO);
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = "s3cr3t".repeat(8);
        let config = parse(&["--edge-signing-secrets", &secret]);
        assert!(config.check().is_ok());
        assert!(!format!("{config:?}").contains("s3cr3t"));
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        for args in [
            ["--max-file-bytes", "100000001"],
            ["--max-file-bytes", "0"],
            ["--states", "0"],
            ["--header-timeout", "0"],
            ["--header-timeout", "NaN"],
            ["--max-audio-seconds", "inf"],
            ["--piece-seconds", "4"],
            ["--piece-seconds", "29"],
            ["--drain-delay", "-1"],
            ["--drain-delay", "NaN"],
            ["--edge-url", "https://edge.example/path"],
            ["--public-url", "gpu-1.example"],
            ["--heartbeat-interval", "0.1"],
            ["--heartbeat-interval", "61"],
            ["--edge-signing-secrets", "short"],
            ["--device", "cuda:x"],
            ["--model-alias", "a"],
            ["--model-idle-timeout", "0"],
        ] {
            assert!(
                Cli::try_parse_from([&["inference"][..], &args].concat()).is_err(),
                "{args:?}"
            );
        }
    }

    #[test]
    fn a_gpu_gets_long_pieces_and_few_states_unless_told_otherwise() {
        let config = parse(&[]);
        let seconds = |config: &Config, on_gpu| config.longest_piece(on_gpu).as_secs();
        assert_eq!((seconds(&config, false), seconds(&config, true)), (15, 28));
        assert!(config.state_count(true) <= 4);
        let config = parse(&["--piece-seconds", "20"]);
        assert_eq!((seconds(&config, false), seconds(&config, true)), (20, 20));
    }

    #[test]
    fn an_alias_for_a_model_that_is_never_served_is_refused() {
        let with = |args: &[&str]| parse(&[&["--dev-insecure"], args].concat()).check();
        assert_eq!(
            with(&["--model-alias", "fast=tiny.en,slow=tiny.en-q8_0"]),
            Ok(())
        );
        let error = with(&["--model-alias", "fast=base"]).unwrap_err();
        assert!(matches!(error, ConfigError::Aliases(_)), "{error}");
        let on_demand = ["--model-alias", "fast=base", "--models-on-demand", "*"];
        assert_eq!(with(&on_demand), Ok(()));
        assert_eq!(with(&["--model", " ,"]), Err(ConfigError::NoModel));
    }

    #[test]
    fn the_window_is_fitted_where_that_was_validated() {
        for (model, fitted) in [
            ("tiny.en-q8_0", true),
            ("tiny.en", true),
            ("tiny", false),
            ("base-q8_0", false),
            ("large-v3-turbo-q5_0", false),
            ("tiny.english", false),
        ] {
            assert_eq!(FitContext::Auto.applies_to(model), fitted, "{model}");
        }
        assert!(FitContext::On.applies_to("small"));
        assert!(!FitContext::Off.applies_to("tiny"));
    }
}

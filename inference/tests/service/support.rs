//! Starts the service for a test, and ends it with the test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use inference::backend::Backend;
use inference::backend::fake::{FakeBackend, Gate};
use inference::config::{Cli, Config};
use inference::server::Server;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{self, Answer, GUARD};

/// The model the set-up provides.
pub(crate) const MODEL: &str = "tiny.en-q8_0";

/// A service that runs in this process.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

/// Settings for a test: loopback, a port of the system's choice, one state, these flags.
pub(crate) fn config(flags: &[&str]) -> Config {
    let mut args = vec!["inference", "--listen", "127.0.0.1:0"];
    if !flags.contains(&"--states") {
        args.extend(["--states", "1"]);
    }
    // Nobody has to hear of it before it ends.
    if !flags.contains(&"--drain-delay") {
        args.extend(["--drain-delay", "0"]);
    }
    if !flags.contains(&"--edge-signing-secrets") {
        args.push("--dev-insecure");
    }
    args.extend(flags);
    Cli::try_parse_from(args).unwrap().serve
}

impl Service {
    /// With the real model.
    pub(crate) async fn real(flags: &[&str]) -> Self {
        Self::run(Server::start(&config(flags)).await.unwrap())
    }

    /// With a fake model whose runs pass through the gate.
    pub(crate) async fn fake(flags: &[&str]) -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        let backend = Arc::new(FakeBackend::new(Arc::clone(&gate)));
        (Self::with(flags, backend).await, gate)
    }

    /// With a model of the test's own making.
    pub(crate) async fn with(flags: &[&str], backend: Arc<dyn Backend>) -> Self {
        let models = vec![(MODEL.to_owned(), backend)];
        let server = Server::start_with(&config(flags), models).await;
        Self::run(server.unwrap())
    }

    fn run(server: Server) -> Self {
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// Tells it to drain, as SIGTERM does.
    pub(crate) fn terminate(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) {
        if let Some(running) = self.running.take() {
            timeout(GUARD, running)
                .await
                .expect("ends in time")
                .unwrap();
        }
    }

    pub(crate) async fn load(&self) -> Value {
        client::get(self.address, "/v1/load").await.json()
    }

    /// Asks until the load is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let asking = async {
            while !wanted(&self.load().await) {
                tokio::task::yield_now().await;
            }
        };
        let in_time = timeout(GUARD, asking).await.is_ok();
        assert!(in_time, "never {what}: {}", self.load().await);
    }

    /// Asks until nothing is held any more.
    pub(crate) async fn until_free(&self) {
        self.until("free", |load| {
            load["permits_free"] == load["permits_total"]
                && load["uploads"] == 0
                && load["queue_waiting"] == 0
                && load["states_busy"] == 0
        })
        .await;
    }

    /// The value of a metric, by the beginning of its line.
    pub(crate) async fn metric(&self, line: &str) -> f64 {
        let text = client::get(self.address, "/metrics").await.body;
        text.lines()
            .filter(|l| l.starts_with(line))
            .filter_map(|l| l.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    /// It still answers, transcribes, and holds nothing.
    pub(crate) async fn assert_alive(&self) {
        self.until_free().await;
        assert_eq!(client::get(self.address, "/healthz").await.status, 200);
        let answer: Answer =
            client::transcribe(self.address, &client::form(crate::wav::tone())).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

/// The repository's sample: a few seconds of speech.
pub(crate) fn sample() -> Vec<u8> {
    std::fs::read(repository().join("assets/sample.flac")).expect("assets/sample.flac")
}

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Words only, in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// A pause much shorter than what it bounds in the settings under test.
pub(crate) const SHORT: Duration = Duration::from_secs(1);

/// The model file that the set-up provides.
pub(crate) fn model_file() -> PathBuf {
    let folder = inference_models::directory::directory_or_default(
        std::env::var_os("WHISPER_MODELS_DIR")
            .map(PathBuf::from)
            .as_deref(),
    );
    inference_models::resolve(&folder.unwrap(), MODEL).unwrap()
}

//! The real inference service with a real model.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::edge::{assert_holds_none_of, random_secret};
use crate::process::{Log, Process};
use crate::{environment, within};

/// How often it is looked whether the service is ready.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const SECRETS: &str = "EDGE_SIGNING_SECRETS";

/// A running service. When it is dropped it ends, and its log must not hold its secret.
#[derive(Debug)]
pub struct Service {
    url: String,
    signing_secret: String,
    log: Log,
    process: Process,
    _folder: TempDir,
}

impl Service {
    /// Starts it with the default model, and returns once it is ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts it with settings: environment variables and their values.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
        let address_file = folder.path().join("address");
        let given = settings.iter().find(|(name, _)| *name == SECRETS);
        let signing_secret = given.map_or_else(
            || random_secret("signing_"),
            |(_, secret)| (*secret).to_owned(),
        );
        let log = Log::default();
        let mut command = Command::new("sh");
        command
            .arg(environment::own("harness/leash.sh"))
            .arg(environment::inference_program())
            .arg("serve")
            .env("INFERENCE_LISTEN", "127.0.0.1:0")
            .env("INFERENCE_ADDRESS_FILE", &address_file)
            .env("INFERENCE_SPOOL_DIR", folder.path())
            // How long callers wait on a slow machine is no subject of these tests.
            .env("INFERENCE_MAX_QUEUE_WAIT", "60")
            .env("WHISPER_MODELS_DIR", environment::models())
            .env(SECRETS, &signing_secret)
            .env("NO_PROXY", "127.0.0.1")
            // Whisper tells much of its loading, and nothing of the requests.
            .env("INFERENCE_LOG", "info,whisper_rs=warn")
            .envs(settings.iter().copied());
        let mut process = Process::start("the inference service", &mut command, &log);
        let address = tokio::select! {
            address = within("the inference service is ready", written(&address_file)) => address,
            // Its stdout is silent: only its end can come from there.
            _ = process.line() => panic!("the inference service speaks on stdout"),
        };
        Self {
            url: format!("http://{address}"),
            signing_secret,
            log,
            process,
            _folder: folder,
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The secret that the edge must sign with.
    pub fn signing_secret(&self) -> &str {
        &self.signing_secret
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) {
        self.process.ended().await;
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits until a request has a permit.
    pub async fn until_busy(&self) {
        let load = format!("{}/v1/load", self.url);
        let busy = async {
            let mut looks = tokio::time::interval(LOOK_EVERY);
            loop {
                looks.tick().await;
                let report: Value = match reqwest::get(&load).await {
                    Ok(answer) => answer.json().await.unwrap_or_default(),
                    Err(error) => panic!("the service has ended: {error}"),
                };
                if report["permits_free"].as_u64() < report["permits_total"].as_u64() {
                    return;
                }
            }
        };
        within("a request has a permit", busy).await;
    }

    /// Pieces of audio that the model heard so far.
    pub async fn heard(&self) -> u64 {
        let metrics = match reqwest::get(format!("{}/metrics", self.url)).await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => panic!("the service has ended: {error}"),
        };
        let count = |line: &str| {
            let count = line.strip_prefix("inference_piece_seconds_count ")?;
            count.parse().ok()
        };
        let heard = metrics.lines().find_map(count);
        heard.unwrap_or_else(|| panic!("no count: {metrics}"))
    }

    /// Waits until the log holds `text`: it comes through a pipe.
    pub async fn until_logged(&self, text: &str) {
        within("a line of the service's log", self.log.until_holds(text)).await;
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

/// The text of a file, once there is one.
async fn written(path: &Path) -> String {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => return text.trim().to_owned(),
            _ => {}
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill();
        if std::thread::panicking() {
            eprintln!("--- log of the inference service\n{}", self.log.tail());
            return;
        }
        assert_holds_none_of(&self.log, std::slice::from_ref(&self.signing_secret));
    }
}

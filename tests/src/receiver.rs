//! A receiver of webhooks that verifies what it gets as their owners do, with the package `standardwebhooks`.

use std::collections::VecDeque;
use std::process::Command;

use serde_json::{Value, json};

use crate::environment;
use crate::process::{Log, Process};

/// A running receiver; see `clients/webhook_receiver.py` for what its paths do. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    process: Process,
    url: String,
    /// Calls that came while something else was waited for.
    calls: VecDeque<Value>,
    cut: VecDeque<Value>,
}

impl Receiver {
    /// Listens.
    pub async fn start() -> Self {
        let mut command = Command::new(environment::python_program());
        command
            .arg(environment::own("clients/webhook_receiver.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let mut process = Process::start("the receiver", &mut command, &Log::default());
        let ready: Value = serde_json::from_str(&process.line().await).unwrap_or_default();
        let url = ready["url"].as_str().unwrap_or_default().to_owned();
        assert!(!url.is_empty(), "no address: {ready}");
        Self {
            process,
            url,
            calls: VecDeque::new(),
            cut: VecDeque::new(),
        }
    }

    /// An address that answers as its path says.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Where it resolves names.
    pub fn resolver(&self) -> String {
        self.url("/dns-query")
    }

    /// The next call.
    pub async fn next(&mut self) -> Value {
        while self.calls.is_empty() {
            self.hear().await;
        }
        self.calls.pop_front().unwrap_or_default()
    }

    /// Waits until a caller has given up a call that is not answered.
    pub async fn given_up(&mut self) {
        while self.cut.is_empty() {
            self.hear().await;
        }
        self.cut.pop_front();
    }

    /// Whether a call is good by this secret.
    pub async fn verifies(&mut self, call: &Value, secret: &str) -> bool {
        let question = json!({"verify": call["call"], "secret": secret});
        self.process.tell(&question.to_string());
        loop {
            if let Some(verified) = self.hear().await {
                return verified;
            }
        }
    }

    /// Reads a line; what it says of a verification.
    async fn hear(&mut self) -> Option<bool> {
        let line = self.process.line().await;
        let line: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if line["call"].is_u64() {
            self.calls.push_back(line);
            return None;
        }
        if line["cut"].is_u64() {
            self.cut.push_back(line);
            return None;
        }
        line["verified"].as_bool()
    }
}

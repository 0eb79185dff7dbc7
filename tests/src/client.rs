//! Clients of OpenAI's API that are not ours. They learn nothing but a base URL and a key, by the
//! environment variables that they read anyway.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::process::Command;

use crate::edge::{Edge, Key};
use crate::{environment, within};

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The npm package `openai`.
    Node,
    /// The PyPI package `openai`.
    Python,
}

/// Holds a session with the npm package; see `clients/openai_realtime.mjs` for what `said` is, and what comes back.
pub async fn realtime(edge: &Edge, key: &Key, said: &Value) -> Value {
    let script = environment::own("clients/openai_realtime.mjs");
    let output = realtime_program(edge, key, &script, &said.to_string()).await;
    let result = serde_json::from_slice(&output.stdout);
    result.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Runs a program with the npm package's realtime client, which it believes to speak TLS.
pub async fn realtime_program(edge: &Edge, key: &Key, script: &Path, argument: &str) -> Output {
    let mut command = Command::new(environment::node_program());
    command
        .arg("--import")
        .arg(environment::own("clients/without_tls.mjs"))
        .arg(script)
        .arg(argument);
    run(command, edge, key).await
}

/// Runs a client to its end.
async fn run(mut command: Command, edge: &Edge, key: &Key) -> Output {
    let output = command
        .env("OPENAI_BASE_URL", format!("{}/v1", edge.url()))
        .env("OPENAI_API_KEY", &key.text)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = within("a client of OpenAI's API", output).await;
    output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

impl Client {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Node, Self::Python];

    /// Makes calls one after the other; see `clients/` for what a call can say. For each there comes back
    /// `{"ok": …}` or `{"error": …}`.
    pub async fn run(self, edge: &Edge, key: &Key, calls: &Value) -> Vec<Value> {
        let (program, script) = match self {
            Self::Node => (environment::node_program(), "clients/openai.mjs"),
            Self::Python => (environment::python_program(), "clients/openai_client.py"),
        };
        let mut command = Command::new(program);
        command.arg(environment::own(script)).arg(calls.to_string());
        let output = run(command, edge, key).await;
        let results: Option<Vec<Value>> = serde_json::from_slice(&output.stdout).ok();
        results.unwrap_or_else(|| panic!("{self:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

//! Clients of OpenAI's API that are not ours. They learn nothing but a base URL and a key, by the
//! environment variables that they read anyway.

use std::path::PathBuf;
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
    let script = "clients/openai_realtime.mjs";
    let output = run(environment::node_program(), script, edge, key, said).await;
    let result = serde_json::from_slice(&output.stdout);
    result.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Runs a script of `clients/`.
async fn run(program: PathBuf, script: &str, edge: &Edge, key: &Key, said: &Value) -> Output {
    let output = Command::new(program)
        .arg(environment::own(script))
        .arg(said.to_string())
        .env("OPENAI_BASE_URL", format!("{}/v1", edge.url()))
        .env("OPENAI_API_KEY", &key.text)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = within("a client of OpenAI's API", output).await;
    output.unwrap_or_else(|error| panic!("{script} does not start: {error}"))
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
        let output = run(program, script, edge, key, calls).await;
        let results: Option<Vec<Value>> = serde_json::from_slice(&output.stdout).ok();
        results.unwrap_or_else(|| panic!("{self:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

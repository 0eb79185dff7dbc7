//! Clients of OpenAI's API that are not ours. They learn nothing but a base URL and a key, by the
//! environment variables that they read anyway.

use std::process::Stdio;

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
        let output = Command::new(program)
            .arg(environment::own(script))
            .arg(calls.to_string())
            .env("OPENAI_BASE_URL", format!("{}/v1", edge.url()))
            .env("OPENAI_API_KEY", &key.text)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = within("a client of OpenAI's API", output)
            .await
            .unwrap_or_else(|error| panic!("{self:?} does not start: {error}"));
        let results: Option<Vec<Value>> = serde_json::from_slice(&output.stdout).ok();
        results.unwrap_or_else(|| panic!("{self:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

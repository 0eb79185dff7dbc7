//! What lies in storage, seen from behind the Worker's back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::edge::Edge;
use crate::environment;

impl Edge {
    /// Rows of the database.
    ///
    /// # Errors
    ///
    /// The database's own words where it refuses.
    pub async fn sql(&self, query: &str, values: &[&str]) -> Result<Vec<Value>, String> {
        let answer = self.ask(json!({"op": "sql", "query": query, "values": values}));
        match answer.await {
            Value::Array(rows) => Ok(rows),
            refused => Err(refused.as_str().unwrap_or_default().to_owned()),
        }
    }

    /// The one number that a query asks for, under the name `n`.
    pub async fn count(&self, query: &str, values: &[&str]) -> u64 {
        let rows = self.sql(query, values).await;
        let rows = rows.unwrap_or_else(|refused| panic!("{query}: {refused}"));
        rows[0]["n"].as_u64().unwrap_or_else(|| panic!("{rows:?}"))
    }

    /// Names of all that stands in the bucket.
    pub async fn bucket(&self) -> Vec<String> {
        let names = self.ask(json!({"op": "bucket"})).await;
        let names = names.as_array().cloned().unwrap_or_default();
        names
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }

    /// Puts a text into the bucket behind the Worker's back.
    pub async fn bucket_put(&self, name: &str, text: &str) {
        let put = self.ask(json!({"op": "bucket_put", "name": name, "text": text}));
        assert_eq!(put.await, name);
    }

    /// Has the clock strike for all that it brings about: what is due is done when this returns.
    pub async fn strike(&self) {
        assert_eq!(self.ask(json!({"op": "scheduled"})).await, "ok");
    }

    /// How often requests to the first isolate asked KV for this operation, with
    /// [`Builder::watch_bindings`](crate::edge::Builder::watch_bindings).
    pub async fn kv_calls(&self, operation: &str) -> u64 {
        let counted = self.get("/__bindings").into_inner().send().await;
        let counted = counted.unwrap_or_else(|error| panic!("no count: {error}"));
        let counted: Value = counted.json().await.unwrap_or_default();
        counted[operation].as_u64().unwrap_or_default()
    }

    /// Takes bindings of the first isolate away (`KEYS`, `LIMITER`, `DB`, `BUCKET`), and gives all others back; with
    /// [`Builder::watch_bindings`](crate::edge::Builder::watch_bindings).
    pub async fn take_away(&self, bindings: &[&str]) {
        let asked = self.call(Method::PUT, "/__bindings");
        let asked = asked.body(bindings.join(",")).into_inner().send().await;
        let answer = asked.unwrap_or_else(|error| panic!("nothing taken away: {error}"));
        assert_eq!(answer.status(), 200);
    }

    /// Files of the state (KV, the database, the objects, what SQLite keeps beside them) in whose bytes
    /// `text` stands.
    pub fn files_holding(&self, text: &str) -> Vec<PathBuf> {
        holding(self.state(), text)
    }

    /// The same of what SQLite still knows: its logs and the pages that it has let go of are cleared away
    /// first. workerd is killed and started again for it.
    pub async fn compacted_files_holding(&mut self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let look = |state: &Path| {
            let mut compact = Command::new(environment::node_program());
            compact.arg(environment::own("harness/compact.mjs"));
            compact.args(
                files(state)
                    .iter()
                    .filter(|path| path.extension().is_some_and(|e| e == "sqlite")),
            );
            let done = compact.status().is_ok_and(|status| status.success());
            assert!(done, "SQLite's files can't be compacted");
            found = holding(state, text);
        };
        self.restart_with(look).await;
        found
    }
}

/// Files of a folder, at any depth, in whose bytes `text` (of ASCII) stands.
pub(crate) fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        // Fast, and what is not ASCII can't be a part of it.
        String::from_utf8_lossy(&bytes).contains(text)
    };
    files(folder).into_iter().filter(holds).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

//! One Worker, served by a workerd of its own (see workerd.mjs).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::error::Error;
use crate::process;

const READY_WITHIN: Duration = Duration::from_mins(1);

/// A bundled Worker.
#[derive(Clone, Serialize)]
pub(crate) struct Script {
    path: PathBuf,
    /// The module it imports, if it does.
    wasm: Option<PathBuf>,
    /// Whether it has the class `Limiter`.
    limiter: bool,
    /// Whether it has the other classes.
    directory: bool,
    /// Whether it keeps transcripts and takes jobs.
    stores: bool,
}

impl Script {
    /// The one that `scripts/build-edge` made in `folder`.
    pub(crate) fn built(folder: &Path) -> Self {
        Self {
            path: folder.join("worker.js"),
            wasm: Some(folder.join("index_bg.wasm")),
            limiter: true,
            directory: true,
            stores: false,
        }
    }

    /// The same, with a database of transcripts, a bucket and jobs.
    pub(crate) fn with_stores(folder: &Path) -> Self {
        Self {
            stores: true,
            ..Self::built(folder)
        }
    }

    /// JavaScript alone, with the class `Limiter`.
    pub(crate) fn with_limiter(path: PathBuf) -> Self {
        Self {
            path,
            wasm: None,
            limiter: true,
            directory: false,
            stores: false,
        }
    }

    /// JavaScript alone, without objects.
    pub(crate) fn plain(path: PathBuf) -> Self {
        Self {
            path,
            wasm: None,
            limiter: false,
            directory: false,
            stores: false,
        }
    }
}

/// What to serve.
#[derive(Clone, Serialize)]
pub(crate) struct Worker {
    /// The code.
    pub(crate) script: Script,
    /// Variables and secrets.
    pub(crate) bindings: BTreeMap<&'static str, String>,
    /// Entries of the namespace KEYS.
    pub(crate) kv: BTreeMap<String, String>,
    /// Whether the first request that it sends ends it, and the bench.
    pub(crate) offline: bool,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
}

/// A Worker being served. It ends when this is dropped; and when this process dies, because its host
/// process watches its standard input.
pub(crate) struct Workerd {
    /// `host:port` of a socket straight to the Worker.
    pub(crate) authority: String,
    /// The process whose CPU counts.
    pub(crate) pid: Pid,
    host: Child,
    stdin: Option<ChildStdin>,
}

impl Workerd {
    /// Starts workerd and waits until it is ready. `harness` is the path of workerd.mjs.
    pub(crate) async fn start(harness: &Path, worker: &Worker) -> Result<Self, Error> {
        let argument = serde_json::to_string(worker)
            .map_err(|error| Error::Unexpected(format!("options of workerd: {error}")))?;
        let mut host = Command::new("node")
            .arg(harness)
            .arg(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io("starting node"))?;
        let stdin = host.stdin.take();
        let early =
            || Error::Unexpected(format!("{}: ended before it was ready", harness.display()));
        let mut lines = BufReader::new(host.stdout.take().ok_or_else(early)?).lines();
        let line = timeout(READY_WITHIN, lines.next_line())
            .await
            .map_err(|_| Error::Unexpected("workerd: not ready in time".to_owned()))?
            .map_err(Error::io("reading from node"))?
            .ok_or_else(early)?;
        let ready: Ready = serde_json::from_str(&line)
            .map_err(|error| Error::Unexpected(format!("{line}: {error}")))?;
        let node = host
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .ok_or_else(early)?;
        Ok(Self {
            authority: ready.url.trim_start_matches("http://").to_owned(),
            pid: process::child(Pid::from_raw(node), "workerd")?,
            host,
            stdin,
        })
    }
}

impl Drop for Workerd {
    /// Ends it and waits until it is gone.
    fn drop(&mut self) {
        drop(self.stdin.take());
        process::wait(&mut self.host);
    }
}

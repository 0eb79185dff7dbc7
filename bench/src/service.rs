//! The inference service, with the default model.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::sleep;

use crate::error::Error;
use crate::process;

const MODEL: &str = "tiny.en-q8_0";
const READY_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Runs a program and kills it when stdin closes: so it ends with the bench, however that ends.
const LEASH: &str = r#"exec 3<&0
"$@" </dev/null >&2 3<&- &
program=$!
{ cat <&3; kill -KILL "$program"; } >/dev/null 2>&1 &
exec 3<&- 2>/dev/null
wait "$program""#;

/// A running service. It ends when this is dropped.
pub(crate) struct Service {
    /// Its origin, `http://host:port`.
    pub(crate) origin: String,
    /// The process whose memory counts.
    pub(crate) pid: Pid,
    host: Child,
    stdin: Option<ChildStdin>,
    _folder: TempDir,
}

impl Service {
    /// Starts `program` with `states` states and these arguments, and waits until it is ready.
    pub(crate) async fn start(
        program: &Path,
        states: usize,
        signing_secret: &str,
        arguments: &[&str],
    ) -> Result<Self, Error> {
        let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
        let address_file = folder.path().join("address");
        let early = || Error::Unexpected(format!("{}: not ready", program.display()));
        let mut host = Command::new("sh")
            .args(["-c", LEASH, "sh"])
            .arg(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--model", MODEL])
            .args(["--log", "warn", "--threads-per-state", "1"])
            .args(["--states", &states.to_string()])
            .args(arguments)
            .arg("--address-file")
            .arg(&address_file)
            .env("EDGE_SIGNING_SECRETS", signing_secret)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(Error::io("starting the inference service"))?;
        let stdin = host.stdin.take();
        let deadline = Instant::now() + READY_WITHIN;
        let address = loop {
            match fs::read_to_string(&address_file) {
                Ok(address) if !address.trim().is_empty() => break address,
                _ if Instant::now() > deadline => return Err(early()),
                _ if !matches!(host.try_wait(), Ok(None)) => return Err(early()),
                _ => sleep(LOOK_EVERY).await,
            }
        };
        let shell = host
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .ok_or_else(early)?;
        Ok(Self {
            origin: format!("http://{}", address.trim()),
            pid: process::child(Pid::from_raw(shell), "inference")?,
            host,
            stdin,
            _folder: folder,
        })
    }
}

impl Drop for Service {
    /// Ends it and waits until it is gone.
    fn drop(&mut self) {
        drop(self.stdin.take());
        process::wait(&mut self.host);
    }
}

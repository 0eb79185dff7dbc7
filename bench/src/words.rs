//! Whisper's English normalizer (Radford et al. 2022, appendix C).

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::error::Error;

/// The normalizer: a Python, and bench/normalize.py.
pub(crate) struct Normalizer<'a> {
    /// The Python that has the packages of tests/requirements.txt.
    pub(crate) python: &'a Path,
    /// The script.
    pub(crate) script: &'a Path,
}

impl Normalizer<'_> {
    /// The texts, normalized.
    pub(crate) async fn apply(&self, texts: &[&str]) -> Result<Vec<String>, Error> {
        let failed = || format!("{}", self.script.display());
        let mut lines = String::new();
        for text in texts {
            let line = serde_json::to_string(text)
                .map_err(|error| Error::Unexpected(format!("{}: {error}", failed())))?;
            lines.push_str(&line);
            lines.push('\n');
        }
        let mut python = Command::new(self.python)
            .arg(self.script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io(self.python.display().to_string()))?;
        let stdin = python.stdin.take();
        let feed = async move {
            // One that ended early shows in its status.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(lines.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(feed, python.wait_with_output());
        let output = output.map_err(Error::io(failed()))?;
        let normalized: Result<Vec<String>, _> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect();
        match normalized {
            Ok(normalized) if output.status.success() && normalized.len() == texts.len() => {
                Ok(normalized)
            }
            _ => Err(Error::Unexpected(format!(
                "{}: {}, or not one line for each text",
                failed(),
                output.status
            ))),
        }
    }
}

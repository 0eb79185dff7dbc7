//! What became of the files, told in their order.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write, stdout};
use std::path::Path;
use std::sync::mpsc::Receiver;

use serde_json::{Value, json};

use crate::cli::transcribe::TranscribeArgs;
use crate::error::Error;
use crate::progress::Display;
use crate::table::printable;

use super::Outcome;
use super::output::{Written, copy, shown};

/// Tells of all files.
pub(super) struct Report<'a> {
    args: &'a TranscribeArgs,
    display: &'a Display,
    /// Whether standard output is a terminal.
    terminal: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(args: &'a TranscribeArgs, display: &'a Display) -> Self {
        Self {
            args,
            display,
            terminal: stdout().is_terminal(),
        }
    }

    /// Takes the outcomes as they come. A failure is told at once, the output in the order of the files.
    pub(super) fn run(
        &self,
        outcomes: Receiver<(usize, Result<Outcome, Error>)>,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let mut early = BTreeMap::new();
        let (mut next, mut failed) = (0, 0);
        for (at, outcome) in outcomes {
            if let (Err(error), Some(file)) = (&outcome, self.args.files.get(at)) {
                failed += 1;
                let file = shown(file);
                self.display.say(&format!("keyctl: {file}: {error}"));
            }
            early.insert(at, outcome);
            while let Some(outcome) = early.remove(&next) {
                if let Some(file) = self.args.files.get(next) {
                    self.display.aside(|| self.tell(file, outcome, out))?;
                }
                next += 1;
            }
        }
        if failed == 0 {
            return Ok(());
        }
        let all = self.args.files.len();
        Err(Error::Several { failed, all })
    }

    /// One file's line, or its transcript.
    fn tell(
        &self,
        file: &Path,
        outcome: Result<Outcome, Error>,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        if self.args.caller.call.json {
            writeln!(out, "{}", line(file, &outcome))?;
            return Ok(out.flush()?);
        }
        match outcome {
            Err(_) => return Ok(()),
            Ok(Outcome::Job(id)) => writeln!(out, "{}", printable(&id))?,
            Ok(Outcome::Transcript { written, id }) => {
                let id = id.as_deref().map(printable);
                match (written, id) {
                    (Written::File(path), None) => writeln!(out, "{}", shown(&path))?,
                    (Written::File(path), Some(id)) => writeln!(out, "{id}  {}", shown(&path))?,
                    (Written::Spooled(text), id) => {
                        if let Some(id) = id {
                            crate::note(&format!("{}: kept as {id}", shown(file)));
                        }
                        if self.terminal && self.args.files.len() > 1 {
                            writeln!(out, "==> {} <==", shown(file))?;
                        }
                        copy(text, out, self.terminal)?;
                    }
                }
            }
        }
        Ok(out.flush()?)
    }
}

/// One file's line for programs.
fn line(file: &Path, outcome: &Result<Outcome, Error>) -> Value {
    let mut line = json!({
        "file": file.to_string_lossy(), "output": null, "transcript_id": null, "job_id": null, "error": null,
    });
    match outcome {
        Ok(Outcome::Job(id)) => line["job_id"] = id.as_str().into(),
        Ok(Outcome::Transcript { written, id }) => {
            line["transcript_id"] = id.as_deref().into();
            if let Written::File(path) = written {
                line["output"] = path.to_string_lossy().into();
            }
        }
        Err(error) => {
            line["error"] = match (error, error.refusal()) {
                (_, Some(refusal)) => json!({
                    "code": refusal.error.code, "message": refusal.error.message,
                }),
                (error, None) => json!({ "code": null, "message": error.to_string() }),
            };
        }
    }
    line
}

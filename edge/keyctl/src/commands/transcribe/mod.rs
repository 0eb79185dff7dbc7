//! Recordings into text, several at a time, and what became of each.

mod by_job;
mod direct;
mod output;
mod recording;
mod report;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::cli::transcribe::TranscribeArgs;
use crate::client::Client;
use crate::error::Error;
use crate::figures::bytes;
use crate::progress::Display;
use crate::underway::Underway;
use output::{Target, Written, targets};
use recording::Recording;
use report::Report;

use super::caller;

/// Longest file that is sent with the request that transcribes it.
const MAX_DIRECT_BYTES: u64 = 25 * 1024 * 1024;

/// What has come of one file.
enum Outcome {
    /// A transcript, and its id where it is kept.
    Transcript {
        written: Written,
        id: Option<String>,
    },
    /// A job that is not waited for.
    Job(String),
}

/// What all files have in common.
struct Session<'a> {
    args: &'a TranscribeArgs,
    client: Client,
    display: Display,
    underway: Underway,
}

/// Transcribes the files.
pub(crate) fn transcribe(
    args: &TranscribeArgs,
    out: &mut impl std::io::Write,
) -> Result<(), Error> {
    if args.upload.is_some() && args.files.len() != 1 {
        let message = "--upload goes on with one file: give that alone";
        return Err(Error::Usage(message.to_owned()));
    }
    if args.stdout && args.caller.call.json {
        let message =
            "--stdout has the transcripts on standard output, and --json what became of them";
        return Err(Error::Usage(message.to_owned()));
    }
    let targets = targets(args)?;
    let session = Session {
        args,
        client: caller(args.caller.url.as_deref(), &args.caller.call)?,
        display: Display::new(),
        underway: Underway::default(),
    };
    session.underway.tell_on_interrupt(&session.display)?;

    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..args.parallel.min(args.files.len()) {
            let (sender, session, targets, next) = (sender.clone(), &session, &targets, &next);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(file), Some(target)) = (args.files.get(at), targets.get(at)) else {
                        return;
                    };
                    // Nobody listens any more where the output failed: then nothing more is begun.
                    if sender.send((at, session.one(file, target))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        Report::new(args, &session.display).run(receiver, out)
    })
}

impl Session<'_> {
    /// Transcribes one file.
    fn one(&self, file: &Path, target: &Target) -> Result<Outcome, Error> {
        let recording = Recording::open(file)?;
        // What could not be written should not be charged.
        target.check()?;
        let progress = self.display.of(&recording.name);
        if self.args.job {
            return self.by_job(&recording, target, &progress, self.args.watch);
        }
        if recording.bytes > MAX_DIRECT_BYTES {
            progress.say(&format!(
                "{} is more than one request takes; it is done as a job",
                bytes(recording.bytes)
            ));
            return self.by_job(&recording, target, &progress, true);
        }
        self.directly(&recording, target, &progress)
    }
}

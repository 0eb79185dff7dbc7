//! What goes on at the edge while this program waits, and what is said of it when the program is
//! interrupted: an interrupt ends the waiting and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::note;
use crate::progress::Display;
use crate::table::printable;

/// Exit code of a program that was interrupted: 128 and the number of the signal, as shells have it.
const INTERRUPTED: i32 = 130;

/// Jobs and uploads that are not over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Underway(Arc<Mutex<Things>>);

#[derive(Debug, Default)]
struct Things {
    /// Names by ids.
    jobs: BTreeMap<String, String>,
    uploads: BTreeMap<String, String>,
}

impl Underway {
    /// Has an interrupt tell what goes on, and end the program.
    pub(crate) fn tell_on_interrupt(&self, display: &Display) -> Result<(), Error> {
        let (this, display) = (self.clone(), display.clone());
        ctrlc::set_handler(move || {
            display.clear();
            let words = this.words();
            note(&format!("keyctl: interrupted{words}"));
            std::process::exit(INTERRUPTED);
        })?;
        Ok(())
    }

    /// An upload has begun.
    pub(crate) fn upload(&self, id: &str, name: &str) {
        let (id, name) = (printable(id), printable(name));
        self.things().uploads.insert(id, name);
    }

    /// An upload is whole, or given up.
    pub(crate) fn upload_over(&self, id: &str) {
        self.things().uploads.remove(&printable(id));
    }

    /// A job is waited for.
    pub(crate) fn job(&self, id: &str, name: &str) {
        let (id, name) = (printable(id), printable(name));
        self.things().jobs.insert(id, name);
    }

    /// A job is not waited for any more.
    pub(crate) fn job_over(&self, id: &str) {
        self.things().jobs.remove(&printable(id));
    }

    fn things(&self) -> MutexGuard<'_, Things> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn words(&self) -> String {
        let things = self.things();
        let mut words = String::new();
        // Writing to a `String` cannot fail.
        if !things.jobs.is_empty() {
            words.push_str("; these jobs go on (`keyctl jobs cancel ID` ends one):");
        }
        for (id, name) in &things.jobs {
            let _ = write!(words, "\n  keyctl jobs watch {id}  # {name}");
        }
        for (id, name) in &things.uploads {
            let _ = write!(
                words,
                "\n{name} has arrived in part: `keyctl transcribe --job --upload {id} FILE` sends the rest"
            );
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_tells_of_what_is_not_over_and_of_nothing_else() {
        let underway = Underway::default();
        assert_eq!(underway.words(), "");
        underway.upload("up_1", "a.flac");
        underway.upload("up_2", "b\x1b[2J.flac");
        underway.upload_over("up_1");
        underway.job("job_1", "a.flac");
        underway.job("job_2", "c.flac");
        underway.job_over("job_2");
        let words = underway.words();
        assert!(
            words.contains("keyctl jobs watch job_1  # a.flac"),
            "{words}"
        );
        assert!(words.contains("--upload up_2"), "{words}");
        assert!(
            !words.contains("up_1") && !words.contains("job_2"),
            "{words}"
        );
        assert!(!words.contains('\x1b'), "{words}");
    }
}

//! Word error rate, with Whisper's English normalizer (Radford et al. 2022, appendix C).

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::error::Error;

/// Errors and words, to be pooled over many texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    /// Words substituted, left out or put in.
    pub(crate) errors: usize,
    /// Words of the references.
    pub(crate) words: usize,
}

impl Errors {
    /// Of a text against its reference, both normalized.
    pub(crate) fn of(reference: &str, text: &str) -> Self {
        let reference: Vec<&str> = reference.split_whitespace().collect();
        let text: Vec<&str> = text.split_whitespace().collect();
        Self {
            errors: distance(&reference, &text),
            words: reference.len(),
        }
    }

    /// With those of another text.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            errors: self.errors + other.errors,
            words: self.words + other.words,
        }
    }

    /// Errors of a hundred words; NaN of none.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn percent(self) -> f64 {
        100.0 * self.errors as f64 / self.words as f64
    }
}

/// Levenshtein's distance, row by row.
fn distance(from: &[&str], to: &[&str]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (deleted, word) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = deleted + 1;
        for (place, other) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(word != other);
            diagonal = row[place + 1];
            row[place + 1] = substituted.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[to.len()]
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_substituted_left_out_and_put_in_are_an_error_each() {
        for (text, errors) in [
            ("ask not what your country can do", 0),
            ("ask what your country can do", 1),
            ("ask not what your country can do for", 1),
            ("ask knot what your country can do", 1),
            ("and ask what your county can", 4),
            ("", 7),
        ] {
            let found = Errors::of("ask not what your country can do", text);
            assert_eq!(found, Errors { errors, words: 7 }, "{text}");
        }
    }

    #[test]
    fn errors_are_pooled_over_words_so_that_long_texts_weigh_more() {
        let short = Errors {
            errors: 1,
            words: 1,
        };
        let long = Errors {
            errors: 0,
            words: 9,
        };
        assert!((short.and(long).percent() - 10.0).abs() < 1e-9);
        assert!(Errors::default().percent().is_nan());
    }
}

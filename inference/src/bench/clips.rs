//! A folder of speech whose words are known.

use std::io;
use std::path::{Path, PathBuf};

use inference_api::language::Language;

/// The file that lists the clips.
const LIST: &str = "transcripts.tsv";
/// Longest list that is read, in bytes.
const MAX_LIST_BYTES: u64 = 16 * 1024 * 1024;

/// A clip.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clip {
    pub(super) name: String,
    pub(super) file: PathBuf,
    pub(super) language: Option<Language>,
    /// What is said in it.
    pub(super) text: String,
}

/// Why the clips can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ClipsError {
    /// The list can't be read.
    #[error("{}: {cause}", path.display())]
    Read {
        /// The list.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A line of the list is none.
    #[error("line {line} of {LIST} is not `file<TAB>text` or `file<TAB>language<TAB>text`")]
    Line {
        /// Which, from 1.
        line: usize,
    },
    /// There are none, or none in the language asked for.
    #[error("{LIST} lists no clip that was asked for")]
    None,
}

/// The clips that the folder lists, all or those in one language.
pub(super) fn read(folder: &Path, only: Option<&str>) -> Result<Vec<Clip>, ClipsError> {
    let path = folder.join(LIST);
    let list = bounded(&path).map_err(|cause| ClipsError::Read { path, cause })?;
    let mut clips = Vec::new();
    for (number, line) in list.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let clip = clip(folder, line).ok_or(ClipsError::Line { line: number + 1 })?;
        let wanted = only.and_then(Language::parse);
        if only.is_none() || clip.language.is_none() || clip.language == wanted {
            clips.push(clip);
        }
    }
    if clips.is_empty() {
        return Err(ClipsError::None);
    }
    Ok(clips)
}

fn bounded(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_LIST_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "longer than 16 MiB",
        ));
    }
    std::fs::read_to_string(path)
}

fn clip(folder: &Path, line: &str) -> Option<Clip> {
    let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
    let (name, language, text) = match columns[..] {
        [name, text] => (name, None, text),
        [name, language, text, ..] => (name, Some(Language::parse(language)?), text),
        _ => return None,
    };
    Some(Clip {
        name: name.to_owned(),
        file: folder.join(name),
        language,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(list: &str, only: Option<&str>) -> Result<Vec<Clip>, ClipsError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LIST), list).unwrap();
        read(folder.path(), only)
    }

    #[test]
    fn both_forms_of_a_line_are_read_and_languages_chosen() {
        let list =
            "a.wav\tHello there.\nde/b.flac\tde\tGuten Tag.\tsource\n\nen/c.mp3\ten\tGood day.\n";
        let names = |only| {
            let clips = listed(list, only).unwrap();
            clips.into_iter().map(|c| c.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["a.wav", "de/b.flac", "en/c.mp3"]);
        assert_eq!(names(Some("de")), ["a.wav", "de/b.flac"]);
        assert_eq!(listed(list, None).unwrap()[1].text, "Guten Tag.");
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (list, line) in [("no tab", 1), ("a\tb\nc\txx\td", 2)] {
            let found = listed(list, None);
            assert!(
                matches!(found, Err(ClipsError::Line { line: l }) if l == line),
                "{found:?}"
            );
        }
        assert!(matches!(listed("\n", None), Err(ClipsError::None)));
        assert!(matches!(
            read(Path::new("/nowhere"), None),
            Err(ClipsError::Read { .. })
        ));
    }
}

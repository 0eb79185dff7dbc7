//! The speech that is transcribed, and what is said in it.

use std::fs;
use std::path::Path;

use bytes::Bytes;

use crate::error::Error;
use crate::form;
use crate::recording::Speech;

/// One recording.
pub(crate) struct Clip {
    /// Its name, for people.
    pub(crate) name: String,
    /// The form that uploads it.
    pub(crate) form: Bytes,
    /// What is said.
    pub(crate) reference: String,
}

/// Recordings to be transcribed together.
pub(crate) struct Clips {
    /// What they are, for the name of a figure.
    pub(crate) title: String,
    /// In the order of the list.
    pub(crate) clips: Vec<Clip>,
}

/// As many as there are English clips in the folder that the targets are for.
const REPEATED: usize = 17;

impl Clips {
    /// Those in `en/` of a folder with `transcripts.tsv`, whose lines are file, language, words, class.
    pub(crate) fn english(folder: &Path) -> Result<Self, Error> {
        let list = folder.join("transcripts.tsv");
        let text = fs::read_to_string(&list).map_err(Error::io(list.display().to_string()))?;
        let clips: Vec<Clip> = english(&text)
            .map(|(file, reference)| {
                let path = folder.join(file);
                let audio = fs::read(&path).map_err(Error::io(path.display().to_string()))?;
                Ok(Clip {
                    name: file.to_owned(),
                    form: form::of(&audio),
                    reference: reference.to_owned(),
                })
            })
            .collect::<Result<_, Error>>()?;
        if clips.is_empty() {
            let text = format!("{}: no clips in en/", list.display());
            return Err(Error::Unexpected(text));
        }
        Ok(Self {
            title: format!("{} English clips", clips.len()),
            clips,
        })
    }

    /// The speech itself, of all English recordings in such a folder, short or long.
    pub(crate) fn speech(folder: &Path) -> Result<Vec<Speech>, Error> {
        let list = folder.join("transcripts.tsv");
        let text = fs::read_to_string(&list).map_err(Error::io(list.display().to_string()))?;
        let recordings = text.lines().filter_map(|line| {
            let mut fields = line.split('\t');
            let (file, language, words) = (fields.next()?, fields.next()?, fields.next()?);
            let is_speech = file.starts_with("en/") || file.starts_with("long/");
            (language == "en" && is_speech).then_some((file, words))
        });
        recordings
            .map(|(file, words)| Speech::read(&folder.join(file), words))
            .collect()
    }

    /// `sample.flac` of a folder, whose words are in `sample.txt`, again and again.
    pub(crate) fn sample(folder: &Path) -> Result<Self, Error> {
        let [audio, words] = ["sample.flac", "sample.txt"].map(|name| folder.join(name));
        let form = fs::read(&audio).map_err(Error::io(audio.display().to_string()))?;
        let form = form::of(&form);
        let reference =
            fs::read_to_string(&words).map_err(Error::io(words.display().to_string()))?;
        let clip = |number| Clip {
            name: format!("sample.flac ({number})"),
            form: form.clone(),
            reference: reference.clone(),
        };
        Ok(Self {
            title: format!("assets/sample.flac {REPEATED}×"),
            clips: (1..=REPEATED).map(clip).collect(),
        })
    }
}

/// File and words of each line of a list that is for a file in `en/`.
fn english(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (file, _language, words) = (fields.next()?, fields.next()?, fields.next()?);
        file.starts_with("en/").then_some((file, words))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_in_en_are_taken_and_what_is_no_line_of_the_list_is_left_out() {
        let list = "en/a.flac\ten\tIt is so.\tx\nlong/b.flac\ten\tNo.\tx\nen/c.flac\n\nen/d.flac\ten\tYes.\n";
        let found: Vec<_> = english(list).collect();
        assert_eq!(found, [("en/a.flac", "It is so."), ("en/d.flac", "Yes.")]);
    }

    #[test]
    fn a_folder_without_english_clips_is_an_error_and_not_a_figure_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("transcripts.tsv"),
            "multi/a.flac\tde\tJa.\n",
        )
        .unwrap();
        assert!(Clips::english(folder.path()).is_err());
    }
}

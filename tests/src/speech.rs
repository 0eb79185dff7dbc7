//! Speech to transcribe, and what was said.

use std::path::{Path, PathBuf};

use reqwest::multipart::{Form, Part};

use crate::environment;

/// The sample of the repository, and its words.
pub fn sample() -> (PathBuf, String) {
    let assets = environment::repository().join("assets");
    let words = std::fs::read_to_string(assets.join("sample.txt"));
    let words = words.unwrap_or_else(|error| panic!("assets/sample.txt: {error}"));
    (assets.join("sample.flac"), plain(&words))
}

/// Lower-case words with one space between: what remains when punctuation does not matter.
pub fn plain(text: &str) -> String {
    let letters = text.chars().map(|c| match c {
        _ if c.is_alphanumeric() => c,
        '\'' => c,
        _ => ' ',
    });
    let letters: String = letters.collect::<String>().to_lowercase();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A form with a file of this name and these bytes.
pub fn form(name: &str, bytes: impl Into<Vec<u8>>) -> Form {
    let file = Part::bytes(bytes.into()).file_name(name.to_owned());
    Form::new().part("file", file).text("model", "whisper-1")
}

/// A form with the file at `path`.
pub fn form_of(path: &Path) -> Form {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.file_name().unwrap_or_default();
    form(&name.to_string_lossy(), bytes)
}

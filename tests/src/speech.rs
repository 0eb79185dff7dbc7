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

/// The first words of the sample, and what they are: 16-bit PCM of 24 kHz, as realtime sessions take it.
pub fn pcm() -> (Vec<u8>, &'static str) {
    let path = environment::own("fixtures/speech.wav");
    let wav = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // 16 kHz, mono, 16 bit (scripts/make-e2e-fixtures); a header of 44 bytes.
    let samples: Vec<i32> = wav[44..]
        .chunks_exact(2)
        .map(|pair| i32::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    // Three for two, interpolated.
    let at = |position: usize| samples.get(position).copied().unwrap_or_default();
    let frame = |n: usize| {
        let (whole, thirds) = (n * 2 / 3, i32::try_from(n * 2 % 3).unwrap_or_default());
        let value = (at(whole) * (3 - thirds) + at(whole + 1) * thirds) / 3;
        i16::try_from(value).unwrap_or_default().to_le_bytes()
    };
    let frames = samples.len() * 3 / 2;
    ((0..frames).flat_map(frame).collect(), "the sun is shining")
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

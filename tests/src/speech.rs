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

/// The header of `fixtures/speech.wav`: 16 kHz, mono, 16 bit (scripts/make-e2e-fixtures).
const WAV_HEADER: usize = 44;

fn fixture() -> Vec<u8> {
    let path = environment::own("fixtures/speech.wav");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A WAV file in which the first words of the sample are said over and over, for so many seconds at least.
pub fn long(seconds: usize) -> Vec<u8> {
    let wav = fixture();
    let (header, once) = wav.split_at(WAV_HEADER);
    let times = (seconds * 32_000).div_ceil(once.len());
    let said = once.repeat(times);
    let bytes = u32::try_from(said.len()).unwrap_or(u32::MAX);
    let mut header = header.to_vec();
    // RIFF's length and the data's.
    header[4..8].copy_from_slice(&(bytes + 36).to_le_bytes());
    header[40..44].copy_from_slice(&bytes.to_le_bytes());
    [header, said].concat()
}

/// The first words of the sample, and what they are: 16-bit PCM of 24 kHz, as realtime sessions take it.
pub fn pcm() -> (Vec<u8>, &'static str) {
    let samples: Vec<i32> = fixture()[WAV_HEADER..]
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

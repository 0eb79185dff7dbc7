//! The files of `tests/fixtures` (made by `scripts/make-fixtures`) and what they hold.

use inference_audio::{AudioError, Container, Limits, Pcm, decode};
use std::{fs, io::Cursor, path::Path};

pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    pub(crate) container: Container,
    pub(crate) codec: &'static str,
    pub(crate) sample_rate: u32,
    pub(crate) channels: u32,
    /// Samples at 16 kHz that the format puts before the speech, having no way to say that they
    /// are none of it, or one that is not read (mp4's edit lists).
    pub(crate) lead: usize,
}

const fn fixture(
    name: &'static str,
    container: Container,
    codec: &'static str,
    sample_rate: u32,
    channels: u32,
    lead: usize,
) -> Fixture {
    Fixture {
        name,
        container,
        codec,
        sample_rate,
        channels,
        lead,
    }
}

#[rustfmt::skip]
pub(crate) const FIXTURES: &[Fixture] = &[
    fixture("flac.flac",              Container::Flac,     "flac",          16_000, 1, 0),
    fixture("flac-24bit-stereo.flac", Container::Flac,     "flac",           8_000, 2, 0),
    fixture("flac.ogg",               Container::Ogg,      "flac",          16_000, 1, 0),
    fixture("mp3.mp3",                Container::Mpeg,     "mp3",           44_100, 2, 0),
    fixture("mp3-22k-mono.mp3",       Container::Mpeg,     "mp3",           22_050, 1, 802),
    fixture("mp2.mp2",                Container::Mpeg,     "mp2",           44_100, 1, 174),
    fixture("aac.m4a",                Container::Mp4,      "aac",           44_100, 2, 372),
    fixture("aac-faststart.m4a",      Container::Mp4,      "aac",           16_000, 1, 1024),
    fixture("aac-fragmented.mp4",     Container::Mp4,      "aac",           16_000, 1, 1024),
    fixture("aac.aac",                Container::Adts,     "aac",           16_000, 1, 1024),
    fixture("alac.m4a",               Container::Mp4,      "alac",          16_000, 1, 0),
    fixture("opus.mp4",               Container::Mp4,      "opus",          48_000, 1, 0),
    fixture("opus.ogg",               Container::Ogg,      "opus",          48_000, 1, 0),
    fixture("opus-stereo.opus",       Container::Ogg,      "opus",          48_000, 2, 0),
    fixture("opus.webm",              Container::Matroska, "opus",          48_000, 1, 0),
    fixture("vorbis.ogg",             Container::Ogg,      "vorbis",        22_050, 2, 0),
    fixture("vorbis.webm",            Container::Matroska, "vorbis",        16_000, 1, 0),
    fixture("vorbis.mka",             Container::Matroska, "vorbis",        16_000, 1, 0),
    fixture("adpcm-ms.wav",           Container::Wav,      "adpcm_ms",      16_000, 1, 0),
    fixture("adpcm-ima.wav",          Container::Wav,      "adpcm_ima_wav", 16_000, 2, 0),
    fixture("mu-law.wav",             Container::Wav,      "pcm_mulaw",      8_000, 1, 0),
    fixture("a-law.wav",              Container::Wav,      "pcm_alaw",       8_000, 1, 0),
];

impl Fixture {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        bytes(self.name)
    }
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    fs::read(path).unwrap()
}

/// Decodes with the default limits and a caller that waits for ever.
pub(crate) fn decode_bytes(bytes: &[u8]) -> Result<Pcm, AudioError> {
    decode(Cursor::new(bytes), &Limits::default(), &|| false)
}

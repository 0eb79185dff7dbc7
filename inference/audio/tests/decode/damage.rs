//! Cut, mutated and made-up files: always a result or a typed error, soon.

use crate::fixtures::{FIXTURES, bytes, decode_bytes};
use inference_audio::{AudioError, Limits, Pcm, SAMPLE_RATE, decode};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::{
    io::Cursor,
    time::{Duration, Instant},
};

/// Longest any of these small files may take, on a busy machine too. What is bounded here is the
/// shape of the work: a demuxer that runs in circles takes for ever.
const SOON: Duration = Duration::from_secs(20);

/// Decodes within a minute of audio and checks what holds of every outcome.
fn survive(bytes: &[u8]) -> Result<Pcm, AudioError> {
    let limits = Limits {
        max_duration: Duration::from_mins(1),
        ..Limits::default()
    };
    let start = Instant::now();
    let result = decode(Cursor::new(bytes), &limits, &|| start.elapsed() > SOON);
    match &result {
        Ok(pcm) => {
            assert!(!pcm.samples.is_empty());
            assert!(pcm.samples.len() <= 60 * SAMPLE_RATE as usize + 1);
            assert!(pcm.samples.iter().all(|s| s.is_finite()));
            assert!(pcm.duration <= limits.max_duration);
        }
        Err(AudioError::Cancelled) => panic!("did not end in {SOON:?}"),
        Err(AudioError::Io(error)) => panic!("memory cannot fail: {error}"),
        Err(_) => {}
    }
    result
}

#[test]
fn every_format_cut_at_20_places_gives_what_came_before_or_a_typed_error() {
    for fixture in FIXTURES {
        let file = fixture.bytes();
        let whole = decode_bytes(&file).unwrap();
        let mut heard = 0;
        for place in 0..20 {
            let cut = file.len() * place / 20;
            match survive(&file[..cut]) {
                Ok(pcm) => {
                    assert!(pcm.samples.len() <= whole.samples.len(), "{}", fixture.name);
                    heard += 1;
                }
                Err(error) => assert!(
                    matches!(
                        error,
                        AudioError::Empty
                            | AudioError::Malformed(_)
                            | AudioError::UnsupportedContainer
                    ),
                    "{} at {cut}: {error:?}",
                    fixture.name
                ),
            }
        }
        // An mp4 whose index stands at the end has none when it is cut, and nothing can be heard.
        let index_at_end = matches!(fixture.name, "aac.m4a" | "alac.m4a" | "opus.mp4");
        // Ogg pages hold up to a second, and half a page is none.
        let least = if index_at_end { 0 } else { 5 };
        assert!(heard >= least, "{}: {heard} of 20 heard", fixture.name);
    }
}

#[test]
fn what_comes_before_a_cut_is_the_same_as_in_the_whole_file() {
    for name in [
        "flac.flac",
        "adpcm-ms.wav",
        "mu-law.wav",
        "aac-faststart.m4a",
        "opus.webm",
    ] {
        let file = bytes(name);
        let whole = decode_bytes(&file).unwrap().samples;
        let cut = decode_bytes(&file[..file.len() * 2 / 3]).unwrap();
        assert!(cut.truncated, "{name}");
        let samples = cut.samples.len();
        assert!(
            samples > whole.len() / 3,
            "{name}: {samples} of {}",
            whole.len()
        );
        // The resampler hears silence behind a cut, so the last of it differs.
        let same = samples - 3000;
        assert!(cut.samples[..same] == whole[..same], "{name}");
    }
}

#[test]
fn a_damaged_stretch_costs_its_own_duration_only() {
    for name in ["mp3.mp3", "aac.aac", "flac.flac"] {
        let mut file = bytes(name);
        let whole = decode_bytes(&file).unwrap().samples.len();
        let middle = file.len() / 2;
        file[middle..middle + 40].fill(0x55);
        let heard = survive(&file).unwrap().samples.len();
        assert!(heard > whole * 6 / 10, "{name}: {heard} of {whole}");
    }
}

#[test]
fn an_mp4_index_that_points_to_the_same_bytes_for_ever_ends() {
    let mut file = bytes("aac-faststart.m4a");
    let sizes = position(&file, b"stsz") + 8;
    // Four thousand million samples of one byte, in one chunk.
    file[sizes..sizes + 8].copy_from_slice(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    let _ = survive(&file);
    // And of no bytes at all.
    file[sizes..sizes + 8].copy_from_slice(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    let _ = survive(&file);
    let chunks = position(&file, b"stsc") + 12;
    file[chunks + 4..chunks + 8].fill(0xff);
    let _ = survive(&file);
}

#[test]
fn an_mp4_fragment_of_thousands_of_millions_of_samples_ends_at_once() {
    let mut file = bytes("aac-fragmented.mp4");
    let run = position(&file, b"trun") + 4;
    // No field for any sample, and as many samples as there can be.
    file[run..run + 8].copy_from_slice(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(
        survive(&file),
        Err(AudioError::Malformed("mp4: more samples than bytes"))
    ));
}

#[test]
fn a_codec_that_changes_again_and_again_ends() {
    // Chained ogg is legal; a recording of 64 parts is heard, one of thousands is an attack.
    let link = bytes("opus.ogg");
    assert_eq!(
        survive(&link.repeat(3)).unwrap().duration,
        Duration::from_millis(4800)
    );
    let limits = Limits::default();
    let many = link.repeat(200);
    let result = decode(Cursor::new(&many), &limits, &|| false);
    assert!(
        matches!(result, Err(AudioError::Malformed(_))),
        "{result:?}"
    );
}

fn position(file: &[u8], tag: &[u8]) -> usize {
    file.windows(tag.len())
        .position(|bytes| bytes == tag)
        .unwrap()
}

/// The starts of files of every kind, to get random bytes past recognition.
const MAGIC: &[&[u8]] = &[
    b"RIFF\xff\xff\xff\xffWAVEfmt ",
    b"fLaC\0\0\0\x22",
    b"OggS\0\x02",
    b"\x1a\x45\xdf\xa3",
    b"\0\0\0\x14ftypM4A ",
    b"\xff\xfb\x50\0",
    b"\xff\xf1\x60\x40",
    b"ID3\x04\0\0\0\0\0\0",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn random_bytes_end_in_a_typed_error_or_audio(
        magic in proptest::sample::select(MAGIC),
        noise in vec(any::<u8>(), 0..2000),
    ) {
        let _ = survive(&[magic, &noise].concat());
    }

    #[test]
    fn mutated_files_end_in_a_typed_error_or_audio(
        fixture in 0..FIXTURES.len(),
        changes in vec((any::<Index>(), any::<u8>()), 1..12),
        // Most of what can go wrong stands in the first few hundred bytes.
        in_header in any::<bool>(),
    ) {
        let mut file = FIXTURES[fixture].bytes();
        let reach = if in_header { file.len().min(700) } else { file.len() };
        for (at, value) in changes {
            file[at.index(reach)] = value;
        }
        let _ = survive(&file);
    }

    #[test]
    fn files_with_a_piece_moved_end_in_a_typed_error_or_audio(
        fixture in 0..FIXTURES.len(),
        from in any::<Index>(),
        to in any::<Index>(),
        len in 1..600usize,
    ) {
        let mut file = FIXTURES[fixture].bytes();
        let from = from.index(file.len());
        let piece = file[from..(from + len).min(file.len())].to_vec();
        let to = to.index(file.len());
        file.splice(to..to, piece);
        let _ = survive(&file);
    }
}

//! The bounds, at the bound and one past it; a caller that leaves; a source that fails.

use crate::{
    fixtures::{FIXTURES, bytes},
    wav_file::{PCM, WavFile, tone16},
};
use inference_audio::{AudioError, Limits, Pcm, decode};
use std::{
    io::{self, Cursor, Read, Seek, SeekFrom},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

fn decode_within(bytes: &[u8], limits: &Limits) -> Result<Pcm, AudioError> {
    decode(Cursor::new(bytes), limits, &|| false)
}

#[test]
fn no_bytes_are_no_file() {
    assert!(matches!(
        decode_within(&[], &Limits::default()),
        Err(AudioError::Empty)
    ));
}

#[test]
fn a_file_of_the_largest_size_passes_and_one_byte_more_does_not() {
    let file = WavFile::pcm16(&tone16()).bytes();
    let mut limits = Limits {
        max_bytes: file.len() as u64,
        ..Limits::default()
    };
    decode_within(&file, &limits).unwrap();
    limits.max_bytes -= 1;
    assert!(matches!(
        decode_within(&file, &limits),
        Err(AudioError::TooLarge { limit }) if limit == limits.max_bytes
    ));
}

#[test]
fn audio_of_the_longest_duration_passes_and_one_frame_more_does_not() {
    let limits = Limits {
        max_duration: Duration::from_millis(500),
        ..Limits::default()
    };
    for rate in [8_000, 16_000, 44_100] {
        let half = usize::try_from(rate).unwrap(); // two bytes a frame
        let fits = WavFile::new(PCM, 16, rate, 1, vec![1; half]);
        assert_eq!(
            decode_within(&fits.bytes(), &limits).unwrap().samples.len(),
            8_000
        );
        let too_long = WavFile::new(PCM, 16, rate, 1, vec![1; half + 2]);
        assert!(matches!(
            decode_within(&too_long.bytes(), &limits),
            Err(AudioError::TooLong { limit }) if limit == limits.max_duration
        ));
    }
}

#[test]
fn every_format_keeps_to_the_longest_duration() {
    let limits = Limits {
        max_duration: Duration::from_secs(1),
        ..Limits::default()
    };
    for fixture in FIXTURES {
        let result = decode_within(&fixture.bytes(), &limits);
        assert!(
            matches!(result, Err(AudioError::TooLong { .. })),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn every_format_keeps_to_the_channels_and_rates_allowed() {
    let mono = Limits {
        max_channels: 1,
        ..Limits::default()
    };
    let odd_rates = Limits {
        sample_rates: 9_000..=15_000,
        ..Limits::default()
    };
    for fixture in FIXTURES {
        let result = decode_within(&fixture.bytes(), &mono);
        match fixture.channels {
            1 => assert!(result.is_ok(), "{}", fixture.name),
            _ => assert!(
                matches!(
                    result,
                    Err(AudioError::TooManyChannels {
                        channels: 2,
                        limit: 1
                    })
                ),
                "{}",
                fixture.name
            ),
        }
        assert!(
            matches!(
                decode_within(&fixture.bytes(), &odd_rates),
                Err(AudioError::BadSampleRate { rate, .. }) if rate == fixture.sample_rate
            ),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn a_caller_that_leaves_at_any_moment_is_noticed_at_the_next_one() {
    for fixture in FIXTURES {
        let bytes = fixture.bytes();
        let asked = AtomicU32::new(0);
        let counted = || {
            asked.fetch_add(1, Ordering::Relaxed);
            false
        };
        decode(Cursor::new(&bytes), &Limits::default(), &counted).unwrap();
        let polls = asked.into_inner();
        assert!(polls > 10, "{} asks {polls} times", fixture.name);

        for patience in (0..polls).step_by(7) {
            let asked = AtomicU32::new(0);
            let leaves = || asked.fetch_add(1, Ordering::Relaxed) >= patience;
            let result = decode(Cursor::new(&bytes), &Limits::default(), &leaves);
            assert!(
                matches!(result, Err(AudioError::Cancelled)),
                "{} after {patience} of {polls}: {result:?}",
                fixture.name
            );
            let asked = asked.into_inner();
            // A demuxer may try again before it gives up.
            assert!(asked <= patience + 8, "{} goes on", fixture.name);
        }
    }
}

/// A disk that gives a little at a time and fails once reading reaches a place.
struct FailingDisk {
    file: Cursor<Vec<u8>>,
    fails_at: u64,
}

impl Read for FailingDisk {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.file.position() >= self.fails_at {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "bad sector"));
        }
        let some = buf.len().min(100);
        self.file.read(&mut buf[..some])
    }
}

impl Seek for FailingDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[test]
fn a_disk_that_fails_is_not_blamed_on_the_file() {
    for name in [
        "flac.flac",
        "mp3.mp3",
        "aac.m4a",
        "opus.ogg",
        "vorbis.webm",
        "mu-law.wav",
    ] {
        let file = bytes(name);
        for fails_at in [0, 20, file.len() as u64 / 3, file.len() as u64 - 1] {
            let disk = FailingDisk {
                file: Cursor::new(file.clone()),
                fails_at,
            };
            let result = decode(disk, &Limits::default(), &|| false);
            assert!(
                matches!(&result, Err(AudioError::Io(e)) if e.kind() == io::ErrorKind::StorageFull),
                "{name} at {fails_at}: {result:?}"
            );
        }
    }
}

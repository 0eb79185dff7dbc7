//! Turns an audio file of an untrusted sender into 16 kHz mono samples, under hard bounds.
//!
//! [`decode_into`] finds out by content what a file is, demuxes and decodes it, mixes it down and
//! resamples it, and hands the samples on packet by packet; [`decode`] collects them. Nothing that a header claims is believed: sizes, rates, channel
//! counts and durations are checked before anything is allocated by them and again while decoding.
//! Memory is bounded by a constant (and where samples are collected by [`Limits::max_duration`] of them), work by the number of
//! bytes in the file and by the same duration, and the caller is asked between packets (and reads)
//! whether it still wants the result.
//!
//! Containers: wav, flac, mp3 (and mp1, mp2), mp4/m4a, adts, ogg, webm/matroska. Codecs: pcm,
//! mu-law, a-law, adpcm, flac, mp3, aac-lc, alac, vorbis, opus.

pub mod chunks;
mod collect;
mod container;
mod decoder;
mod downmix;
mod error;
mod limits;
mod matroska;
mod mp4;
mod mpeg_frame;
mod opus_header;
mod output;
mod resample;
mod source;
mod voice;
mod vorbis_setup;
mod wav;

pub use container::Container;
pub use error::AudioError;
pub use limits::Limits;
pub use resample::ToSampleRate;
pub use voice::VoiceDetector;

use std::{
    io::{Read, Seek},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// Sample rate of everything this crate returns, in Hz: the rate Whisper was trained on.
pub const SAMPLE_RATE: u32 = 16_000;

/// Decoded audio: 16 kHz mono.
#[derive(Debug, Clone, PartialEq)]
pub struct Pcm {
    /// Samples at [`SAMPLE_RATE`], always finite, nominally within -1..=1 (louder than that is
    /// kept, not clipped). Never empty.
    pub samples: Vec<f32>,
    /// How long the source is by its own frames, before resampling.
    pub duration: Duration,
    /// What the file was, for logs and metrics.
    pub source: SourceFormat,
    /// Whether the source ended before its own structure said it would, or in something that did
    /// not decode. The samples are what came before the cut.
    pub truncated: bool,
}

/// What a file was that has been decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// As [`Pcm::duration`].
    pub duration: Duration,
    /// As [`Pcm::source`].
    pub source: SourceFormat,
    /// As [`Pcm::truncated`].
    pub truncated: bool,
}

/// Takes the next samples of a file, some milliseconds to some seconds of them. It may block; an error
/// ends the decoding and is what [`decode_into`] returns.
pub type Sink<'a> = dyn FnMut(&[f32]) -> Result<(), AudioError> + 'a;

/// What the decoded track of a file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFormat {
    /// The file's container, by content.
    pub container: Container,
    /// Short name of the track's codec, such as `flac` or `pcm_s16le`.
    pub codec: &'static str,
    /// The decoder's sample rate in Hz (of the first packet, should it change).
    pub sample_rate: u32,
    /// The decoder's channel count (of the first packet, should it change).
    pub channels: u32,
}

/// Decodes a whole file to 16 kHz mono samples, and hands them to `sink` as they come.
///
/// `source` is anything seekable: a `File`, or a `Cursor` over bytes in memory; it is read from its
/// beginning whatever its position. `cancelled` is asked before every packet and every read, so a
/// caller that has gone, or a deadline that has passed, frees the thread within one packet; it must
/// be cheap.
///
/// A file that is cut off gives what decodes before the cut, with [`Decoded::truncated`] set. A file in
/// which nothing decodes is an error.
///
/// # Errors
/// See [`AudioError`]; each variant says whose fault it is. Samples may have been handed on before it.
///
/// # Panics
/// Never: a panic in a decoder is caught and reported as [`AudioError::Malformed`].
pub fn decode_into<R>(
    source: R,
    limits: &Limits,
    cancelled: &(dyn Fn() -> bool + Sync),
    sink: &mut Sink<'_>,
) -> Result<Decoded, AudioError>
where
    R: Read + Seek + Send + Sync,
{
    // Nothing outlives the closure but its result and what the sink was given, which is whole pieces.
    catch_unwind(AssertUnwindSafe(|| {
        decoder::decode(source, limits, cancelled, sink)
    }))
    .unwrap_or(Err(AudioError::Malformed("the decoder failed on it")))
}

/// Decodes a whole file and collects its samples: see [`decode_into`].
///
/// # Errors
/// As [`decode_into`]; [`AudioError::Io`] where there is no memory for the samples.
pub fn decode<R>(
    source: R,
    limits: &Limits,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Pcm, AudioError>
where
    R: Read + Seek + Send + Sync,
{
    let mut collected = collect::Collected::new(limits);
    let decoded = decode_into(source, limits, cancelled, &mut |samples| {
        collected.push(samples)
    })?;
    Ok(Pcm {
        samples: collected.into_samples(),
        duration: decoded.duration,
        source: decoded.source,
        truncated: decoded.truncated,
    })
}

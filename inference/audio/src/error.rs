use std::{io, time::Duration};

/// Why a file gave no samples.
///
/// Everything but [`Cancelled`](Self::Cancelled) and [`Io`](Self::Io) is the sender's to mend, and
/// its text can be shown to the sender.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// There are no bytes at all.
    #[error("the file is empty")]
    Empty,
    /// The content is no container this crate knows; headerless pcm and text end here, whatever
    /// their name.
    #[error("the file is not audio in a supported format")]
    UnsupportedContainer,
    /// The container is known and holds no audio track.
    #[error("the file has no audio track")]
    NoAudioTrack,
    /// The audio track is in a codec, or a profile of one, that cannot be decoded.
    #[error("the audio codec is not supported: {0}")]
    UnsupportedCodec(&'static str),
    /// The file breaks its format's rules before any audio could be decoded.
    #[error("the audio file is damaged: {0}")]
    Malformed(&'static str),
    /// The audio is longer than [`Limits::max_duration`](crate::Limits::max_duration).
    #[error("the audio is longer than {} seconds", limit.as_secs_f64())]
    TooLong {
        /// The limit that was passed.
        limit: Duration,
    },
    /// The file is larger than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit that was passed, in bytes.
        limit: u64,
    },
    /// The track has more channels than [`Limits::max_channels`](crate::Limits::max_channels).
    #[error("the audio has {channels} channels, more than {limit}")]
    TooManyChannels {
        /// What the file claims.
        channels: u32,
        /// The limit that was passed.
        limit: u32,
    },
    /// The track's sample rate is outside [`Limits::sample_rates`](crate::Limits::sample_rates).
    #[error("the sample rate of {rate} Hz is outside {min} to {max} Hz")]
    BadSampleRate {
        /// What the file claims, in Hz.
        rate: u32,
        /// Lowest rate allowed, in Hz.
        min: u32,
        /// Highest rate allowed, in Hz.
        max: u32,
    },
    /// The caller asked to stop.
    #[error("decoding was cancelled")]
    Cancelled,
    /// Reading the source failed, or memory for the result could not be had.
    #[error("reading the audio failed")]
    Io(#[from] io::Error),
}

//! What a file is, by its content alone.

use crate::{AudioError, Limits, matroska, mp4, mpeg_frame, source::WindowedSource, wav};
use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};
use symphonia::{
    core::{
        errors::Error as SymphoniaError,
        formats::{
            FormatOptions, FormatReader,
            probe::{Hint, Probe, ProbeOptions},
        },
        io::{MediaSourceStream, MediaSourceStreamOptions},
        meta::MetadataOptions,
    },
    default::formats::{
        AdtsReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
    },
};

/// How far into a file (behind its ID3 tags) a stream without a file header is looked for: padding
/// and the rest of a cut frame come first in the wild.
const SEARCH_BYTES: u64 = 64 << 10;

/// ID3v2 tags skipped at the start of a file; more than one is rare, more than a few is an attack.
const MAX_ID3_TAGS: usize = 8;

/// Container of an audio file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// RIFF/WAVE, also RF64.
    Wav,
    /// Native FLAC.
    Flac,
    /// A bare stream of MPEG-1, -2 or -2.5 audio frames: mp3, mp2, mp1.
    Mpeg,
    /// ISO base media file: mp4, m4a, mov.
    Mp4,
    /// A bare stream of AAC frames.
    Adts,
    /// Ogg.
    Ogg,
    /// Matroska and webm.
    Matroska,
}

impl Container {
    /// Short name for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mpeg => "mpeg",
            Self::Mp4 => "mp4",
            Self::Adts => "adts",
            Self::Ogg => "ogg",
            Self::Matroska => "matroska",
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where in a file a demuxer should look, and what it should see before that.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) container: Container,
    /// Bytes of the file that the demuxer sees. May reach behind its end, where reading ends too.
    pub(crate) window: Range<u64>,
    /// Bytes that it sees before them.
    pub(crate) prefix: Vec<u8>,
    /// Whether the file is known to hold less than it says.
    pub(crate) truncated: bool,
}

/// Finds out what `file` is.
///
/// The demuxer library could probe too, but it takes the first marker in a megabyte of anything
/// for a start: two bytes in headerless pcm or in text make it "mp3".
pub(crate) fn recognise<R: Read + Seek>(
    file: &mut R,
    len: u64,
    limits: &Limits,
) -> Result<Layout, AudioError> {
    let start = skip_id3(file, len)?;
    let head = read_at(file, start, SEARCH_BYTES)?;
    let window = start..len;
    match head.as_slice() {
        [b'R', b'I', b'F', b'F', ..] | [b'R', b'F', b'6', b'4', ..]
            if head.get(8..12) == Some(b"WAVE") =>
        {
            wav::normalise(file, window, limits)
        }
        [b'f', b'L', b'a', b'C', ..] => Ok(Layout::whole(Container::Flac, window)),
        [b'O', b'g', b'g', b'S', ..] => Ok(Layout::whole(Container::Ogg, window)),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => {
            let end = matroska::declared_end(file, &window)?;
            Ok(Layout::whole(Container::Matroska, window).should_end(end))
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => {
            let end = mp4::declared_end(file, &window)?;
            Ok(Layout::whole(Container::Mp4, window).should_end(end))
        }
        _ => {
            let at_end = start + head.len() as u64 >= len;
            let (container, offset) =
                mpeg_frame::find(&head, at_end).ok_or(AudioError::UnsupportedContainer)?;
            Ok(Layout::whole(container, start + offset as u64..len))
        }
    }
}

impl Layout {
    fn whole(container: Container, window: Range<u64>) -> Self {
        Self {
            container,
            window,
            prefix: Vec::new(),
            truncated: false,
        }
    }

    /// Stretches the window to where the file should end, if that is known to be behind its end.
    fn should_end(mut self, end: Option<u64>) -> Self {
        if let Some(end) = end {
            self.window.end = end;
            self.truncated = true;
        }
        self
    }
}

/// Offset behind the ID3v2 tags at the start of a file. Skipped rather than read: their cover art
/// is the only part of an mp3 that must be held in memory whole.
fn skip_id3<R: Read + Seek>(file: &mut R, len: u64) -> io::Result<u64> {
    let mut start = 0;
    for _ in 0..MAX_ID3_TAGS {
        let head = read_at(file, start, 10)?;
        let [b'I', b'D', b'3', _, _, flags, s3, s2, s1, s0] = head[..] else {
            break;
        };
        // Four times seven bits (ID3v2.4, section 6.2); bit 4 of the flags announces a footer.
        let size = [s3, s2, s1, s0]
            .iter()
            .fold(0, |size, byte| (size << 7) | u64::from(byte & 0x7f));
        let footer = if flags & 0x10 == 0 { 0 } else { 10 };
        start = (start + 10 + size + footer).min(len);
    }
    Ok(start)
}

/// Reads up to `len` bytes at `offset`.
pub(crate) fn read_at<R: Read + Seek>(file: &mut R, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Container {
    /// Whether its demuxer may jump about.
    ///
    /// Matroska's would jump to an index at the end of the file, which is of no use here, and
    /// give up where the end was cut off; it reads clusters in order without.
    pub(crate) fn is_seekable(self) -> bool {
        self != Self::Matroska
    }
}

/// Opens the one demuxer that reads `container`.
pub(crate) fn open<'s, R>(
    container: Container,
    source: WindowedSource<'s, R>,
) -> Result<Box<dyn FormatReader + 's>, SymphoniaError>
where
    R: Read + Seek + Send + Sync + 's,
{
    let mut probe = Probe::new_with_options(&ProbeOptions {
        // The window starts with the container.
        max_probe_depth: 64,
        ..ProbeOptions::default()
    });
    match container {
        Container::Wav => probe.register_format::<WavReader<'_>>(),
        Container::Flac => probe.register_format::<FlacReader<'_>>(),
        Container::Mpeg => probe.register_format::<MpaReader<'_>>(),
        Container::Mp4 => probe.register_format::<IsoMp4Reader<'_>>(),
        Container::Adts => probe.register_format::<AdtsReader<'_>>(),
        Container::Ogg => probe.register_format::<OggReader<'_>>(),
        Container::Matroska => probe.register_format::<MkvReader<'_>>(),
    }
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    probe.probe(
        &Hint::new(),
        stream,
        FormatOptions::default(),
        MetadataOptions::default(),
    )
}

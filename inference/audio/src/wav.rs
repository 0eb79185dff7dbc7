//! A wav header rewritten to what the file really holds.
//!
//! Wav headers in the wild lie: a stream's sizes are zero or all ones (ffmpeg, arecord and browsers
//! write to pipes that cannot seek back), a cut file's are too large, lists of metadata of any size
//! stand between. The demuxer refuses some of these and holds the lists in memory, so it is shown a
//! canonical header and the bytes of the data chunk, nothing else.
//!
//! Format: Microsoft's "Multiple Channel Audio Data and WAVE Files", RFC 2361; RF64 as EBU Tech 3306.

use crate::{
    AudioError, Limits,
    container::{Container, Layout, read_at},
};
use std::{
    io::{Read, Seek},
    ops::Range,
};

/// Chunks looked at before the data chunk; real files have a handful.
const MAX_CHUNKS: usize = 256;

/// Longest format chunk read; MS ADPCM's with its coefficients is 50 bytes.
const MAX_FORMAT_BYTES: u64 = 256;

const PCM: u16 = 1;
const MS_ADPCM: u16 = 2;
const IEEE_FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const IMA_ADPCM: u16 = 0x11;
const EXTENSIBLE: u16 = 0xfffe;

/// Tail of every sub-format GUID of the extensible format that stands for a plain format tag.
const TAG_GUID: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// Finds the format and data chunks of the wav in `range` of `file`.
pub(crate) fn normalise<R: Read + Seek>(
    file: &mut R,
    range: Range<u64>,
    limits: &Limits,
) -> Result<Layout, AudioError> {
    let riff_size = chunk_header(file, range.start)?.map_or(0, |(_, size)| u64::from(size));
    let riff_is_sound = riff_size + 8 <= range.end - range.start && riff_size > 4;
    let mut format = None;
    let mut at = range.start + 12;
    for _ in 0..MAX_CHUNKS {
        let Some((tag, size)) = chunk_header(file, at)? else {
            break;
        };
        let body = at + 8;
        let size = u64::from(size);
        match &tag {
            b"fmt " if format.is_none() => {
                let bytes = read_at(file, body, size.min(MAX_FORMAT_BYTES))?;
                format = Some(canonical_format(&bytes, limits)?);
            }
            b"data" => {
                let format = format.ok_or(AudioError::Malformed("wav: no format chunk"))?;
                let present = range.end.saturating_sub(body);
                // Zero bytes of audio, or a writer that could not come back to fill the size in.
                let unknown = size == u64::from(u32::MAX) || (size == 0 && !riff_is_sound);
                let len = if unknown { present } else { size.min(present) };
                return Ok(Layout {
                    container: Container::Wav,
                    window: body..body + len,
                    prefix: canonical_header(&format, len),
                    truncated: !unknown && size > present,
                });
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        at = body + size + (size & 1);
    }
    Err(AudioError::Malformed("wav: no data chunk"))
}

fn chunk_header<R: Read + Seek>(
    file: &mut R,
    at: u64,
) -> Result<Option<([u8; 4], u32)>, AudioError> {
    let header = read_at(file, at, 8)?;
    let [t0, t1, t2, t3, s0, s1, s2, s3] = header[..] else {
        return Ok(None);
    };
    Ok(Some((
        [t0, t1, t2, t3],
        u32::from_le_bytes([s0, s1, s2, s3]),
    )))
}

/// Checks a format chunk and rewrites it in the one form the demuxer takes for each codec.
fn canonical_format(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, AudioError> {
    let field = |at: usize| {
        bytes
            .get(at..at + 2)
            .and_then(|field| field.first_chunk::<2>())
            .map(|field| u16::from_le_bytes(*field))
            .ok_or(AudioError::Malformed("wav: format chunk too short"))
    };
    let (tag, channels) = (field(0)?, field(2)?);
    let sample_rate = u32::from(field(4)?) | (u32::from(field(6)?) << 16);
    let (block_align, bits) = (field(12)?, field(14)?);
    if channels == 0 {
        return Err(AudioError::Malformed("wav: no channels"));
    }
    limits.check_channels(channels.into())?;
    limits.check_sample_rate(sample_rate)?;

    // The plain tag says all that matters here of an extensible format: the channels' positions do
    // not, and samples with fewer valid bits than they have room for stand in the upper ones.
    let tag = if tag == EXTENSIBLE {
        match bytes.get(26..40) {
            Some(guid) if guid == TAG_GUID => field(24)?,
            _ => return Err(AudioError::UnsupportedCodec("wav: unknown sub-format")),
        }
    } else {
        tag
    };
    let widths: &[u16] = match tag {
        PCM => &[8, 16, 24, 32],
        IEEE_FLOAT => &[32, 64],
        A_LAW | MU_LAW => &[8],
        MS_ADPCM | IMA_ADPCM => &[4],
        _ => return Err(AudioError::UnsupportedCodec("wav: unknown format tag")),
    };
    if !widths.contains(&bits) {
        return Err(AudioError::UnsupportedCodec("wav: unknown sample width"));
    }
    if matches!(tag, MS_ADPCM | IMA_ADPCM) {
        // Its extension is the decoder's business; the demuxer checks it.
        return Ok(bytes.to_vec());
    }

    let frame_bytes = channels * (bits / 8);
    if block_align != 0 && block_align != frame_bytes {
        return Err(AudioError::Malformed("wav: frame size contradicts format"));
    }
    let mut format = Vec::with_capacity(18);
    format.extend(tag.to_le_bytes());
    format.extend(channels.to_le_bytes());
    format.extend(sample_rate.to_le_bytes());
    format.extend((sample_rate.saturating_mul(u32::from(frame_bytes))).to_le_bytes());
    format.extend(frame_bytes.to_le_bytes());
    format.extend(bits.to_le_bytes());
    if matches!(tag, A_LAW | MU_LAW) {
        format.extend([0, 0]); // length of an extension that is not there
    }
    Ok(format)
}

fn canonical_header(format: &[u8], data_len: u64) -> Vec<u8> {
    // All ones say "to the end of the file", the one meaning that holds beyond 4 GB too.
    let data_len = u32::try_from(data_len).unwrap_or(u32::MAX);
    let mut header = Vec::with_capacity(28 + format.len());
    header.extend(b"RIFF\xff\xff\xff\xffWAVEfmt ");
    header.extend(
        u32::try_from(format.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    header.extend(format);
    if format.len() % 2 == 1 {
        header.push(0);
    }
    header.extend(b"data");
    header.extend(data_len.to_le_bytes());
    header
}

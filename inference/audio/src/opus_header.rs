//! The one field of an opus identification header (RFC 7845, section 5.1) that decides what is heard.

use crate::container::Container;

const PRE_SKIP: std::ops::Range<usize> = 10..12;

/// Takes the pre-skip, in frames at 48 kHz, out of an identification header and leaves zero there.
///
/// The opus decoder would drop it from the first packet only, where it commonly spans several, and
/// would read it little-endian in mp4 too, where it is big-endian (Opus in ISOBMFF, section 4.3.2).
pub(crate) fn take_pre_skip(container: Container, header: &mut [u8]) -> u64 {
    let Some(field) = header
        .get_mut(PRE_SKIP)
        .and_then(|field| field.first_chunk_mut::<2>())
    else {
        return 0;
    };
    let frames = match container {
        Container::Mp4 => u16::from_be_bytes(*field),
        _ => u16::from_le_bytes(*field),
    };
    *field = [0; 2];
    frames.into()
}

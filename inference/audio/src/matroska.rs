//! What a matroska file's first two headers say, before its demuxer sees them.

use crate::container::read_at;
use std::{
    io::{self, Read, Seek},
    ops::Range,
};

/// Where the segment of the file in `range` should end, if that is behind the end of `range`
/// (RFC 8794, sections 4 to 6).
///
/// The demuxer refuses a file whose segment ends behind it, and with it all that could be heard
/// before the cut. Told the length that the file should have, it meets the end where it reads it.
pub(crate) fn declared_end<R: Read + Seek>(
    file: &mut R,
    range: &Range<u64>,
) -> io::Result<Option<u64>> {
    const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
    let header = read_at(file, range.start, 12)?;
    let Some((width, len)) = header.get(4..).and_then(element_size) else {
        return Ok(None);
    };
    let start = range.start.saturating_add(4 + width + len);
    let segment = read_at(file, start, 12)?;
    let Some((width, len)) = segment.strip_prefix(&SEGMENT).and_then(element_size) else {
        return Ok(None);
    };
    let end = start.saturating_add(4 + width).saturating_add(len);
    Ok((end > range.end).then_some(end))
}

/// How many bytes a size takes, and the size; none if it is unknown, as in live streams.
fn element_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let width = bytes.first()?.leading_zeros() as usize + 1;
    if width > 8 {
        return None;
    }
    let field = bytes.get(..width)?;
    let raw = field
        .iter()
        .fold(0, |raw, byte| (raw << 8) | u64::from(*byte));
    let mask = (1 << (7 * width)) - 1;
    let size = raw & mask;
    (size != mask).then_some((width as u64, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_file_should_be_as_long_as_its_segment_says() {
        let file = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x41\x00....";
        let range = 0..file.len() as u64;
        let end = declared_end(&mut Cursor::new(file), &range).unwrap();
        assert_eq!(end, Some(7 + 4 + 2 + 0x100));
        let whole = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x84....";
        let range = 0..whole.len() as u64;
        assert_eq!(declared_end(&mut Cursor::new(whole), &range).unwrap(), None);
    }

    #[test]
    fn a_live_stream_ends_where_it_ends() {
        let file = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff....";
        let range = 0..file.len() as u64;
        assert_eq!(declared_end(&mut Cursor::new(file), &range).unwrap(), None);
    }

    #[test]
    fn sizes_take_one_to_eight_bytes() {
        assert_eq!(element_size(&[0x85]), Some((1, 5)));
        assert_eq!(element_size(&[0x40, 0x05]), Some((2, 5)));
        assert_eq!(element_size(&[1, 0, 0, 0, 0, 0, 1, 0]), Some((8, 256)));
        assert_eq!(element_size(&[0xff]), None);
        assert_eq!(element_size(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), None);
        assert_eq!(element_size(&[0x40]), None);
        assert_eq!(element_size(&[]), None);
    }
}

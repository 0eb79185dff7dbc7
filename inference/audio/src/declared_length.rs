//! How long a file with nested sizes says it is, which for one that was cut is more than there is.
//!
//! Demuxers refuse an outermost box or element that ends behind the end of the file, and with it all
//! that could be heard before the cut. Told the length that the file should have, they meet the end
//! where they read it.

use crate::container::read_at;
use std::{
    io::{self, Read, Seek},
    ops::Range,
};

/// Boxes at the top of an mp4 looked at; a fragmented file has two for every few seconds.
const MAX_BOXES: usize = 4096;

/// Where the mp4 in `range` should end, if that is behind the end of `range` and what was cut is
/// media data: an index that was cut is of no use (ISO 14496-12, section 4.2).
pub(crate) fn of_mp4<R: Read + Seek>(file: &mut R, range: &Range<u64>) -> io::Result<Option<u64>> {
    let mut at = range.start;
    for _ in 0..MAX_BOXES {
        let Some((tag, size)) = box_header(&read_at(file, at, 16)?) else {
            break;
        };
        // Zero means the rest of the file, less than its own header is damage.
        if size < 8 {
            break;
        }
        at = at.saturating_add(size);
        if at > range.end {
            return Ok((&tag == b"mdat").then_some(at));
        }
    }
    Ok(None)
}

/// Type and size, header included, of the box that starts with these bytes.
fn box_header(bytes: &[u8]) -> Option<([u8; 4], u64)> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let (tag, large_size) = rest.split_first_chunk::<4>()?;
    let size = match u32::from_be_bytes(*size) {
        1 => u64::from_be_bytes(*large_size.first_chunk::<8>()?),
        size => size.into(),
    };
    Some((*tag, size))
}

/// Where the segment of the matroska file in `range` should end, if that is behind the end of
/// `range` (RFC 8794, sections 4 to 6).
pub(crate) fn of_matroska<R: Read + Seek>(
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
    fn an_mp4_cut_in_its_media_should_be_as_long_as_the_media_says() {
        let mut file = Cursor::new(b"\0\0\0\x0cftypM4A \0\0\x10\0mdat....".to_vec());
        assert_eq!(of_mp4(&mut file, &(0..24)).unwrap(), Some(12 + 0x1000));
        let mut file = Cursor::new(b"\0\0\0\x01mdat\0\0\x01\0\0\0\0\0....".to_vec());
        assert_eq!(of_mp4(&mut file, &(0..20)).unwrap(), Some(1 << 40));
    }

    #[test]
    fn a_whole_mp4_and_one_cut_elsewhere_are_as_long_as_they_are() {
        for file in [
            &b"\0\0\0\x0cftypM4A \0\0\0\x0cmdat...."[..],
            b"\0\0\0\x0cftypM4A \0\0\x10\0moov....",
            b"\0\0\0\0mdat....",
            b"\0\0\0\x03mdat....",
            b"\0\0\0\x01mdat\0\0",
            b"\0\0",
        ] {
            let range = 0..file.len() as u64;
            assert_eq!(of_mp4(&mut Cursor::new(file), &range).unwrap(), None);
        }
    }

    #[test]
    fn a_matroska_file_should_be_as_long_as_its_segment_says() {
        let file = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x41\x00....";
        let range = 0..file.len() as u64;
        let end = of_matroska(&mut Cursor::new(file), &range).unwrap();
        assert_eq!(end, Some(7 + 4 + 2 + 0x100));
        let whole = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x84....";
        let range = 0..whole.len() as u64;
        assert_eq!(of_matroska(&mut Cursor::new(whole), &range).unwrap(), None);
    }

    #[test]
    fn a_live_matroska_stream_ends_where_it_ends() {
        let file = b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff....";
        let range = 0..file.len() as u64;
        assert_eq!(of_matroska(&mut Cursor::new(file), &range).unwrap(), None);
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

//! What an mp4's boxes say, before its demuxer sees them (ISO 14496-12, sections 4.2 and 8.8.8).

use crate::{AudioError, container::read_at};
use std::{
    io::{Read, Seek},
    ops::Range,
};

/// Boxes at the top looked at; a fragmented file has two for every few seconds.
const MAX_BOXES: usize = 65_536;

/// Longest movie fragment header; an hour in one fragment takes 1 MB.
const MAX_FRAGMENT_BYTES: u64 = 4 << 20;

/// Checks the file in `range` and says where it should end, if that is behind the end of `range` and
/// what was cut is media data: an index that was cut is of no use.
///
/// The demuxer refuses a file whose last box ends behind it, and with it all that could be heard
/// before the cut. Told the length that the file should have, it meets the end where it reads it.
pub(crate) fn declared_end<R: Read + Seek>(
    file: &mut R,
    range: &Range<u64>,
) -> Result<Option<u64>, AudioError> {
    let mut samples_left = range.end - range.start;
    let mut at = range.start;
    for _ in 0..MAX_BOXES {
        let Some((tag, size)) = box_header(&read_at(file, at, 16)?) else {
            return Ok(None);
        };
        let end = match size {
            0 => range.end,
            size => at.saturating_add(size),
        };
        if &tag == b"moof" {
            let fragment = read_at(file, at, (end - at).min(MAX_FRAGMENT_BYTES + 1))?;
            check_fragment(&fragment, &mut samples_left)?;
        }
        if end > range.end {
            return Ok((&tag == b"mdat").then_some(end));
        }
        // Less than its own header is damage.
        if end < at + 8 {
            return Ok(None);
        }
        at = end;
    }
    Err(AudioError::Malformed("mp4: too many fragments"))
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

/// Refuses track runs with more samples than the file has bytes: the demuxer counts through them
/// one by one, which takes seconds for the thousands of millions that twenty bytes can claim.
///
/// Looks for the box's type wherever it stands, so that no nesting can hide one.
fn check_fragment(fragment: &[u8], samples_left: &mut u64) -> Result<(), AudioError> {
    if fragment.len() as u64 > MAX_FRAGMENT_BYTES {
        return Err(AudioError::Malformed("mp4: fragment header too large"));
    }
    for run in fragment.windows(12).filter(|run| run.starts_with(b"trun")) {
        let count = run
            .last_chunk::<4>()
            .map_or(0, |count| u32::from_be_bytes(*count));
        *samples_left = samples_left
            .checked_sub(count.into())
            .ok_or(AudioError::Malformed("mp4: more samples than bytes"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn end_of(file: &[u8]) -> Result<Option<u64>, AudioError> {
        declared_end(&mut Cursor::new(file), &(0..file.len() as u64))
    }

    #[test]
    fn a_file_cut_in_its_media_should_be_as_long_as_the_media_says() {
        let file = b"\0\0\0\x0cftypM4A \0\0\x10\0mdat....";
        assert_eq!(end_of(file).unwrap(), Some(12 + 0x1000));
        let file = b"\0\0\0\x01mdat\0\0\x01\0\0\0\0\0....";
        assert_eq!(end_of(file).unwrap(), Some(1 << 40));
    }

    #[test]
    fn a_whole_file_and_one_cut_elsewhere_are_as_long_as_they_are() {
        for file in [
            &b"\0\0\0\x0cftypM4A \0\0\0\x0cmdat...."[..],
            b"\0\0\0\x0cftypM4A \0\0\x10\0moov....",
            b"\0\0\0\0mdat....",
            b"\0\0\0\x03mdat....",
            b"\0\0\0\x01mdat\0\0",
            b"\0\0",
        ] {
            assert_eq!(end_of(file).unwrap(), None);
        }
    }

    #[test]
    fn a_run_of_more_samples_than_the_file_has_bytes_is_refused() {
        let run = |count: u8| [&b"trun\0\0\0\0\0\0\0"[..], &[count]].concat();
        let fragment = |runs: &[u8]| {
            let size = u8::try_from(runs.len() + 8).unwrap();
            [&[0, 0, 0, size], &b"moof"[..], runs].concat()
        };
        assert_eq!(end_of(&fragment(&run(20))).unwrap(), None);
        assert!(end_of(&fragment(&run(21))).is_err());
        assert!(end_of(&fragment(&[run(20), run(20)].concat())).is_err());
        // A fragment to the end of the file, or beyond it, hides none.
        for size in [0, 0xff] {
            let mut file = fragment(&run(21));
            file[3] = size;
            assert!(end_of(&file).is_err());
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pre_skip_is_little_endian_in_ogg_and_big_endian_in_mp4() {
        let header = *b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
        for (container, frames) in [
            (Container::Ogg, 312),
            (Container::Matroska, 312),
            (Container::Mp4, 0x3801),
        ] {
            let mut taken_from = header;
            assert_eq!(take_pre_skip(container, &mut taken_from), frames);
            assert_eq!(take_pre_skip(container, &mut taken_from), 0);
        }
    }

    #[test]
    fn a_header_cut_short_has_no_pre_skip() {
        assert_eq!(
            take_pre_skip(Container::Ogg, &mut b"OpusHead\x01\x01\x38".to_vec()),
            0
        );
    }
}

//! Frame headers of MPEG audio (ISO 11172-3, 13818-3) and ADTS (ISO 13818-7), which have no file
//! header: a stream is known by frames that follow one another.

use crate::container::Container;

/// Frames that must follow one another before bytes count as a stream. Three of them agree by
/// chance in less than one of 10^12 positions.
const CHAIN: usize = 3;

/// Looks for the first of [`CHAIN`] consecutive frames and says where it starts.
///
/// `at_end` says that `bytes` reach to the end of the file, where a shorter chain will do.
pub(crate) fn find(bytes: &[u8], at_end: bool) -> Option<(Container, usize)> {
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == 0xff)
        .find_map(|(offset, _)| {
            let rest = &bytes[offset..];
            // Deep in the file a lone frame is noise; at its start it is a clip cut very short.
            let shortest = if offset == 0 { 1 } else { 2 };
            let shortest = if at_end { shortest } else { CHAIN };
            if chain(rest, mpeg_audio) >= shortest {
                Some((Container::Mpeg, offset))
            } else if chain(rest, adts) >= shortest {
                Some((Container::Adts, offset))
            } else {
                None
            }
        })
}

/// A frame's length in bytes and what must be the same in its neighbours.
struct Frame {
    len: usize,
    signature: u32,
}

/// Counts frames, up to [`CHAIN`], that start where the one before ended.
fn chain(bytes: &[u8], parse: impl Fn([u8; 6]) -> Option<Frame>) -> usize {
    let mut at = 0;
    let mut signature = None;
    for count in 0..CHAIN {
        let header = bytes.get(at..).and_then(|rest| rest.first_chunk::<6>());
        let Some(frame) = header.and_then(|header| parse(*header)) else {
            return if header.is_none() { count } else { 0 };
        };
        if *signature.get_or_insert(frame.signature) != frame.signature {
            return 0;
        }
        at += frame.len;
    }
    CHAIN
}

fn mpeg_audio(header: [u8; 6]) -> Option<Frame> {
    // kbit/s by bitrate index: MPEG-1 layers I, II, III, then MPEG-2 layer I, MPEG-2 layers II, III.
    const BITRATES: [[u32; 15]; 5] = [
        [
            0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
        ],
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        [
            0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
        ],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let word = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    if word >> 21 != 0x7ff {
        return None;
    }
    let version = (word >> 19) & 3; // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    let layer = 4 - ((word >> 17) & 3); // 4 is reserved
    let table = match (version, layer) {
        (1, _) | (_, 4) => return None,
        (3, layer) => layer as usize - 1,
        (_, 1) => 3,
        _ => 4,
    };
    // Index 0 is "free format", which no decoder here reads.
    let kbps = match (word >> 12) & 15 {
        0 | 15 => return None,
        index => BITRATES[table][index as usize],
    };
    let rate = match (word >> 10) & 3 {
        3 => return None,
        index => [44_100, 48_000, 32_000][index as usize] >> [2, 0, 1, 0][version as usize],
    };
    let padding = (word >> 9) & 1;
    let len = match (layer, version) {
        (1, _) => (12_000 * kbps / rate + padding) * 4,
        (3, 0 | 2) => 72_000 * kbps / rate + padding,
        _ => 144_000 * kbps / rate + padding,
    };
    Some(Frame {
        len: len as usize,
        // Sync, version, layer and sample rate; bitrate, padding and stereo mode may vary.
        signature: word & 0xfffe_0c00,
    })
}

fn adts(header: [u8; 6]) -> Option<Frame> {
    let word = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    let rate_index = (word >> 10) & 15;
    if word >> 20 != 0xfff || (word >> 17) & 3 != 0 || rate_index > 12 {
        return None;
    }
    let len = (usize::from(header[3] & 3) << 11)
        | (usize::from(header[4]) << 3)
        | (usize::from(header[5]) >> 5);
    (len > 7).then_some(Frame {
        len,
        // Sync, version, layer, profile, sample rate and channel configuration.
        signature: word & 0xfffe_fdc0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An MPEG-1 layer III frame of 64 kbit/s at 44.1 kHz is 208 bytes, without padding.
    const MP3: [u8; 4] = [0xff, 0xfb, 0x50, 0x00];
    /// An ADTS frame of 100 bytes, AAC-LC, 16 kHz, mono.
    const AAC: [u8; 7] = [0xff, 0xf1, 0x60, 0x40, 0x0c, 0x9f, 0xfc];

    fn frames(header: &[u8], len: usize, count: usize) -> Vec<u8> {
        let mut frame = header.to_vec();
        frame.resize(len, 0);
        frame.repeat(count)
    }

    #[test]
    fn frame_lengths_are_those_of_the_standards() {
        let len = |header: [u8; 4]| {
            mpeg_audio([header[0], header[1], header[2], header[3], 0, 0]).map(|frame| frame.len)
        };
        assert_eq!(len(MP3), Some(208));
        assert_eq!(len([0xff, 0xfb, 0x52, 0x00]), Some(209), "padding");
        assert_eq!(
            len([0xff, 0xfd, 0x54, 0x00]),
            Some(240),
            "layer II, 80 kbit/s, 48 kHz"
        );
        assert_eq!(
            len([0xff, 0xff, 0x50, 0x00]),
            Some(172),
            "layer I, 160 kbit/s, 44.1 kHz"
        );
        assert_eq!(
            len([0xff, 0xf3, 0x80, 0x00]),
            Some(208),
            "MPEG-2, 64 kbit/s, 22.05 kHz"
        );
        assert_eq!(
            len([0xff, 0xe3, 0x88, 0x00]),
            Some(576),
            "MPEG-2.5, 64 kbit/s, 8 kHz"
        );
        let aac = AAC.first_chunk().unwrap();
        assert_eq!(adts(*aac).map(|frame| frame.len), Some(100));
    }

    #[test]
    fn reserved_values_are_no_frames() {
        for header in [
            [0xff, 0xeb, 0x50, 0x00], // reserved version
            [0xff, 0xf9, 0x50, 0x00], // reserved layer
            [0xff, 0xfb, 0xf0, 0x00], // bad bitrate
            [0xff, 0xfb, 0x00, 0x00], // free format
            [0xff, 0xfb, 0x5c, 0x00], // reserved rate
            [0x7f, 0xfb, 0x50, 0x00], // no sync
        ] {
            assert!(mpeg_audio([header[0], header[1], header[2], header[3], 0, 0]).is_none());
        }
    }

    #[test]
    fn a_stream_is_found_behind_what_was_cut_off_before_it() {
        let mut bytes = vec![0xff; 333];
        bytes.extend(frames(&MP3, 208, 3));
        assert_eq!(find(&bytes, false), Some((Container::Mpeg, 333)));
        let mut bytes = vec![0; 50];
        bytes.extend(frames(&AAC, 100, 3));
        assert_eq!(find(&bytes, false), Some((Container::Adts, 50)));
    }

    #[test]
    fn frames_that_do_not_agree_are_no_stream() {
        let mut bytes = frames(&MP3, 208, 2);
        bytes.extend(frames(&[0xff, 0xfb, 0x54, 0x00], 192, 2)); // another sample rate
        assert_eq!(find(&bytes[..600], false), None);
        assert_eq!(
            find(&frames(&MP3, 208, 2), false),
            None,
            "two frames, and more to come"
        );
    }

    #[test]
    fn a_clip_of_one_frame_is_a_stream_only_where_it_is_the_whole_file() {
        let clip = frames(&MP3, 208, 1);
        assert_eq!(find(&clip, true), Some((Container::Mpeg, 0)));
        assert_eq!(find(&clip, false), None);
        let late = [vec![0; 9], clip].concat();
        assert_eq!(find(&late, true), None);
    }
}

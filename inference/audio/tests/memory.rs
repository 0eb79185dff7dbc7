//! Memory stays within the longest audio allowed plus a constant, whatever a file claims or holds.
//!
//! One test, so that it has the process and its high-water mark to itself.

#[cfg(test)]
mod memory {
    use inference_audio::{AudioError, Limits, Pcm, decode};
    use std::{
        fs,
        io::Cursor,
        time::{Duration, Instant},
    };

    type Bomb = (&'static str, fn() -> Vec<u8>, Check);
    type Check = fn(&Result<Pcm, AudioError>) -> bool;

    #[cfg(target_os = "linux")]
    #[test]
    fn files_that_blow_up_take_no_more_than_the_longest_audio_and_a_constant() {
        let limits = Limits {
            max_duration: Duration::from_mins(10),
            ..Limits::default()
        };
        let longest = 600 * 16_000 * 4;
        // What demuxers may hold of a header (16 MB), twice while it grows, and what decoding needs.
        let constant = 40 << 20;

        let refused: Check = |result| matches!(result, Err(AudioError::Malformed(_)));
        let bombs: [Bomb; 5] = [
            ("flac of silence", flac_of_silence, |result| {
                matches!(result, Err(AudioError::TooLong { .. }))
            }),
            (
                "wav of metadata",
                wav_of_metadata,
                |result| matches!(result, Ok(pcm) if pcm.samples.len() == 8_000),
            ),
            ("flac of cover art", flac_of_cover_art, refused),
            ("mp4 of cover art", mp4_of_cover_art, refused),
            ("ogg of comments", ogg_of_comments, refused),
        ];
        for (name, file, is_right) in bombs {
            let file = file();
            // Sets the high-water mark to what is held now (proc(5), clear_refs).
            fs::write("/proc/self/clear_refs", "5").unwrap();
            let before = high_water_mark();
            let start = Instant::now();
            let result = decode(Cursor::new(&file), &limits, &|| false);
            let (took, grown) = (start.elapsed(), high_water_mark() - before);
            let outcome = result.as_ref().map(|pcm| pcm.duration);
            println!("{name}: {} MB in {took:?}, {outcome:?}", grown >> 20);
            assert!(
                is_right(&result),
                "{name}: {:?}",
                result.map(|pcm| pcm.duration)
            );
            assert!(grown < longest + constant, "{name}: {grown} bytes");
        }
    }

    /// Most memory the process ever had, in bytes.
    fn high_water_mark() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes * 1024
    }

    /// STREAMINFO of 16-bit mono at 16 kHz of unknown length.
    fn flac_header(last: bool) -> Vec<u8> {
        let mut file = b"fLaC".to_vec();
        file.extend([if last { 0x80 } else { 0 }, 0, 0, 34]);
        file.extend([0xff, 0xff, 0xff, 0xff]); // 65,535 frames a block
        file.extend([0; 6]);
        file.extend([0x03, 0xe8, 0x00, 0xf0, 0, 0, 0, 0]);
        file.extend([0; 16]);
        file
    }

    /// Fourteen bytes for every 65,535 samples: an hour in 12 kB.
    fn flac_of_silence() -> Vec<u8> {
        let mut file = flac_header(true);
        for block in 0..50_000 {
            let mut frame = vec![0xff, 0xf8, 0x70, 0x08];
            let number = char::from_u32(block).unwrap(); // FLAC counts in UTF-8
            frame.extend(number.to_string().bytes());
            frame.extend([0xff, 0xfe]);
            frame.push(crc(&frame, 8, 0x07).try_into().unwrap());
            frame.extend([0, 0, 0]); // a constant subframe of zero
            let check = u16::try_from(crc(&frame, 16, 0x8005)).unwrap();
            frame.extend(check.to_be_bytes());
            file.extend(frame);
        }
        file
    }

    fn crc(bytes: &[u8], width: u32, polynomial: u32) -> u32 {
        let top = 1 << (width - 1);
        let mask = u32::MAX >> (32 - width);
        bytes.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ (u32::from(*byte) << (width - 8)), |crc, _| {
                let shifted = crc << 1;
                if crc & top == 0 {
                    shifted & mask
                } else {
                    (shifted ^ polynomial) & mask
                }
            })
        })
    }

    /// Six pictures of 15 MB.
    fn flac_of_cover_art() -> Vec<u8> {
        const ART: u32 = 15 << 20;
        let mut file = flac_header(false);
        for picture in 0..6 {
            let len = (ART + 32).to_be_bytes();
            file.extend([if picture == 5 { 0x86 } else { 6 }, len[1], len[2], len[3]]);
            file.extend([0; 28]);
            file.extend(ART.to_be_bytes());
            file.resize(file.len() + ART as usize, 0x20);
        }
        file
    }

    /// 90 MB of text in front of half a second of audio.
    fn wav_of_metadata() -> Vec<u8> {
        let text: u32 = 90 << 20;
        let mut file =
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0"
                .to_vec();
        file.extend(b"LIST");
        file.extend((text + 12).to_le_bytes());
        file.extend(b"INFOICMT");
        file.extend(text.to_le_bytes());
        file.resize(file.len() + text as usize, b'x');
        file.extend(b"data\x80\x3e\0\0");
        file.resize(file.len() + 16_000, 0);
        file
    }

    /// A movie of 90 MB of cover art.
    fn mp4_of_cover_art() -> Vec<u8> {
        let art = [vec![0, 0, 0, 13, 0, 0, 0, 0], vec![0x20; 90 << 20]].concat();
        let meta = [*b"ilst", *b"covr", *b"data"]
            .iter()
            .rev()
            .fold(art, |content, tag| atom(*tag, &content));
        let meta = atom(*b"meta", &[&[0; 4], meta.as_slice()].concat());
        let file = atom(*b"ftyp", b"M4A \0\0\0\0M4A ");
        [file, atom(*b"moov", &atom(*b"udta", &meta))].concat()
    }

    fn atom(tag: [u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
        [size.as_slice(), &tag, content].concat()
    }

    /// An opus stream whose comment header goes on over 90 MB of pages.
    fn ogg_of_comments() -> Vec<u8> {
        let page = |sequence: u32, flags: u8, segments: &[u8], body: &[u8]| {
            let mut page = b"OggS\0".to_vec();
            page.push(flags);
            page.extend([0; 8]);
            page.extend(7u32.to_le_bytes());
            page.extend(sequence.to_le_bytes());
            page.extend([0; 4]);
            page.push(u8::try_from(segments.len()).unwrap());
            page.extend(segments);
            page.extend(body);
            let check = crc(&page, 32, 0x04c1_1db7);
            page[22..26].copy_from_slice(&check.to_le_bytes());
            page
        };
        let mut file = page(0, 2, &[19], b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0");
        for sequence in 1..1400 {
            let mut body = vec![b'x'; 255 * 255];
            if sequence == 1 {
                body[..16].copy_from_slice(b"OpusTags\0\0\0\0\x01\0\0\0");
            }
            let continued = u8::from(sequence > 1);
            file.extend(page(sequence, continued, &[255; 255], &body));
        }
        file
    }
}

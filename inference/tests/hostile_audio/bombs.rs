//! Small files that claim, or truly hold, far more than anybody should decode, and formats at the edge of the bounds.

use std::time::{Duration, Instant};

use crate::client::{form, transcribe};
use crate::flac::{crc, flac_bomb};
use crate::memory::{forget_peak, peak};
use crate::support::Service;
use crate::wav_file::{FLOAT, PCM, WavFile};
use crate::{fixture, survives};

/// Longest audio of these tests: what a bomb may be decoded to.
const LONGEST: &str = "600";
/// Most that a bomb may add to the memory of the process, in bytes; measured: 4.6 MB.
const GROWTH: u64 = 16 * 1024 * 1024;
/// Far above what the first ten minutes of a bomb take to decode.
const SOON: Duration = Duration::from_secs(30);

/// A page of Ogg with these packets, each shorter than 255 bytes.
fn ogg_page(number: u32, granule: u64, packets: &[&[u8]]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(if number == 0 { 2 } else { 0 });
    page.extend(granule.to_le_bytes());
    page.extend(7_u32.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.push(u8::try_from(packets.len()).unwrap());
    page.extend(packets.iter().map(|p| u8::try_from(p.len()).unwrap()));
    page.extend(packets.concat());
    let check = crc(&page, 32, 0x04c1_1db7).to_le_bytes();
    page[22..26].copy_from_slice(&check);
    page
}

/// An Ogg Opus whose packets are one byte long and 120 ms (RFC 6716, 3.1: two empty frames of 60 ms).
fn opus_bomb(pages: u32) -> Vec<u8> {
    let mut file = ogg_page(0, 0, &[b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0"]);
    file.extend(ogg_page(1, 0, &[b"OpusTags\0\0\0\0\0\0\0\0"]));
    let packet: &[u8] = &[0b0001_1001];
    for page in 0..pages {
        let granule = u64::from(page + 1) * 255 * 5760;
        file.extend(ogg_page(page + 2, granule, &[packet; 255]));
    }
    file
}

#[tokio::test]
async fn hours_in_a_few_kilobytes_are_refused_at_the_bound_in_bounded_memory() {
    let (service, _) = Service::fake(&["--max-audio-seconds", LONGEST]).await;
    service.assert_alive().await;
    for (what, file, hours) in [("flac", flac_bomb(8_000), 9), ("opus", opus_bomb(1_000), 8)] {
        assert!(file.len() < 1_000_000, "{what}: {} bytes", file.len());
        let before = forget_peak();
        let started = Instant::now();
        let answer = transcribe(service.address, &form(file.clone())).await;
        let (status, code) = (answer.status.as_u16(), answer.code());
        assert_eq!(
            (status, code.as_str()),
            (413, "audio_too_long"),
            "{what}, {hours} hours in {} bytes: {}",
            file.len(),
            answer.body
        );
        assert!(started.elapsed() < SOON, "{what}: {:?}", started.elapsed());
        let growth = peak().saturating_sub(before);
        println!("{what}: {} bytes, {growth} bytes of memory", file.len());
        assert!(growth < GROWTH, "{what}: {growth} bytes of memory");
    }
    service.assert_alive().await;
}

#[tokio::test]
async fn a_bomb_shorter_than_the_bound_is_audio_like_any_other() {
    let (service, _) = Service::fake(&["--max-audio-seconds", LONGEST]).await;
    for (what, file, seconds) in [
        ("flac", flac_bomb(10), 65_535.0 * 10.0 / 16_000.0),
        ("opus", opus_bomb(1), 255.0 * 0.12),
    ] {
        let answer = transcribe(service.address, &form(file)).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        let heard: f64 = answer.header("x-audio-seconds").parse().unwrap();
        assert!(
            (heard - seconds).abs() < 0.1,
            "{what}: {heard} of {seconds}"
        );
    }
}

/// Where `tag` stands in the file.
fn position(file: &[u8], tag: &[u8]) -> usize {
    let found = file.windows(tag.len()).position(|bytes| bytes == tag);
    found.unwrap_or_else(|| panic!("no {tag:?}"))
}

#[tokio::test]
async fn headers_that_claim_years_are_taken_for_what_is_there_or_refused() {
    let (service, _) = Service::fake(&["--max-audio-seconds", LONGEST]).await;
    let mut flac = fixture("flac.flac");
    // The number of samples, 36 bits of STREAMINFO.
    flac[21] |= 0x0f;
    flac[22..26].fill(0xff);
    survives(&service, "flac of 2^36 samples", flac).await;
    for name in ["opus.ogg", "vorbis.ogg", "flac.ogg"] {
        let mut file = fixture(name);
        let pages = file.windows(4).enumerate();
        let pages: Vec<usize> = pages.filter(|(_, w)| *w == b"OggS").map(|p| p.0).collect();
        for (number, page) in pages.iter().enumerate() {
            file[page + 6..page + 14].copy_from_slice(&(u64::MAX >> 1).to_le_bytes());
            let end = pages.get(number + 1).copied().unwrap_or(file.len());
            file[page + 22..page + 26].fill(0);
            let check = crc(&file[*page..end], 32, 0x04c1_1db7).to_le_bytes();
            file[page + 22..page + 26].copy_from_slice(&check);
        }
        survives(&service, &format!("{name} to the end of time"), file).await;
    }
    for (name, tag, offset) in [
        ("aac.m4a", b"stts", 12),
        ("aac.m4a", b"mdhd", 16),
        ("aac.m4a", b"stsz", 8),
        ("alac.m4a", b"stsz", 8),
        ("aac.m4a", b"stsc", 8),
        ("opus.mp4", b"stco", 8),
        ("aac-fragmented.mp4", b"trun", 8),
    ] {
        let mut file = fixture(name);
        let at = position(&file, tag) + offset;
        file[at..at + 4].fill(0xff);
        survives(&service, &format!("{name} with a mad {tag:?}"), file).await;
    }
    service.assert_alive().await;
}

#[tokio::test]
async fn blocks_of_webm_with_laces_that_nobody_laced_harm_nothing() {
    let (service, _) = Service::fake(&["--max-audio-seconds", LONGEST]).await;
    for name in ["opus.webm", "vorbis.webm", "vorbis.mka"] {
        let whole = fixture(name);
        // Xiph's, of equal sizes, EBML's (RFC 9559, 10.3).
        for lacing in [0x02, 0x04, 0x06] {
            let mut file = whole.clone();
            let mut laced = 0;
            for at in 0..file.len() - 8 {
                // A SimpleBlock of the first track: its size in one byte or two, the track, its time, its flags.
                let size = match file[at + 1] {
                    0x80.. => 1,
                    0x40.. => 2,
                    _ => continue,
                };
                if file[at] == 0xa3 && file[at + 1 + size] == 0x81 {
                    file[at + 4 + size] |= lacing;
                    laced += 1;
                }
            }
            assert!(laced > 5, "{name}: {laced} blocks");
            survives(&service, &format!("{name}, lacing {lacing}"), file).await;
        }
    }
    service.assert_alive().await;
}

#[tokio::test]
async fn eight_channels_and_4_to_192_khz_are_heard_in_full() {
    let (service, _) = Service::fake(&[]).await;
    for (rate, channels) in [(48_000_u32, 8_u16), (192_000, 2), (4_000, 1), (44_100, 6)] {
        let data = vec![1; rate as usize * usize::from(channels) * 2];
        let file = WavFile::new(PCM, 16, rate, channels, data).bytes();
        let answer = transcribe(service.address, &form(file)).await;
        assert_eq!(answer.status, 200, "{rate} Hz, {channels}: {}", answer.body);
        assert_eq!(answer.header("x-audio-seconds"), "1.000");
    }
    for (rate, channels) in [(48_000, 9), (3_999, 1), (384_001, 1), (u32::MAX, 1)] {
        let file = WavFile::new(PCM, 16, rate, channels, vec![1; 36_000]).bytes();
        let answer = transcribe(service.address, &form(file)).await;
        assert_eq!(answer.status, 400, "{rate} Hz, {channels}: {}", answer.body);
        assert_eq!(answer.code(), "invalid_audio");
    }
}

#[tokio::test]
async fn samples_that_are_no_numbers_are_heard_as_silence_or_refused() {
    let (service, _) = Service::fake(&[]).await;
    for odd in [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN_POSITIVE,
    ] {
        let samples = (0..16_000).map(|i| if i % 3 == 0 { odd } else { 0.1 });
        let data = samples.flat_map(f32::to_le_bytes).collect();
        let file = WavFile::new(FLOAT, 32, 16_000, 1, data).bytes();
        let answer = transcribe(service.address, &form(file)).await;
        assert_eq!(answer.status, 200, "{odd}: {}", answer.body);
    }
    service.assert_alive().await;
}

//! Honest files of every format, broken in every way that a seeded generator thinks of.

use crate::memory::{forget_peak, peak};
use crate::support::Service;
use crate::{fixtures, survives};

/// Broken copies of each file.
const COPIES: usize = 30;
/// Where most of what can go wrong stands.
const HEADER: usize = 700;
/// Most that the service, and the test itself, may grow over all of them, in bytes; measured: 1.7 MB.
const GROWTH: u64 = 16 * 1024 * 1024;

/// `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is above 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn place(&mut self, file: &[u8]) -> usize {
        let reach = if self.next().is_multiple_of(2) {
            file.len().min(HEADER)
        } else {
            file.len()
        };
        self.below(reach)
    }
}

/// The file with one to three things wrong with it; `other` is a file of another format.
fn mutate(random: &mut Random, file: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = file.to_vec();
    for _ in 0..=random.below(3) {
        if out.is_empty() {
            break;
        }
        let at = random.place(&out);
        match random.below(6) {
            0 => {
                for _ in 0..=random.below(16) {
                    let at = random.place(&out);
                    out[at] ^= 1 << random.below(8);
                }
            }
            1 => out.truncate(at),
            2 => {
                let from = random.below(other.len());
                let piece = &other[from..(from + random.below(600)).min(other.len())];
                out.splice(at..at, piece.iter().copied());
            }
            3 => {
                let piece = out[at..(at + random.below(600)).min(out.len())].to_vec();
                let to = random.place(&out);
                out.splice(to..to, piece);
            }
            4 => {
                let end = (at + random.below(64)).min(out.len());
                out[at..end].fill(if random.next().is_multiple_of(2) {
                    0
                } else {
                    0xff
                });
            }
            _ => extreme(random, &mut out, at),
        }
    }
    out
}

/// Sets what may be a number to one of the largest, smallest or oddest it can be.
fn extreme(random: &mut Random, out: &mut [u8], at: usize) {
    let width = [1, 2, 4, 8][random.below(4)];
    let value = [
        0,
        1,
        u64::MAX,
        u64::MAX >> 1,
        0x8000_0000_0000_0000,
        0x7fff_ffff,
        0xffff,
        0xff,
    ][random.below(8)];
    let bytes = if random.next().is_multiple_of(2) {
        value.to_le_bytes()
    } else {
        value.rotate_right(width * 8).to_be_bytes()
    };
    let end = (at + width as usize).min(out.len());
    let length = end - at;
    out[at..end].copy_from_slice(&bytes[..length]);
}

#[tokio::test]
async fn mutated_files_of_every_format_are_served_or_refused_and_memory_stays_bounded() {
    // A decoder's panic is one file's refusal; what it prints of the stack would take more memory than all else.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let flags = ["--states", "2", "--max-audio-seconds", "60"];
    let (service, _) = Service::fake(&flags).await;
    let files = fixtures();
    for (name, bytes) in &files {
        assert!(survives(&service, name, bytes.clone()).await, "{name}");
    }
    let before = forget_peak();
    let mut random = Random(20_261_123);
    let mut served = 0;
    for (number, (name, bytes)) in files.iter().enumerate() {
        for copy in 0..COPIES {
            let other = &files[(number + 1 + copy) % files.len()].1;
            let broken = mutate(&mut random, bytes, other);
            let what = format!("{name}, copy {copy}");
            served += usize::from(survives(&service, &what, broken).await);
        }
    }
    let sent = files.len() * COPIES;
    assert!(sent >= 500);
    // Were all refused, or none, nothing would have been tried.
    assert!(served > sent / 10 && served < sent * 9 / 10, "{served}");
    let growth = peak().saturating_sub(before);
    println!("{served} of {sent} served, {growth} bytes at the peak over {before}");
    assert!(growth < GROWTH, "{growth} bytes");
    service.assert_alive().await;
}

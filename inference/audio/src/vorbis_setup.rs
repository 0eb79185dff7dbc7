//! Bounds what a vorbis set-up header makes its decoder allocate.
//!
//! A set-up header may ask for 256 codebooks, each of which a handful of bits can blow up to 16 MB
//! of vectors: gigabytes from a file of a few kilobytes. The decoder bounds each codebook but not
//! their sum, so their headers are read here first (Vorbis I specification, section 3.2.1).

use crate::AudioError;
use symphonia::core::io::{BitReaderRtl, ReadBitsRtl};

/// Most entries and vector elements of all codebooks together: 8 MB of vectors, as much again of
/// decoding tables. The reference encoder's have 12,000 (8 kHz mono) to 107,000 (5.1 channels).
const MAX_CODEBOOK_VALUES: u64 = 2 << 20;

const MALFORMED: AudioError = AudioError::Malformed("vorbis: bad codebook");

/// Checks the codebooks in a decoder's extra data: the identification and set-up headers, one
/// behind the other, or all three headers with Xiph lacing.
pub(crate) fn check(extra_data: &[u8]) -> Result<(), AudioError> {
    const SETUP_HEADER: &[u8] = b"\x05vorbis";
    let Some(at) = extra_data
        .windows(SETUP_HEADER.len())
        .rposition(|bytes| bytes == SETUP_HEADER)
    else {
        return Err(AudioError::Malformed("vorbis: no set-up header"));
    };
    let mut bits = BitReaderRtl::new(&extra_data[at + SETUP_HEADER.len()..]);
    let count = read(&mut bits, 8)? + 1;
    let mut total = 0;
    for _ in 0..count {
        total += codebook(&mut bits)?;
        if total > MAX_CODEBOOK_VALUES {
            return Err(AudioError::Malformed("vorbis: codebooks too large"));
        }
    }
    Ok(())
}

/// Reads over one codebook and returns how many values it stands for.
fn codebook(bits: &mut BitReaderRtl<'_>) -> Result<u64, AudioError> {
    if read(bits, 24)? != 0x0056_4342 {
        return Err(MALFORMED);
    }
    let dimensions = read(bits, 16)?;
    let entries = read(bits, 24)?;
    let values = u64::from(entries) * (u64::from(dimensions) + 1);
    if values > MAX_CODEBOOK_VALUES {
        return Ok(values);
    }
    if read(bits, 1)? == 1 {
        ordered_lengths(bits, entries)?;
    } else {
        let sparse = read(bits, 1)? == 1;
        for _ in 0..entries {
            if !sparse || read(bits, 1)? == 1 {
                read(bits, 5)?;
            }
        }
    }
    let multiplicands = match read(bits, 4)? {
        0 => return Ok(values),
        1 => lattice_points(entries, dimensions),
        2 => values - u64::from(entries),
        _ => return Err(MALFORMED),
    };
    read(bits, 32)?; // least value
    read(bits, 32)?; // step
    let width = read(bits, 4)? + 1;
    read(bits, 1)?; // whether each is relative to the one before
    for _ in 0..multiplicands {
        read(bits, width)?;
    }
    Ok(values)
}

fn ordered_lengths(bits: &mut BitReaderRtl<'_>, entries: u32) -> Result<(), AudioError> {
    read(bits, 5)?;
    let mut entry = 0;
    while entry < entries {
        let width = 32 - (entries - entry).leading_zeros();
        entry += read(bits, width)?;
    }
    if entry > entries {
        Err(MALFORMED)
    } else {
        Ok(())
    }
}

/// The largest `n` with `n` to the power of `dimensions` not above `entries`.
fn lattice_points(entries: u32, dimensions: u32) -> u64 {
    let fits = |n: &u64| {
        n.checked_pow(dimensions)
            .is_some_and(|power| power <= u64::from(entries))
    };
    if dimensions == 0 || entries == 0 {
        return 0;
    }
    // Doubles from below, so at most 24 steps, then closes in.
    let mut least = 1;
    while fits(&(least * 2)) {
        least *= 2;
    }
    let (mut low, mut high) = (least, least * 2);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if fits(&middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

fn read(bits: &mut BitReaderRtl<'_>, width: u32) -> Result<u32, AudioError> {
    bits.read_bits_leq32(width).map_err(|_| MALFORMED)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes bits the way vorbis reads them: least significant first.
    #[derive(Default)]
    struct Bits {
        bytes: Vec<u8>,
        used: usize,
    }

    impl Bits {
        fn put(&mut self, value: u64, width: usize) {
            for bit in 0..width {
                if self.used.is_multiple_of(8) {
                    self.bytes.push(0);
                }
                let set = u8::from(value >> bit & 1 == 1);
                *self.bytes.last_mut().unwrap() |= set << (self.used % 8);
                self.used += 1;
            }
        }

        /// A codebook of `entries` (a power of two) codewords of one length, in 14 bytes or so.
        fn put_codebook(&mut self, dimensions: u64, entries: u64) {
            self.put(0x0056_4342, 24);
            self.put(dimensions, 16);
            self.put(entries, 24);
            self.put(1, 1); // ordered
            self.put(u64::from(entries.ilog2()) - 1, 5);
            self.put(entries, entries.ilog2() as usize + 1);
            self.put(1, 4); // lattice
            self.put(0, 32);
            self.put(0, 32);
            self.put(0, 4); // one bit each
            self.put(0, 1);
            let points =
                lattice_points(entries.try_into().unwrap(), dimensions.try_into().unwrap());
            self.put(0, points.try_into().unwrap());
        }

        fn set_up(codebooks: u64, dimensions: u64, entries: u64) -> Vec<u8> {
            let mut bits = Self::default();
            bits.put(codebooks - 1, 8);
            for _ in 0..codebooks {
                bits.put_codebook(dimensions, entries);
            }
            [b"\x05vorbis".as_slice(), &bits.bytes, &[0; 8]].concat()
        }
    }

    /// A header that asks for four gigabytes.
    pub(crate) fn bomb() -> Vec<u8> {
        Bits::set_up(256, 32, 131_072)
    }

    #[test]
    fn codebooks_of_gigabytes_from_a_few_kilobytes_are_refused() {
        let bomb = bomb();
        assert!(bomb.len() < 6000, "{}", bomb.len());
        assert!(matches!(
            check(&bomb),
            Err(AudioError::Malformed("vorbis: codebooks too large"))
        ));
        // Many of middling size are no better than few of the largest.
        assert!(check(&Bits::set_up(256, 16, 4096)).is_err());
    }

    #[test]
    fn codebooks_of_a_sensible_size_pass() {
        check(&Bits::set_up(40, 8, 256)).unwrap();
    }

    #[test]
    fn a_header_that_ends_early_is_refused() {
        let header = Bits::set_up(2, 4, 64);
        for len in 0..header.len() - 10 {
            assert!(check(&header[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn lattice_points_are_the_integer_root() {
        assert_eq!(lattice_points(131_072, 32), 1);
        assert_eq!(lattice_points(81, 4), 3);
        assert_eq!(lattice_points(80, 4), 2);
        assert_eq!(lattice_points(1 << 23, 1), 1 << 23);
        assert_eq!(lattice_points(0, 3), 0);
        assert_eq!(lattice_points(5, 0), 0);
    }
}

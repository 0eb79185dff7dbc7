//! Bounds what a vorbis set-up header makes its decoder allocate.
//!
//! A set-up header may ask for 256 codebooks, each of which a handful of bits can blow up to 16 MB
//! of vectors: gigabytes from a file of a few kilobytes. The decoder bounds each codebook but not
//! their sum, so their headers are read here first (Vorbis I specification, section 3.2.1).

use crate::AudioError;
use symphonia::core::io::{BitReaderRtl, ReadBitsRtl};

/// Most entries and vector elements of all codebooks together: 16 MB of vectors, as much again of
/// decoding tables. The reference encoder's largest set-ups have about 300,000.
const MAX_CODEBOOK_VALUES: u64 = 4 << 20;

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

//! Numbers as the limiter objects store them: LEB128 (DWARF 5, 7.6), so that small counts take a byte.

/// Writes a number.
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[allow(clippy::cast_possible_truncation)] // Seven bits.
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // Below 0x80.
    out.push(number as u8);
}

/// Reads what [`put`] wrote. Every read of damaged bytes is `None`, never a panic.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// From the first byte on.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next number; `None` if the bytes end in it or it has more than 64 bits.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_and_small_ones_take_a_byte() {
        for number in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            let mut stored = Reader::new(&bytes);
            assert_eq!(stored.number(), Some(number));
            assert!(stored.is_empty());
            assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).number(), None);
        }
        let mut bytes = Vec::new();
        put(&mut bytes, 127);
        assert_eq!(bytes.len(), 1);
    }

    #[test]
    fn more_than_64_bits_are_no_number() {
        assert_eq!(Reader::new(&[0xff; 11]).number(), None);
        let mut bytes = [0xff; 10];
        bytes[9] = 2;
        assert_eq!(Reader::new(&bytes).number(), None);
    }
}

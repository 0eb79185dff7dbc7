//! SHA-256 of model files: as a value, of a whole file, and of what passes through a writer.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes read at a time while hashing.
const CHUNK: usize = 1 << 20;

/// A SHA-256 digest (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// The digest written as 64 hexadecimal digits; `None` if `text` is anything else.
    pub const fn from_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut digest = [0; 32];
        let mut at = 0;
        while at < 32 {
            match (nibble(text[2 * at]), nibble(text[2 * at + 1])) {
                (Some(high), Some(low)) => digest[at] = high << 4 | low,
                _ => return None,
            }
            at += 1;
        }
        Some(Self(digest))
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of bytes that come piece by piece.
#[derive(Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sha256Digest {
        Sha256Digest(self.0.finalize().into())
    }

    /// Takes in everything `reader` still has; how many bytes that was.
    pub(crate) fn read_to_end(&mut self, reader: &mut impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK];
        let mut total = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(read) => {
                    self.update(&buffer[..read]);
                    total += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// SHA-256 of the file at `path`.
///
/// # Errors
/// Whatever opening or reading the file gives.
pub fn of_file(path: &Path) -> io::Result<Sha256Digest> {
    let mut hasher = Hasher::default();
    hasher.read_to_end(&mut File::open(path)?)?;
    Ok(hasher.finish())
}

/// A writer that hashes and counts what it passes on.
pub(crate) struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
    written: u64,
}

impl<W: Write> HashingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::default(),
            written: 0,
        }
    }

    /// The inner writer, the digest of everything written and its length in bytes.
    pub(crate) fn finish(self) -> (W, Sha256Digest, u64) {
        (self.inner, self.hasher.finish(), self.written)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4, example of one block.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_writer_reports_the_digest_and_length_of_what_it_wrote() {
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        let (inner, digest, written) = writer.finish();
        assert_eq!((inner.as_slice(), written), (b"abc".as_slice(), 3));
        assert_eq!(digest.to_string(), ABC);
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_digest() {
        assert_eq!(Sha256Digest::from_hex(ABC).unwrap().to_string(), ABC);
        assert_eq!(Sha256Digest::from_hex(&ABC[1..]), None);
        assert_eq!(Sha256Digest::from_hex(&ABC.replace('b', "g")), None);
    }
}

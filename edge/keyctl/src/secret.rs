//! Keys in this program's hands: the root key, and one that a verdict is asked on.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use crate::error::Error;

/// Longest root key, in bytes; far more than [`edge_core::api_key::MAX_KEY_BYTES`], for keys minted
/// elsewhere.
const MAX_BYTES: usize = 512;

/// A root key: visible ASCII, so that it fits a header. Redacted in `Debug`, and in no message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RootKey(String);

impl RootKey {
    /// Reads a root key that came from `source`, without the white space around it.
    pub(crate) fn parse(text: &str, source: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_BYTES || !text.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Error::Usage(format!(
                "{source} holds no root key: one word of visible ASCII, at most {MAX_BYTES} bytes"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// Reads a root key from a file.
    pub(crate) fn from_file(path: &Path) -> Result<Self, Error> {
        let source = path.display().to_string();
        let unreadable = |e| Error::Usage(format!("{source} cannot be read: {e}"));
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        // One byte more than fits (white space apart): a longer file is refused by its length.
        file.take(2 * MAX_BYTES as u64)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        Self::parse(&text, &source)
    }

    /// The key. Only for the `Authorization` header.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}

/// A key that somebody presents. Redacted in `Debug`, and in no message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PresentedKey(String);

impl From<String> for PresentedKey {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl PresentedKey {
    /// The key. Only for the body that asks for its verdict.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presented_key_does_not_show_in_debug() {
        let key = PresentedKey::from("wk_live_s3cr3t".to_owned());
        assert!(!format!("{key:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_root_key_shows_neither_in_debug_nor_in_its_errors() {
        let key = RootKey::parse(" s3cr3t\n", "ADMIN_TOKEN").unwrap();
        assert_eq!(key.reveal(), "s3cr3t");
        assert!(!format!("{key:?}").contains("s3cr3t"));
        let error = RootKey::parse("s3cr3t s3cr3t", "ADMIN_TOKEN").unwrap_err();
        let (debug, text) = (format!("{error:?}"), error.to_string());
        assert!(!debug.contains("s3cr3t") && text.contains("ADMIN_TOKEN"));
    }

    #[test]
    fn what_fits_no_header_is_no_root_key() {
        let long = "x".repeat(MAX_BYTES + 1);
        for text in [
            "",
            " \n",
            "a b",
            "a\r\nx-evil: 1",
            "schlüssel",
            "a\0",
            &long,
        ] {
            assert!(RootKey::parse(text, "x").is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_large_file_is_refused_and_not_read_to_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "x".repeat(1 << 20)).unwrap();
        assert!(RootKey::from_file(file.path()).is_err());
        std::fs::write(file.path(), "wkroot_1\n").unwrap();
        assert_eq!(
            RootKey::from_file(file.path()).unwrap().reveal(),
            "wkroot_1"
        );
    }
}

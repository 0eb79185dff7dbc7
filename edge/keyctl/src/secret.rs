//! Keys in this program's hands: those that it shows to the edge, and one that a verdict is asked on.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use crate::error::Error;

/// Longest key, in bytes; far more than [`edge_core::api_key::MAX_KEY_BYTES`], for keys minted
/// elsewhere.
const MAX_BYTES: usize = 512;

/// What a key is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Administration: a root key.
    Root,
    /// Transcription, jobs, webhooks: an API key.
    Api,
}

impl KeyKind {
    /// The environment variable that holds one, here and in `.dev/env`.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Root => "ADMIN_TOKEN",
            Self::Api => "API_KEY",
        }
    }

    /// What else can give one.
    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::Root => "--token-file",
            Self::Api => "--api-key",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root key",
            Self::Api => "API key",
        })
    }
}

/// A key that is shown to the edge: visible ASCII, so that it fits a header. Redacted in `Debug`, and in
/// no message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    kind: KeyKind,
    text: String,
}

impl Credential {
    /// Reads a key that came from `source`, without the white space around it.
    pub(crate) fn parse(kind: KeyKind, text: &str, source: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_BYTES || !text.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Error::Usage(format!(
                "{source} holds no {kind}: one word of visible ASCII, at most {MAX_BYTES} bytes"
            )));
        }
        let text = text.to_owned();
        Ok(Self { kind, text })
    }

    /// Reads a key from a file.
    pub(crate) fn from_file(kind: KeyKind, path: &Path) -> Result<Self, Error> {
        let source = path.display().to_string();
        let unreadable = |e| Error::Usage(format!("{source} cannot be read: {e}"));
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        // One byte more than fits (white space apart): a longer file is refused by its length.
        file.take(2 * MAX_BYTES as u64)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        Self::parse(kind, &text, &source)
    }

    /// The key. Only for the `Authorization` header.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, redacted)", self.kind)
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
    fn a_credential_shows_neither_in_debug_nor_in_its_errors() {
        let key = Credential::parse(KeyKind::Root, " s3cr3t\n", "ADMIN_TOKEN").unwrap();
        assert_eq!(key.reveal(), "s3cr3t");
        assert!(!format!("{key:?}").contains("s3cr3t"));
        let error = Credential::parse(KeyKind::Root, "s3cr3t s3cr3t", "ADMIN_TOKEN").unwrap_err();
        let (debug, text) = (format!("{error:?}"), error.to_string());
        assert!(!debug.contains("s3cr3t") && text.contains("ADMIN_TOKEN"));
    }

    #[test]
    fn what_fits_no_header_is_no_key() {
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
            assert!(
                Credential::parse(KeyKind::Api, text, "x").is_err(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_large_file_is_refused_and_not_read_to_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "x".repeat(1 << 20)).unwrap();
        assert!(Credential::from_file(KeyKind::Root, file.path()).is_err());
        std::fs::write(file.path(), "wkroot_1\n").unwrap();
        assert_eq!(
            Credential::from_file(KeyKind::Root, file.path())
                .unwrap()
                .reveal(),
            "wkroot_1"
        );
    }
}

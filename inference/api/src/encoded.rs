//! How signed statements stand in a header: base64url without padding of their JSON, bounded.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest statement that is read, encoded, in bytes.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// Why a statement can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Longer than [`MAX_BYTES`].
    TooLong,
    /// Not base64url, or not the JSON that is due.
    Malformed,
}

pub(crate) fn encode(statement: &impl Serialize) -> String {
    // A struct of strings and numbers always serialises; an empty value is refused by `decode`.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(statement).unwrap_or_default())
}

pub(crate) fn decode<T: DeserializeOwned>(encoded: &str) -> Result<T, Unreadable> {
    if encoded.len() > MAX_BYTES {
        return Err(Unreadable::TooLong);
    }
    let json = URL_SAFE_NO_PAD.decode(encoded);
    let json = json.map_err(|_| Unreadable::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Unreadable::Malformed)
}

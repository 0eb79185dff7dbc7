//! Pages of listings: how long one is, and the cursor of the next.
//!
//! A cursor holds where the next page starts, signed together with what was asked. One that was tampered with, or
//! belongs to another question, is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::config::Settings;
use crate::error::{EdgeError, invalid};

/// Most entries of one page.
pub const MAX_PAGE: u32 = 1_000;
/// Entries of a page where nothing is said.
pub const DEFAULT_PAGE: u32 = 100;

const MAC_BYTES: usize = 16;
/// Longest cursor that is read.
const MAX_BYTES: usize = 4_096;

/// Reads the parameter `limit`.
pub(crate) fn page_size(limit: Option<&str>) -> Result<u32, EdgeError> {
    let Some(text) = limit else {
        return Ok(DEFAULT_PAGE);
    };
    let limit = text.parse().ok().filter(|n| (1..=MAX_PAGE).contains(n));
    limit.ok_or_else(|| invalid("limit", format!("`limit` must be 1 to {MAX_PAGE}.")))
}

/// Reads a parameter that is a time in unix seconds; milliseconds.
pub(crate) fn unix_ms(param: &'static str, text: Option<&str>) -> Result<Option<u64>, EdgeError> {
    match text.map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(at)) if at < 1 << 40 => Ok(Some(at * 1000)),
        Some(_) => Err(invalid(param, "Times are unix seconds.".to_owned())),
    }
}

fn mac(settings: &Settings, secret: usize, question: &str, place: &str) -> Option<[u8; MAC_BYTES]> {
    let secret = settings.signing_secrets.get(secret)?;
    let mac = secret.derive("cursor", format!("{question}\n{place}").as_bytes());
    mac.first_chunk().copied()
}

/// Packs the place where the next page of the answer to `question` starts.
pub(crate) fn seal(settings: &Settings, question: &str, place: &str) -> String {
    let mut bytes = mac(settings, 0, question, place)
        .unwrap_or_default()
        .to_vec();
    bytes.extend(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`seal`] packed for the same question.
pub(crate) fn open(settings: &Settings, question: &str, cursor: &str) -> Result<String, EdgeError> {
    let bad = || invalid("cursor", "`cursor` is none of this listing.".to_owned());
    if cursor.len() > MAX_BYTES {
        return Err(bad());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let (sealed, place) = bytes.split_first_chunk::<MAC_BYTES>().ok_or_else(bad)?;
    let place = std::str::from_utf8(place).map_err(|_| bad())?;
    let good = (0..settings.signing_secrets.len()).any(|secret| {
        mac(settings, secret, question, place).is_some_and(|mac| mac.ct_eq(sealed).into())
    });
    good.then(|| place.to_owned()).ok_or_else(bad)
}

/// A page of rows that have numbers, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only rows before this number.
    pub before: u64,
    /// At most so many.
    pub limit: u32,
}

/// After every number of a row: the largest that JavaScript counts to.
const LAST: u64 = 1 << 53;

/// The page that `limit` and `cursor` ask for, of the answer to `question`.
///
/// # Errors
/// A parameter that is wrong.
pub fn page_of(
    settings: &Settings,
    question: &str,
    limit: Option<&str>,
    cursor: Option<&str>,
) -> Result<Page, EdgeError> {
    let before = match cursor {
        None => LAST,
        Some(cursor) => open(settings, question, cursor)?
            .parse()
            .unwrap_or_default(),
    };
    Ok(Page {
        before,
        limit: page_size(limit)?,
    })
}

impl Page {
    /// The page's rows out of one more than it holds, each with its number, and the cursor of the next.
    pub fn cut<T>(
        &self,
        settings: &Settings,
        question: &str,
        mut found: Vec<(u64, T)>,
    ) -> (Vec<(u64, T)>, Option<String>) {
        let more = found.len() > self.limit as usize;
        found.truncate(self.limit as usize);
        let last = found.last().filter(|_| more);
        let next = last.map(|(number, _)| seal(settings, question, &number.to_string()));
        (found, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::settings;

    #[test]
    fn a_cursor_tampered_with_or_of_another_question_is_refused() {
        let settings = settings();
        let cursor = seal(&settings, "keys acme", "owner:acme:key_1");
        let read = |question: &str, cursor: &str| open(&settings, question, cursor).ok();
        assert_eq!(
            read("keys acme", &cursor).as_deref(),
            Some("owner:acme:key_1")
        );
        assert_eq!(read("keys other", &cursor), None);
        for at in 0..cursor.len() {
            let mut other = cursor.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(read("keys acme", &other), None, "{at}");
        }
        for garbage in ["", "x", "'; DROP TABLE audit;--", &"A".repeat(5_000)] {
            assert_eq!(read("keys acme", garbage), None);
        }
    }
}

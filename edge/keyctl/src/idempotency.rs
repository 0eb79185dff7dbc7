//! `Idempotency-Key`: by it a call whose answer was lost can be made again without making its effect
//! twice (draft-ietf-httpapi-idempotency-key-header).

use edge_core::ports::{Rng as _, RngError};

use crate::rng::SystemRng;

/// The API takes 255 bytes; the calls of one command add their number.
const MAX_BYTES: usize = 200;

/// Reads one from a flag: no white space at its ends, which a header would lose.
pub(crate) fn parse_key(text: &str) -> Result<String, String> {
    let good = (1..=MAX_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    good.then(|| text.to_owned())
        .ok_or_else(|| format!("it is 1 to {MAX_BYTES} visible ASCII characters"))
}

/// The given one, or a random one: 128 bits in hex.
pub(crate) fn given_or_random(given: Option<&str>) -> Result<String, RngError> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let mut bytes = [0; 16];
    SystemRng.fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_key_is_kept_and_a_random_one_never_the_same() {
        assert_eq!(given_or_random(Some("a-1")).unwrap(), "a-1");
        let (one, other) = (
            given_or_random(None).unwrap(),
            given_or_random(None).unwrap(),
        );
        assert_ne!(one, other);
        assert_eq!(parse_key(&one), Ok(one.clone()));
        assert_eq!(one.len(), 32);
    }

    #[test]
    fn what_fits_no_header_is_refused() {
        for text in ["", "a b", "a\r\nx: y", "ü", &"x".repeat(MAX_BYTES + 1)] {
            assert!(parse_key(text).is_err(), "{text:?}");
        }
    }
}

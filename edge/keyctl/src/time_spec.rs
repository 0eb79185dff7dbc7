//! Durations and instants as people write them, and instants as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Why a text is no duration or instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeSpecError {
    #[error("write a whole number and its unit (s, m, h, d, w), as 30s or 12h")]
    Duration,
    #[error("that is out of range")]
    Range,
    #[error("write an instant as 2027-01-31T00:00:00Z (RFC 3339) or in unix seconds")]
    Instant,
    #[error("write 24h or 7d (so long ago), 2027-01-31T00:00:00Z (RFC 3339) or unix seconds")]
    Past,
}

/// Reads `30s`, `5m`, `12h`, `30d` or `4w`: at least one second.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, TimeSpecError> {
    let unit_at = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(unit_at);
    let unit_seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(TimeSpecError::Duration),
    };
    let seconds = parse_digits(number)
        .ok_or(TimeSpecError::Duration)?
        .checked_mul(unit_seconds)
        .filter(|&seconds| seconds > 0)
        .ok_or(TimeSpecError::Range)?;
    Ok(Duration::from_secs(seconds))
}

/// A time as [`parse_duration`] reads it, in the longest unit up to days that it is a multiple of.
pub(crate) fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
    units
        .into_iter()
        .find(|(_, unit)| seconds > 0 && seconds.is_multiple_of(*unit))
        .map_or_else(
            || format!("{seconds}s"),
            |(name, unit)| format!("{}{name}", seconds / unit),
        )
}

/// Reads an instant: RFC 3339 with its offset, or unix seconds. The result is in unix seconds.
pub(crate) fn parse_instant(text: &str) -> Result<u64, TimeSpecError> {
    if let Some(seconds) = parse_digits(text) {
        return Ok(seconds);
    }
    let instant: Timestamp = text.parse().map_err(|_| TimeSpecError::Instant)?;
    u64::try_from(instant.as_second()).map_err(|_| TimeSpecError::Range)
}

/// Reads an instant, or how long ago it was. The result is in unix seconds.
pub(crate) fn parse_past(text: &str) -> Result<u64, TimeSpecError> {
    match (parse_instant(text), parse_duration(text)) {
        (Ok(instant), _) => Ok(instant),
        (_, Ok(ago)) => now().checked_sub(ago.as_secs()).ok_or(TimeSpecError::Range),
        (Err(TimeSpecError::Range), _) | (_, Err(TimeSpecError::Range)) => {
            Err(TimeSpecError::Range)
        }
        _ => Err(TimeSpecError::Past),
    }
}

/// A number of ASCII digits alone: `str::parse` would take a sign too.
pub(crate) fn parse_digits(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `2026-09-21 14:13:20 UTC`; the plain number where no calendar reaches.
pub(crate) fn utc(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(
            || unix_seconds.to_string(),
            |instant| instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        )
}

/// This machine's time in unix seconds; 0 where its clock stands before 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_the_longest_unit_and_read_again() {
        for (seconds, text) in [
            (1, "1s"),
            (90, "90s"),
            (60, "1m"),
            (5_400, "90m"),
            (360_000, "100h"),
            (86_400, "1d"),
            (31 * 86_400, "31d"),
        ] {
            assert_eq!(duration(seconds), text);
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(duration(0), "0s");
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, seconds) in [
            ("1s", 1),
            ("90m", 5_400),
            ("12h", 43_200),
            ("30d", 2_592_000),
            ("4w", 2_419_200),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        for text in [
            "", "s", "30", "-1s", "+1s", "1.5h", "1 s", "1y", "1S", "1é", "é",
        ] {
            assert_eq!(
                parse_duration(text),
                Err(TimeSpecError::Duration),
                "{text:?}"
            );
        }
        for text in ["0s", "18446744073709551615w"] {
            assert_eq!(parse_duration(text), Err(TimeSpecError::Range), "{text:?}");
        }
    }

    #[test]
    fn an_instant_is_rfc_3339_or_unix_seconds() {
        // From `date -u -d @1790000000`.
        for text in [
            "1790000000",
            "2026-09-21T14:13:20Z",
            "2026-09-21T16:13:20+02:00",
        ] {
            assert_eq!(parse_instant(text), Ok(1_790_000_000), "{text}");
        }
        assert_eq!(utc(1_790_000_000), "2026-09-21 14:13:20 UTC");
    }

    #[test]
    fn an_instant_without_an_offset_or_before_1970_is_refused() {
        for text in ["", "tomorrow", "2026-09-21", "2026-09-21T14:13:20", "-5"] {
            assert_eq!(parse_instant(text), Err(TimeSpecError::Instant), "{text:?}");
        }
        assert_eq!(
            parse_instant("1969-12-31T23:59:59Z"),
            Err(TimeSpecError::Range)
        );
    }

    #[test]
    fn the_past_is_an_instant_or_so_long_ago() {
        assert_eq!(parse_past("1790000000"), Ok(1_790_000_000));
        assert_eq!(parse_past("2026-09-21T14:13:20Z"), Ok(1_790_000_000));
        let before = now();
        let day_ago = parse_past("24h").unwrap();
        assert!((before - 86_400..=now() - 86_400).contains(&day_ago));
        for text in ["", "yesterday", "-1h", "24"] {
            let wanted = if text == "24" {
                Ok(24)
            } else {
                Err(TimeSpecError::Past)
            };
            assert_eq!(parse_past(text), wanted, "{text:?}");
        }
        for text in ["4000w", "0s", "1969-01-01T00:00:00Z"] {
            assert_eq!(parse_past(text), Err(TimeSpecError::Range), "{text}");
        }
    }

    #[test]
    fn a_time_no_calendar_reaches_is_shown_as_its_number() {
        assert_eq!(utc(u64::MAX), u64::MAX.to_string());
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
    }
}

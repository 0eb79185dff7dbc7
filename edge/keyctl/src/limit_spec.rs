//! Limits as an administrator writes them: `minute=100/60s` is a rate, `day=1000/day` a quota.

use edge_core::limit::{Limit, Period, Rule};
use serde_json::json;

use crate::time_spec::{parse_digits, parse_duration};

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitSpecError {
    #[error(
        "write NAME=N/TIME: minute=100/60s (a rate: s, m, h, d) or day=1000/day (a quota: day, week, month)"
    )]
    Form,
    /// The edge's own rules: names, counts, windows.
    #[error("{0}")]
    Refused(String),
}

/// Reads one limit. Its bounds are those of the edge itself.
pub(crate) fn parse_limit(text: &str) -> Result<Limit, LimitSpecError> {
    let (name, rule) = text.split_once('=').ok_or(LimitSpecError::Form)?;
    let (count, time) = rule.split_once('/').ok_or(LimitSpecError::Form)?;
    let count = parse_digits(count).ok_or(LimitSpecError::Form)?;
    let wire = match time {
        "day" | "week" | "month" => {
            json!({"name": name, "kind": "quota", "limit": count, "period": time})
        }
        _ => {
            let window = parse_duration(time).map_err(|_| LimitSpecError::Form)?;
            // A window that fits no u32 is out of the edge's bounds as u32::MAX is, and refused there.
            let seconds = u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
            json!({"name": name, "kind": "rate", "limit": count, "window_seconds": seconds})
        }
    };
    serde_json::from_value(wire).map_err(|e| LimitSpecError::Refused(e.to_string()))
}

/// A limit as [`parse_limit`] reads it.
pub(crate) fn spec(limit: &Limit) -> String {
    let name = &limit.name;
    match limit.rule {
        Rule::Rate {
            limit,
            window_seconds,
        } => format!("{name}={limit}/{window_seconds}s"),
        Rule::Quota { limit, period } => {
            let period = match period {
                Period::Day => "day",
                Period::Week => "week",
                Period::Month => "month",
            };
            format!("{name}={limit}/{period}")
        }
    }
}

#[cfg(test)]
mod tests {
    use edge_core::testing::{quota, rate};

    use super::*;

    #[test]
    fn rates_and_quotas_are_told_apart() {
        for (text, limit) in [
            ("minute=100/60s", rate("minute", 100, 60)),
            ("a=5/1m", rate("a", 5, 60)),
            ("hour=7/2h", rate("hour", 7, 7_200)),
            ("sliding=9/1d", rate("sliding", 9, 86_400)),
            ("day=1000/day", quota("day", 1_000, Period::Day)),
            ("w=1/week", quota("w", 1, Period::Week)),
            ("m=1/month", quota("m", 1, Period::Month)),
        ] {
            assert_eq!(parse_limit(text), Ok(limit), "{text}");
        }
    }

    #[test]
    fn what_is_shown_of_a_limit_can_be_given_again() {
        for limit in [rate("minute", 100, 60), quota("m", 3, Period::Month)] {
            assert_eq!(parse_limit(&spec(&limit)), Ok(limit));
        }
    }

    #[test]
    fn a_wrong_form_is_answered_with_the_right_one() {
        for text in [
            "",
            "minute",
            "minute=100",
            "minute=100/60",
            "minute=/60s",
            "minute=-1/60s",
            "day=1000/year",
            "day=1/day/day",
            "day=1e3/day",
            "day=99999999999999999999/day",
        ] {
            assert_eq!(parse_limit(text), Err(LimitSpecError::Form), "{text:?}");
        }
    }

    #[test]
    fn the_bounds_are_those_of_the_edge() {
        for (text, says) in [
            ("=1/day", "name"),
            ("Minute=1/60s", "name"),
            ("a=0/60s", "`limit`"),
            ("a=1000000001/day", "`limit`"),
            ("a=1/32d", "window_seconds"),
            ("a=1/4294967297s", "window_seconds"),
        ] {
            let error = parse_limit(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}

//! Limits as an administrator writes them: `NAME=COUNT/TIME`.
//!
//! COUNT is a number of requests, or a time of audio (`10h-audio`, `90s-audio`). TIME is a sliding
//! window (`1m`, `1h`) or a calendar period (`day`, `week`, `month`). Requests at the same time are
//! `NAME=COUNT@once`.

use edge_core::limit::{Limit, Period, Rule, Unit};
use serde_json::json;

use crate::time_spec::{duration, parse_digits, parse_duration};

/// What follows a time that is one of audio.
const AUDIO: &str = "-audio";
/// What follows a number of requests at the same time.
const ONCE: &str = "@once";

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitSpecError {
    #[error(
        "write NAME=N/TIME: minute=100/1m (a rate: s, m, h, d, w), day=1000/day (a quota: day, week, month), audio=10h-audio/month (hours of audio), or parallel=4@once"
    )]
    Form,
    /// The edge's own rules: names, counts, windows.
    #[error("{0}")]
    Refused(String),
}

/// Reads one limit. Its bounds are those of the edge itself.
pub(crate) fn parse_limit(text: &str) -> Result<Limit, LimitSpecError> {
    let (name, rule) = text.split_once('=').ok_or(LimitSpecError::Form)?;
    let wire = if let Some(count) = rule.strip_suffix(ONCE) {
        let count = parse_digits(count).ok_or(LimitSpecError::Form)?;
        json!({"name": name, "kind": "concurrency", "limit": count})
    } else {
        let (count, time) = rule.split_once('/').ok_or(LimitSpecError::Form)?;
        let (count, unit) = parse_count(count)?;
        if parse_period(time).is_some() {
            json!({"name": name, "kind": "quota", "unit": unit, "limit": count, "period": time})
        } else {
            let window = parse_duration(time).map_err(|_| LimitSpecError::Form)?;
            // A window that fits no u32 is out of the edge's bounds as u32::MAX is, and refused there.
            let seconds = u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
            json!({
                "name": name, "kind": "rate", "unit": unit, "limit": count,
                "window_seconds": seconds,
            })
        }
    };
    serde_json::from_value(wire).map_err(|e| LimitSpecError::Refused(e.to_string()))
}

fn parse_count(text: &str) -> Result<(u64, Unit), LimitSpecError> {
    let parsed = match text.strip_suffix(AUDIO) {
        Some(time) => parse_duration(time)
            .ok()
            .map(|time| (time.as_secs(), Unit::AudioSeconds)),
        None => parse_digits(text).map(|count| (count, Unit::Requests)),
    };
    parsed.ok_or(LimitSpecError::Form)
}

/// A calendar period by its name.
pub(crate) fn parse_period(text: &str) -> Option<Period> {
    [Period::Day, Period::Week, Period::Month]
        .into_iter()
        .find(|period| period_name(*period) == text)
}

/// The name of a calendar period.
pub(crate) const fn period_name(period: Period) -> &'static str {
    match period {
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
    }
}

/// A limit as [`parse_limit`] reads it.
pub(crate) fn spec(limit: &Limit) -> String {
    let name = &limit.name;
    let counted = |count: u64, unit| match unit {
        Unit::Requests => count.to_string(),
        Unit::AudioSeconds => duration(count) + AUDIO,
    };
    match limit.rule {
        Rule::Rate {
            unit,
            limit,
            window_seconds,
        } => {
            let window = duration(window_seconds.into());
            format!("{name}={}/{window}", counted(limit, unit))
        }
        Rule::Quota {
            unit,
            limit,
            period,
        } => format!("{name}={}/{}", counted(limit, unit), period_name(period)),
        Rule::Concurrency { limit } => format!("{name}={limit}{ONCE}"),
    }
}

/// Several limits in one line.
pub(crate) fn specs(limits: &[Limit]) -> String {
    let all: Vec<String> = limits.iter().map(spec).collect();
    if all.is_empty() {
        "-".to_owned()
    } else {
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use edge_core::testing::{audio_quota, concurrency, quota, rate};

    use super::*;

    fn audio_rate(name: &str, limit: u64, window_seconds: u32) -> Limit {
        Limit {
            name: name.to_owned(),
            rule: Rule::Rate {
                unit: Unit::AudioSeconds,
                limit,
                window_seconds,
            },
        }
    }

    #[test]
    fn rates_quotas_units_and_concurrency_are_told_apart() {
        for (text, limit) in [
            ("minute=100/60s", rate("minute", 100, 60)),
            ("a=5/1m", rate("a", 5, 60)),
            ("hour=7/2h", rate("hour", 7, 7_200)),
            ("sliding=9/1d", rate("sliding", 9, 86_400)),
            ("day=1000/day", quota("day", 1_000, Period::Day)),
            ("w=1/week", quota("w", 1, Period::Week)),
            ("m=1/month", quota("m", 1, Period::Month)),
            (
                "day=3600s-audio/day",
                audio_quota("day", 3_600, Period::Day),
            ),
            ("m=10h-audio/month", audio_quota("m", 36_000, Period::Month)),
            ("burst=5m-audio/1m", audio_rate("burst", 300, 60)),
            ("parallel=4@once", concurrency("parallel", 4)),
        ] {
            assert_eq!(parse_limit(text), Ok(limit), "{text}");
        }
    }

    #[test]
    fn what_is_shown_of_a_limit_can_be_given_again() {
        for limit in [
            rate("minute", 100, 60),
            quota("m", 3, Period::Month),
            audio_quota("a", 90, Period::Week),
            audio_rate("b", 90, 3_600),
            concurrency("p", 10_000),
        ] {
            assert_eq!(parse_limit(&spec(&limit)), Ok(limit));
        }
        assert_eq!(specs(&[]), "-");
        assert_eq!(
            specs(&[rate("a", 1, 1), concurrency("p", 2)]),
            "a=1/1s, p=2@once"
        );
        assert_eq!(
            specs(&[rate("m", 2, 60), audio_quota("a", 360_000, Period::Month)]),
            "m=2/1m, a=100h-audio/month"
        );
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
            "day=3600s/day",
            "day=3600-audio/day",
            "day=-audio/day",
            "day=0s-audio/day",
            "day=1y-audio/day",
            "parallel=4@twice",
            "parallel=@once",
            "parallel=4@once/day",
            "parallel=4s-audio@once",
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
            ("a=300000h-audio/day", "`limit`"),
            ("a=1/32d", "window_seconds"),
            ("a=1/4294967297s", "window_seconds"),
            ("a=0@once", "`limit`"),
            ("a=10001@once", "concurrency"),
        ] {
            let error = parse_limit(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}

//! What a limit is: its name, what it counts, over which time. Bounds are checked when it is read.

#[cfg(feature = "openapi")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most limits of one key, or of one owner.
pub const MAX_LIMITS: usize = 16;
/// Largest count of one limit: requests, or seconds of audio.
pub const MAX_COUNT: u64 = 1_000_000_000;
/// Longest sliding window: 31 days, in seconds.
pub const MAX_WINDOW_SECONDS: u32 = 31 * 86_400;
/// Most requests of one key at the same time, with a limit or without one: each is a row of its object.
pub const MAX_CONCURRENCY: u64 = 10_000;

/// A calendar period in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday (ISO 8601).
    Week,
    /// From the first of the month.
    Month,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests, each weighing its cost.
    #[default]
    Requests,
    /// Seconds of audio, known when the answer ends. A request is admitted while something is left; so
    /// the overdraft is at most what was in flight.
    AudioSeconds,
}

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At most `limit` in any window of `window_seconds`, sliding.
    Rate {
        /// What is counted.
        unit: Unit,
        /// The most, 1 to [`MAX_COUNT`].
        limit: u64,
        /// Length of the window, 1 to [`MAX_WINDOW_SECONDS`].
        window_seconds: u32,
    },
    /// At most `limit` in each calendar period.
    Quota {
        /// What is counted.
        unit: Unit,
        /// The most, 1 to [`MAX_COUNT`].
        limit: u64,
        /// The period.
        period: Period,
    },
    /// At most `limit` at the same time.
    Concurrency {
        /// The most, 1 to [`MAX_CONCURRENCY`].
        limit: u64,
    },
}

impl Rule {
    /// The most it admits, in its unit.
    pub const fn limit(&self) -> u64 {
        match self {
            Self::Rate { limit, .. } | Self::Quota { limit, .. } | Self::Concurrency { limit } => {
                *limit
            }
        }
    }

    /// What it counts; `None`: requests that are under way.
    pub const fn unit(&self) -> Option<Unit> {
        match self {
            Self::Rate { unit, .. } | Self::Quota { unit, .. } => Some(*unit),
            Self::Concurrency { .. } => None,
        }
    }

    /// Counts of its counter for one of its unit: audio is counted in milliseconds.
    pub const fn scale(&self) -> u64 {
        match self.unit() {
            Some(Unit::AudioSeconds) => 1_000,
            _ => 1,
        }
    }
}

/// One named limit of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema), schemars(with = "Wire"))]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Limit {
    /// 1 to 32 of `a-z 0-9 _ -`; unique in its key.
    pub name: String,
    /// How it counts.
    pub rule: Rule,
}

/// A limit: `rate` (with `window_seconds`), `quota` (with `period`) or `concurrency`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema), schemars(rename = "Limit"))]
#[serde(deny_unknown_fields)]
struct Wire {
    /// 1 to 32 of `a-z 0-9 _ -`; unique in its key.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[a-z0-9_-]{1,32}$")))]
    name: String,
    kind: Kind,
    /// Not for `concurrency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    /// The most, 1 to 1,000,000,000 (`concurrency`: 10,000).
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 1_000_000_000)))]
    limit: u64,
    /// Length of a rate's window, 1 to 2,678,400 (31 days).
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 2_678_400)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_seconds: Option<u32>,
    /// A quota's period, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<Period>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Kind {
    Rate,
    Quota,
    Concurrency,
}

/// Why a limit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The name is empty, too long, or has other characters.
    #[error("a limit's name is 1 to 32 of a-z, 0-9, _ and -")]
    Name,
    /// 0, or more than [`MAX_COUNT`].
    #[error("limit {0:?}: `limit` must be 1 to {MAX_COUNT}")]
    Count(String),
    /// A rate without a window, or with one out of range.
    #[error(
        "limit {0:?}: a rate needs `window_seconds`, 1 to {MAX_WINDOW_SECONDS}, and no `period`"
    )]
    Window(String),
    /// A quota without a period, or with a window.
    #[error("limit {0:?}: a quota needs `period` (day, week, month) and no `window_seconds`")]
    Period(String),
    /// Two limits of one key share a name.
    #[error("two limits are named {0:?}")]
    Twice(String),
    /// Concurrency with a window, a period or a unit, or too much of it.
    #[error(
        "limit {0:?}: concurrency is 1 to {MAX_CONCURRENCY}, without `window_seconds`, `period` and `unit`"
    )]
    Concurrency(String),
    /// More than [`MAX_LIMITS`].
    #[error("there are at most {MAX_LIMITS} limits")]
    Number,
}

impl TryFrom<Wire> for Limit {
    type Error = LimitError;

    fn try_from(wire: Wire) -> Result<Self, LimitError> {
        let name = wire.name;
        let named = (1..=32).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if !named {
            return Err(LimitError::Name);
        }
        if !(1..=MAX_COUNT).contains(&wire.limit) {
            return Err(LimitError::Count(name));
        }
        let limit = wire.limit;
        let unit = wire.unit.unwrap_or_default();
        let rule = match (wire.kind, wire.window_seconds, wire.period) {
            (Kind::Rate, Some(window_seconds), None)
                if (1..=MAX_WINDOW_SECONDS).contains(&window_seconds) =>
            {
                Rule::Rate {
                    unit,
                    limit,
                    window_seconds,
                }
            }
            (Kind::Rate, _, _) => return Err(LimitError::Window(name)),
            (Kind::Quota, None, Some(period)) => Rule::Quota {
                unit,
                limit,
                period,
            },
            (Kind::Quota, _, _) => return Err(LimitError::Period(name)),
            (Kind::Concurrency, None, None) if wire.unit.is_none() && limit <= MAX_CONCURRENCY => {
                Rule::Concurrency { limit }
            }
            (Kind::Concurrency, _, _) => return Err(LimitError::Concurrency(name)),
        };
        Ok(Self { name, rule })
    }
}

impl From<Limit> for Wire {
    fn from(limit: Limit) -> Self {
        let (kind, window_seconds, period) = match limit.rule {
            Rule::Rate { window_seconds, .. } => (Kind::Rate, Some(window_seconds), None),
            Rule::Quota { period, .. } => (Kind::Quota, None, Some(period)),
            Rule::Concurrency { .. } => (Kind::Concurrency, None, None),
        };
        Self {
            name: limit.name,
            kind,
            unit: limit.rule.unit(),
            limit: limit.rule.limit(),
            window_seconds,
            period,
        }
    }
}

/// Checks what only all limits of a key together can tell.
pub fn check_all(limits: &[Limit]) -> Result<(), LimitError> {
    if limits.len() > MAX_LIMITS {
        return Err(LimitError::Number);
    }
    for (at, limit) in limits.iter().enumerate() {
        if limits[..at].iter().any(|other| other.name == limit.name) {
            return Err(LimitError::Twice(limit.name.clone()));
        }
    }
    Ok(())
}

/// The limits in force: the plan's, and the key's own in the place of the plan's of the same name.
pub fn in_force(plan: &[Limit], own: &[Limit]) -> Vec<Limit> {
    let replaced = |limit: &&Limit| !own.iter().any(|other| other.name == limit.name);
    let kept = plan.iter().filter(replaced);
    kept.chain(own).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Limit, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn a_limit_survives_storage() {
        for json in [
            r#"{"name":"minute","kind":"rate","unit":"requests","limit":100,"window_seconds":60}"#,
            r#"{"name":"day","kind":"quota","unit":"audio_seconds","limit":3600,"period":"day"}"#,
            r#"{"name":"parallel","kind":"concurrency","limit":4}"#,
        ] {
            let limit = read(json).unwrap();
            assert_eq!(serde_json::to_string(&limit).unwrap(), json);
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (json, says) in [
            (
                r#"{"name":"","kind":"rate","limit":1,"window_seconds":1}"#,
                "name",
            ),
            (
                r#"{"name":"Ä","kind":"rate","limit":1,"window_seconds":1}"#,
                "name",
            ),
            (
                r#"{"name":"a","kind":"rate","limit":0,"window_seconds":1}"#,
                "`limit`",
            ),
            (
                r#"{"name":"a","kind":"rate","limit":-1,"window_seconds":1}"#,
                "invalid value",
            ),
            (
                r#"{"name":"a","kind":"rate","limit":1000000001,"window_seconds":1}"#,
                "`limit`",
            ),
            (r#"{"name":"a","kind":"rate","limit":1}"#, "window_seconds"),
            (
                r#"{"name":"a","kind":"rate","limit":1,"window_seconds":0}"#,
                "window_seconds",
            ),
            (
                r#"{"name":"a","kind":"rate","limit":1,"window_seconds":315360000}"#,
                "window_seconds",
            ),
            (
                r#"{"name":"a","kind":"rate","limit":1,"window_seconds":1,"period":"day"}"#,
                "no `period`",
            ),
            (
                r#"{"name":"a","kind":"quota","limit":1,"window_seconds":1}"#,
                "`period`",
            ),
            (
                r#"{"name":"a","kind":"quota","limit":1,"period":"year"}"#,
                "unknown variant",
            ),
            (
                r#"{"name":"a","kind":"concurrency","limit":10001}"#,
                "concurrency",
            ),
            (
                r#"{"name":"a","kind":"concurrency","limit":1,"unit":"requests"}"#,
                "concurrency",
            ),
            (
                r#"{"name":"a","kind":"concurrency","limit":1,"period":"day"}"#,
                "concurrency",
            ),
            (
                r#"{"name":"a","kind":"rate","unit":"furlongs","limit":1,"window_seconds":1}"#,
                "unknown variant",
            ),
            (
                r#"{"name":"a","kind":"rate","limit":1,"window_seconds":1,"burst":1}"#,
                "unknown field",
            ),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(says), "{json}: {error}");
        }
    }

    #[test]
    fn names_are_unique_and_the_number_bounded() {
        let one = read(r#"{"name":"a","kind":"quota","limit":1,"period":"day"}"#).unwrap();
        assert_eq!(check_all(&vec![one.clone(); 17]), Err(LimitError::Number));
        assert_eq!(
            check_all(&[one.clone(), one.clone()]),
            Err(LimitError::Twice("a".into()))
        );
        assert_eq!(check_all(&[one]), Ok(()));
    }

    #[test]
    fn a_keys_own_limit_replaces_the_plans_of_the_same_name() {
        use crate::testing::{quota, rate};
        let plan = [rate("minute", 10, 60), quota("day", 100, Period::Day)];
        let own = [rate("minute", 99, 60), rate("second", 2, 1)];
        assert_eq!(
            in_force(&plan, &own),
            [plan[1].clone(), own[0].clone(), own[1].clone()]
        );
    }
}

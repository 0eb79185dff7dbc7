//! What a limit is: its name, what it counts, over which time. Bounds are checked when it is read.

use serde::{Deserialize, Serialize};

/// Most limits of one key.
pub const MAX_LIMITS: usize = 8;
/// Largest count of one limit.
pub const MAX_COUNT: u64 = 1_000_000_000;
/// Longest sliding window: 31 days, in seconds.
pub const MAX_WINDOW_SECONDS: u32 = 31 * 86_400;

/// A calendar period in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday (ISO 8601).
    Week,
    /// From the first of the month.
    Month,
}

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At most `limit` in any window of `window_seconds`, sliding.
    Rate {
        /// Most requests, 1 to [`MAX_COUNT`].
        limit: u64,
        /// Length of the window, 1 to [`MAX_WINDOW_SECONDS`].
        window_seconds: u32,
    },
    /// At most `limit` in each calendar period.
    Quota {
        /// Most requests, 1 to [`MAX_COUNT`].
        limit: u64,
        /// The period.
        period: Period,
    },
}

impl Rule {
    /// The most it admits.
    pub const fn limit(&self) -> u64 {
        match self {
            Self::Rate { limit, .. } | Self::Quota { limit, .. } => *limit,
        }
    }
}

/// One named limit of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Limit {
    /// 1 to 32 of `a-z 0-9 _ -`; unique in its key.
    pub name: String,
    /// How it counts.
    pub rule: Rule,
}

/// The form on the wire and in storage; see limits in docs/api.md.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: String,
    kind: Kind,
    #[serde(default)]
    unit: Unit,
    limit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<Period>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Rate,
    Quota,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    #[default]
    Requests,
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
    /// None, or more than [`MAX_LIMITS`].
    #[error("a key has 1 to {MAX_LIMITS} limits")]
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
        let rule = match (wire.kind, wire.window_seconds, wire.period) {
            (Kind::Rate, Some(window_seconds), None)
                if (1..=MAX_WINDOW_SECONDS).contains(&window_seconds) =>
            {
                Rule::Rate {
                    limit,
                    window_seconds,
                }
            }
            (Kind::Rate, _, _) => return Err(LimitError::Window(name)),
            (Kind::Quota, None, Some(period)) => Rule::Quota { limit, period },
            (Kind::Quota, _, _) => return Err(LimitError::Period(name)),
        };
        Ok(Self { name, rule })
    }
}

impl From<Limit> for Wire {
    fn from(limit: Limit) -> Self {
        let (kind, window_seconds, period) = match limit.rule {
            Rule::Rate { window_seconds, .. } => (Kind::Rate, Some(window_seconds), None),
            Rule::Quota { period, .. } => (Kind::Quota, None, Some(period)),
        };
        Self {
            name: limit.name,
            kind,
            unit: Unit::Requests,
            limit: limit.rule.limit(),
            window_seconds,
            period,
        }
    }
}

/// Checks what only all limits of a key together can tell.
pub fn check_all(limits: &[Limit]) -> Result<(), LimitError> {
    if limits.is_empty() || limits.len() > MAX_LIMITS {
        return Err(LimitError::Number);
    }
    for (at, limit) in limits.iter().enumerate() {
        if limits[..at].iter().any(|other| other.name == limit.name) {
            return Err(LimitError::Twice(limit.name.clone()));
        }
    }
    Ok(())
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
            r#"{"name":"day","kind":"quota","unit":"requests","limit":3600,"period":"day"}"#,
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
        assert_eq!(check_all(&[]), Err(LimitError::Number));
        assert_eq!(check_all(&vec![one.clone(); 9]), Err(LimitError::Number));
        assert_eq!(
            check_all(&[one.clone(), one.clone()]),
            Err(LimitError::Twice("a".into()))
        );
        assert_eq!(check_all(&[one]), Ok(()));
    }
}

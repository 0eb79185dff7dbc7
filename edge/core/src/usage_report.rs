//! Usage as it is shown: by hour or by day, with totals.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::EdgeError;
use crate::ports::UnixMs;
use crate::usage::Rollup;

const HOUR: u64 = 3_600;
/// Longest time that one report covers: a leap year, in seconds.
const MAX_SPAN: u64 = 366 * 86_400;

/// How usage is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// UTC hours.
    Hour,
    /// UTC days.
    Day,
}

/// Which time is reported, and how; unix seconds, whole hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first second.
    pub from: u64,
    /// The second after the last.
    pub to: u64,
    /// How it is grouped.
    pub by: By,
}

/// A report of usage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UsageReport {
    /// Unix seconds of the first hour.
    pub from: u64,
    /// Unix seconds after the last hour.
    pub to: u64,
    /// How it is grouped.
    pub by: By,
    /// Hours or days in which something was used, oldest first.
    pub data: Vec<Part>,
    /// All of them together.
    pub total: Sum,
}

/// One hour or day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Part {
    /// Its first second, unix time.
    pub start: u64,
    /// What was used.
    #[serde(flatten)]
    pub sum: Sum,
}

/// What was used in some time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Sum {
    /// Requests, refused ones included.
    pub requests: u64,
    /// Requests by how they ended.
    pub outcomes: BTreeMap<String, u64>,
    /// Seconds of audio.
    pub audio_seconds: f64,
    /// Bytes of uploads.
    pub bytes: u64,
    /// Latencies of requests with audio; `null` where there was none.
    pub latency_ms: Option<Percentiles>,
}

/// Milliseconds that so many of a hundred requests stayed within, at most 41 % too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Percentiles {
    /// Half of them.
    pub p50: u64,
    /// Nine of ten.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
}

impl Span {
    /// Reads `from`, `to` (unix seconds) and `by`. What is left out: the last 24 hours, by hour.
    pub fn read(
        from: Option<&str>,
        to: Option<&str>,
        by: Option<&str>,
        now: UnixMs,
    ) -> Result<Self, EdgeError> {
        let by = match by {
            None | Some("hour") => By::Hour,
            Some("day") => By::Day,
            Some(_) => return Err(wrong("by", "`by` must be `hour` or `day`.")),
        };
        let seconds = |text: Option<&str>, param| match text {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(seconds) if seconds < u64::from(u32::MAX) * 2 => Ok(Some(seconds)),
                _ => Err(wrong(param, "Times are unix seconds.")),
            },
        };
        let to = seconds(to, "to")?.unwrap_or_else(|| now.seconds() + 1);
        let from = seconds(from, "from")?.unwrap_or_else(|| to.saturating_sub(24 * HOUR));
        if to <= from || to - from > MAX_SPAN {
            return Err(wrong(
                "to",
                "`to` must be after `from`, by at most 366 days.",
            ));
        }
        Ok(Self {
            from: from / HOUR * HOUR,
            to: to.div_ceil(HOUR) * HOUR,
            by,
        })
    }

    /// First hour since the epoch, and the hour after the last.
    pub const fn hours(&self) -> (u64, u64) {
        (self.from / HOUR, self.to / HOUR)
    }
}

fn wrong(param: &'static str, message: &str) -> EdgeError {
    EdgeError::InvalidValue {
        param,
        message: message.to_owned(),
    }
}

impl UsageReport {
    /// A report of `stored`, which the database has, and of `live`, which one key's object has. Of the
    /// same hour in both the newer version counts.
    pub fn new(span: Span, stored: Vec<Rollup>, live: Vec<Rollup>) -> Self {
        let (first, after) = span.hours();
        let mut hours: BTreeMap<u64, Rollup> = BTreeMap::new();
        for rollup in stored.into_iter().chain(live) {
            let inside = (first..after).contains(&rollup.hour);
            let newer = |known: &Rollup| rollup.version > known.version;
            if inside && hours.get(&rollup.hour).is_none_or(newer) {
                hours.insert(rollup.hour, rollup);
            }
        }
        let mut parts: BTreeMap<u64, Rollup> = BTreeMap::new();
        let mut total = Rollup::default();
        for (hour, rollup) in &hours {
            let start = match span.by {
                By::Hour => hour * HOUR,
                By::Day => hour * HOUR / (24 * HOUR) * (24 * HOUR),
            };
            parts.entry(start).or_default().add(rollup);
            total.add(rollup);
        }
        let part = |(start, rollup): (u64, Rollup)| Part {
            start,
            sum: Sum::of(rollup),
        };
        Self {
            from: span.from,
            to: span.to,
            by: span.by,
            data: parts.into_iter().map(part).collect(),
            total: Sum::of(total),
        }
    }
}

impl Sum {
    fn of(rollup: Rollup) -> Self {
        let percentiles = |rollup: &Rollup| {
            Some(Percentiles {
                p50: rollup.percentile(50)?,
                p90: rollup.percentile(90)?,
                p99: rollup.percentile(99)?,
            })
        };
        Self {
            requests: rollup.outcomes.values().sum(),
            latency_ms: percentiles(&rollup),
            #[allow(clippy::cast_precision_loss)] // Exact for 285,000 years of audio.
            audio_seconds: rollup.audio_ms as f64 / 1000.0,
            bytes: rollup.bytes,
            outcomes: rollup.outcomes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_790_000_000_000);

    fn rollup(hour: u64, version: u64, served: u64) -> Rollup {
        Rollup {
            hour,
            version,
            outcomes: BTreeMap::from([("served".to_owned(), served)]),
            audio_ms: 1_500 * served,
            bytes: served,
            latency: vec![served],
        }
    }

    #[test]
    fn the_newer_version_of_an_hour_counts_once() {
        let hour = NOW.seconds() / 3_600;
        let span = Span::read(None, None, None, NOW).unwrap();
        let stored = vec![rollup(hour - 1, 9, 9), rollup(hour, 3, 3)];
        let live = vec![rollup(hour, 5, 5), rollup(hour - 100, 1, 1)];
        let report = UsageReport::new(span, stored, live);
        assert_eq!(report.total.requests, 14);
        assert_eq!(report.data.len(), 2);
        assert_eq!(report.data[1].sum.audio_seconds.to_string(), "7.5");
    }

    #[test]
    fn days_are_sums_of_their_hours() {
        let day = NOW.seconds() / 86_400 * 24;
        let (from, to) = ((day * 3_600).to_string(), ((day + 48) * 3_600).to_string());
        let span = Span::read(Some(&from), Some(&to), Some("day"), NOW).unwrap();
        let stored = vec![
            rollup(day, 1, 1),
            rollup(day + 23, 1, 2),
            rollup(day + 24, 1, 4),
        ];
        let report = UsageReport::new(span, stored, Vec::new());
        let served: Vec<u64> = report.data.iter().map(|part| part.sum.requests).collect();
        assert_eq!(served, [3, 4]);
        assert_eq!(report.total.latency_ms.unwrap().p99, 1);
    }

    #[test]
    fn a_span_that_is_none_is_refused() {
        for (from, to, by) in [
            (Some("x"), None, None),
            (Some("-1"), None, None),
            (Some("10"), Some("10"), None),
            (Some("7200"), Some("3600"), None),
            (Some("0"), Some("40000000"), None),
            (None, Some("99999999999999999999"), None),
            (None, None, Some("minute")),
        ] {
            assert!(
                Span::read(from, to, by, NOW).is_err(),
                "{from:?} {to:?} {by:?}"
            );
        }
    }
}

//! What a key used in one hour: outcomes, audio, bytes, a histogram of latencies.
//!
//! The key's object counts the present hour and keeps the hours before until they are in the database.
//! A rollup carries a version that only grows, so that the same hour can be sent again and again.

use serde::{Deserialize, Serialize};

use crate::ports::UnixMs;
use crate::stored::{Reader, put};

/// Milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;
/// Buckets of the histogram: the last one begins above 2^19.5 ms (12 minutes).
pub const BUCKETS: usize = 40;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Answered as asked.
    Served,
    /// The caller's own fault: 4xx from the host.
    ClientError,
    /// The caller left before the end of the answer.
    ClientGone,
    /// The host failed, or there was none.
    UpstreamFailed,
    /// A sliding rate refused it.
    RateLimited,
    /// A calendar quota refused it.
    QuotaUsedUp,
    /// Too many at the same time.
    ConcurrencyLimited,
    /// No credits left.
    CreditsUsedUp,
    /// Its end was never heard of.
    Lost,
}

impl Outcome {
    /// All of them, in the order of storage: new ones come last.
    pub const ALL: [Self; 9] = [
        Self::Served,
        Self::ClientError,
        Self::ClientGone,
        Self::UpstreamFailed,
        Self::RateLimited,
        Self::QuotaUsedUp,
        Self::ConcurrencyLimited,
        Self::CreditsUsedUp,
        Self::Lost,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::ClientError => "client_error",
            Self::ClientGone => "client_gone",
            Self::UpstreamFailed => "upstream_failed",
            Self::RateLimited => "rate_limited",
            Self::QuotaUsedUp => "quota_used_up",
            Self::ConcurrencyLimited => "concurrency_limited",
            Self::CreditsUsedUp => "credits_used_up",
            Self::Lost => "lost",
        }
    }

    /// Whether what it was charged is given back: nothing was served, and not by the caller's doing.
    pub const fn is_refunded(self) -> bool {
        matches!(self, Self::UpstreamFailed)
    }

    /// The outcome of an answer with this HTTP status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            // 101: a session, which ended as it should.
            101 | 200..=299 => Self::Served,
            499 => Self::ClientGone,
            400..=428 | 430..=498 => Self::ClientError,
            _ => Self::UpstreamFailed,
        }
    }
}

/// One hour of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourUsage {
    /// Hours since the epoch.
    pub hour: u64,
    /// Grows with everything that is counted.
    pub version: u64,
    outcomes: [u64; Outcome::ALL.len()],
    /// Milliseconds of audio.
    pub audio_ms: u64,
    /// Bytes of uploads.
    pub bytes: u64,
    latency: [u64; BUCKETS],
}

/// What is known of a request at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// Milliseconds of audio, as the host measured them.
    pub audio_ms: u64,
    /// Bytes of its upload.
    pub bytes: u64,
    /// Milliseconds from its arrival to the end of its answer.
    pub latency_ms: u64,
}

impl HourUsage {
    /// Nothing yet in the hour of `now`.
    pub const fn starting(now: UnixMs) -> Self {
        Self {
            hour: now.0 / HOUR_MS,
            version: 0,
            outcomes: [0; Outcome::ALL.len()],
            audio_ms: 0,
            bytes: 0,
            latency: [0; BUCKETS],
        }
    }

    /// Counts `times` requests that ended so without having been measured.
    pub fn count(&mut self, outcome: Outcome, times: u64) {
        if times > 0 {
            self.version += 1;
            self.outcomes[outcome as usize] += times;
        }
    }

    /// Takes back one request that was counted.
    pub const fn uncount(&mut self, outcome: Outcome) {
        self.version += 1;
        let count = &mut self.outcomes[outcome as usize];
        *count = count.saturating_sub(1);
    }

    /// Counts a request that was measured.
    pub fn measure(&mut self, outcome: Outcome, measured: Measured) {
        self.count(outcome, 1);
        self.audio_ms = self.audio_ms.saturating_add(measured.audio_ms);
        self.bytes = self.bytes.saturating_add(measured.bytes);
        self.latency[bucket(measured.latency_ms)] += 1;
    }

    /// Whether nothing was counted.
    pub const fn is_empty(&self) -> bool {
        self.version == 0
    }

    /// Its storage form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.hour, self.version, self.audio_ms, self.bytes] {
            put(out, number);
        }
        for count in self.outcomes {
            put(out, count);
        }
        put(out, self.latency.iter().filter(|c| **c > 0).count() as u64);
        for (bucket, count) in self.latency.iter().enumerate().filter(|(_, c)| **c > 0) {
            put(out, bucket as u64);
            put(out, *count);
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(stored: &mut Reader<'_>) -> Option<Self> {
        let mut usage = Self {
            hour: stored.number()?,
            version: stored.number()?,
            audio_ms: stored.number()?,
            bytes: stored.number()?,
            ..Self::starting(UnixMs(0))
        };
        for count in &mut usage.outcomes {
            *count = stored.number()?;
        }
        for _ in 0..stored.number()? {
            let bucket = usize::try_from(stored.number()?).ok()?;
            *usage.latency.get_mut(bucket)? = stored.number()?;
        }
        Some(usage)
    }

    /// The rollup as the database gets it.
    pub fn rollup(&self) -> Rollup {
        let named = |outcome: &Outcome| {
            let count = self.outcomes[*outcome as usize];
            (count > 0).then(|| (outcome.as_str().to_owned(), count))
        };
        let last = self.latency.iter().rposition(|count| *count > 0);
        Rollup {
            hour: self.hour,
            version: self.version,
            outcomes: Outcome::ALL.iter().filter_map(named).collect(),
            audio_ms: self.audio_ms,
            bytes: self.bytes,
            latency: self.latency[..last.map_or(0, |at| at + 1)].to_vec(),
        }
    }
}

/// One hour of one key on its way to the database and back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    /// Hours since the epoch.
    pub hour: u64,
    /// Of two rollups of an hour the one with the larger version is newer.
    pub version: u64,
    /// Requests by the name of their outcome.
    pub outcomes: std::collections::BTreeMap<String, u64>,
    /// Milliseconds of audio.
    pub audio_ms: u64,
    /// Bytes of uploads.
    pub bytes: u64,
    /// Requests by [`bucket`] of latency.
    pub latency: Vec<u64>,
}

impl Rollup {
    /// Adds another one, of whichever hour.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.outcomes {
            *self.outcomes.entry(name.clone()).or_default() += count;
        }
        self.audio_ms = self.audio_ms.saturating_add(other.audio_ms);
        self.bytes = self.bytes.saturating_add(other.bytes);
        if self.latency.len() < other.latency.len() {
            self.latency.resize(other.latency.len(), 0);
        }
        for (mine, theirs) in self.latency.iter_mut().zip(&other.latency) {
            *mine += theirs;
        }
    }

    /// The latency that `percent` of the measured requests stayed within: the upper end of its bucket, in
    /// milliseconds, so at most 41 % too high. `None` where none was measured.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let total: u64 = self.latency.iter().sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in self.latency.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(upper_end(bucket));
            }
        }
        None
    }
}

/// The bucket of a latency: two for each doubling; bucket `n` ends at 2^(n/2) ms.
pub fn bucket(ms: u64) -> usize {
    if ms <= 1 {
        return 0;
    }
    let squared = ms.min(1 << 31).pow(2);
    ((squared - 1).ilog2() as usize + 1).min(BUCKETS - 1)
}

fn upper_end(bucket: usize) -> u64 {
    // The integer root of 2^bucket, rounded down: what `bucket` sorts by.
    (1_u64 << bucket.min(62)).isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_lies_within_its_bucket() {
        for ms in 0..200_000 {
            let bucket = bucket(ms);
            assert!(ms <= upper_end(bucket).max(1), "{ms}");
            assert!(bucket == 0 || ms > upper_end(bucket - 1), "{ms}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn an_hour_survives_storage() {
        let mut usage = HourUsage::starting(UnixMs(1_790_000_000_000));
        usage.count(Outcome::RateLimited, 7);
        usage.measure(
            Outcome::Served,
            Measured {
                audio_ms: 11_000,
                bytes: 350_000,
                latency_ms: 420,
            },
        );
        let mut bytes = Vec::new();
        usage.encode(&mut bytes);
        let mut stored = Reader::new(&bytes);
        assert_eq!(HourUsage::decode(&mut stored), Some(usage.clone()));
        assert!(stored.is_empty());
        for cut in 0..bytes.len() {
            assert_eq!(HourUsage::decode(&mut Reader::new(&bytes[..cut])), None);
        }
        let rollup = usage.rollup();
        assert_eq!(rollup.outcomes["served"], 1);
        assert_eq!(rollup.outcomes["rate_limited"], 7);
        assert_eq!(rollup.percentile(50), Some(512));
    }

    #[test]
    fn percentiles_are_those_of_the_sum() {
        let mut sum = Rollup::default();
        assert_eq!(sum.percentile(50), None);
        for ms in [10, 20, 3_000] {
            let mut usage = HourUsage::starting(UnixMs(0));
            let measured = Measured {
                latency_ms: ms,
                ..Measured::default()
            };
            usage.measure(Outcome::Served, measured);
            sum.add(&usage.rollup());
        }
        assert_eq!(sum.percentile(50), Some(22));
        assert_eq!(sum.percentile(99), Some(4_096));
        assert_eq!(sum.outcomes["served"], 3);
    }

    #[test]
    fn only_what_the_host_failed_at_is_refunded() {
        for (status, outcome) in [
            (101, Outcome::Served),
            (200, Outcome::Served),
            (400, Outcome::ClientError),
            (429, Outcome::UpstreamFailed),
            (499, Outcome::ClientGone),
            (502, Outcome::UpstreamFailed),
            (503, Outcome::UpstreamFailed),
        ] {
            assert_eq!(Outcome::of_status(status), outcome);
            assert_eq!(outcome.is_refunded(), status > 499 || status == 429);
        }
    }
}

//! What the limiter object answers to one request, and the headers made of it.
//!
//! The answer is one packed line: code, milliseconds to wait, name of the refusing limit, then the
//! finished header values. It crosses from the object to the Worker as one string, and the shell puts
//! the values on the response without reading them again: crossings into wasm are what a request
//! costs.

use crate::limit::{Period, Rule};
use crate::limiter::{Decision, LimiterState, Standing};
use crate::ports::UnixMs;

/// Separates the fields of a packed answer; no header value can hold it (RFC 9110, 5.5).
pub const SEPARATOR: char = '\n';

/// Response headers whose values a packed answer holds from its fourth field on, in this order.
///
/// The first three are OpenAI's; the last two those of draft-ietf-httpapi-ratelimit-headers-10.
pub const HEADER_NAMES: [&str; 5] = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "ratelimit-policy",
    "ratelimit",
];

/// First field of a packed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Charged; go on.
    Admitted,
    /// A sliding rate refuses.
    RateLimited,
    /// A calendar quota refuses.
    QuotaUsedUp,
    /// The key was revoked, whatever KV still says.
    Revoked,
    /// The object has no limits: the key's record must be given to it first.
    Unconfigured,
}

impl Code {
    /// The letter on the wire.
    pub const fn letter(self) -> char {
        match self {
            Self::Admitted => 'A',
            Self::RateLimited => 'L',
            Self::QuotaUsedUp => 'Q',
            Self::Revoked => 'R',
            Self::Unconfigured => 'U',
        }
    }

    /// Reads a letter.
    pub const fn from_letter(letter: char) -> Option<Self> {
        match letter {
            'A' => Some(Self::Admitted),
            'L' => Some(Self::RateLimited),
            'Q' => Some(Self::QuotaUsedUp),
            'R' => Some(Self::Revoked),
            'U' => Some(Self::Unconfigured),
            _ => None,
        }
    }
}

/// The answer to a request that no limit was asked about.
pub fn pack_bare(code: Code) -> String {
    code.letter().to_string()
}

/// The answer of `state` after `decision` at `now`.
pub fn pack(state: &LimiterState, decision: Decision, now: UnixMs) -> String {
    let (code, wait_ms, name) = match decision {
        Decision::Admitted => (Code::Admitted, 0, ""),
        Decision::Refused { index, until } => {
            let limit = state.limits().get(index);
            let code = match limit.map(|l| l.rule) {
                Some(Rule::Quota { .. }) => Code::QuotaUsedUp,
                _ => Code::RateLimited,
            };
            (
                code,
                until.since(now),
                limit.map_or("", |l| l.name.as_str()),
            )
        }
    };
    let mut standings: Vec<(usize, Standing)> = state.standings(now).enumerate().collect();
    standings.sort_by_key(|(_, standing)| standing.remaining);

    let mut out = String::with_capacity(192);
    out.push(code.letter());
    out.push(SEPARATOR);
    push_number(&mut out, wait_ms);
    out.push(SEPARATOR);
    out.push_str(name);
    if let Some((_, tightest)) = standings.first() {
        out.push(SEPARATOR);
        push_number(&mut out, tightest.limit);
        out.push(SEPARATOR);
        push_number(&mut out, tightest.remaining);
        out.push(SEPARATOR);
        push_duration(&mut out, tightest.resets_at.since(now));
    }
    for (place, (index, standing)) in standings.iter().enumerate() {
        let Some(limit) = state.limits().get(*index) else {
            continue;
        };
        out.push_str(if place == 0 { "\n\"" } else { ", \"" });
        out.push_str(&limit.name);
        out.push_str("\";q=");
        push_number(&mut out, standing.limit);
        out.push_str(";w=");
        push_number(&mut out, window_seconds(&limit.rule));
    }
    for (place, (index, standing)) in standings.iter().enumerate() {
        let Some(limit) = state.limits().get(*index) else {
            continue;
        };
        out.push_str(if place == 0 { "\n\"" } else { ", \"" });
        out.push_str(&limit.name);
        out.push_str("\";r=");
        push_number(&mut out, standing.remaining);
        out.push_str(";t=");
        push_number(&mut out, standing.resets_at.since(now).div_ceil(1000));
    }
    out
}

/// What the Worker keeps of a refusal, so that a flood over the limit costs no further calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind of limit refused.
    pub code: Code,
    /// When the same request would be admitted, by the clock of the isolate that keeps this.
    pub until: UnixMs,
    /// The limit's name.
    pub limit: String,
    /// Its count, as text.
    count: String,
    /// The policy header, as the object sent it.
    policy: String,
}

/// A packed answer as the Worker reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Admitted,
    /// Refused until then.
    Refused(Refusal),
    /// The key was revoked.
    Revoked,
    /// The object has no limits.
    Unconfigured,
}

impl Answer {
    /// Reads a packed answer; `None` if it is not one.
    pub fn read(packed: &str, now: UnixMs) -> Option<Self> {
        let code = Code::from_letter(packed.chars().next()?)?;
        Some(match code {
            Code::Admitted => Self::Admitted,
            Code::Revoked => Self::Revoked,
            Code::Unconfigured => Self::Unconfigured,
            Code::RateLimited | Code::QuotaUsedUp => {
                let mut fields = packed.split(SEPARATOR).skip(1);
                let wait_ms = fields.next()?.parse().ok()?;
                let limit = fields.next()?.to_owned();
                let count = fields.next()?.to_owned();
                let policy = fields.nth(2)?.to_owned();
                Self::Refused(Refusal {
                    code,
                    until: now.plus_ms(wait_ms),
                    limit,
                    count,
                    policy,
                })
            }
        })
    }
}

impl Refusal {
    /// Whole seconds from `now` until the request would be admitted, at least 1, never too early.
    pub const fn retry_after(&self, now: UnixMs) -> u64 {
        let seconds = self.until.since(now).div_ceil(1000);
        if seconds == 0 { 1 } else { seconds }
    }

    /// The packed form of this refusal as it stands at `now`, for the headers of a refusal that was
    /// remembered.
    pub fn pack(&self, now: UnixMs) -> String {
        let wait_ms = self.until.since(now);
        let mut out = String::with_capacity(160);
        out.push(self.code.letter());
        out.push(SEPARATOR);
        push_number(&mut out, wait_ms);
        for field in [self.limit.as_str(), self.count.as_str(), "0"] {
            out.push(SEPARATOR);
            out.push_str(field);
        }
        out.push(SEPARATOR);
        push_duration(&mut out, wait_ms);
        out.push(SEPARATOR);
        out.push_str(&self.policy);
        out.push_str("\n\"");
        out.push_str(&self.limit);
        out.push_str("\";r=0;t=");
        push_number(&mut out, wait_ms.div_ceil(1000));
        out
    }
}

fn window_seconds(rule: &Rule) -> u64 {
    match rule {
        Rule::Rate { window_seconds, .. } => u64::from(*window_seconds),
        Rule::Quota {
            period: Period::Day,
            ..
        } => 86_400,
        Rule::Quota {
            period: Period::Week,
            ..
        } => 7 * 86_400,
        // A policy is a promise for any month: the longest.
        Rule::Quota {
            period: Period::Month,
            ..
        } => 31 * 86_400,
    }
}

fn push_number(out: &mut String, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        #[allow(clippy::cast_possible_truncation)] // A digit.
        {
            digits[at] = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits[at..].iter().map(|&d| char::from(d)));
}

/// A duration as OpenAI writes it: `0s`, `12s`, `1m12s`, `2h0m5s`; rounded up to whole seconds.
fn push_duration(out: &mut String, ms: u64) {
    let seconds = ms.div_ceil(1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        push_number(out, hours);
        out.push('h');
    }
    if hours > 0 || minutes > 0 {
        push_number(out, minutes);
        out.push('m');
    }
    push_number(out, seconds % 60);
    out.push('s');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{quota, rate};

    // A multiple of both slice lengths used below, so that the times are round.
    const NOW: UnixMs = UnixMs(1_790_000_040_000);

    fn state() -> LimiterState {
        LimiterState::new(vec![quota("day", 1000, Period::Day), rate("minute", 2, 60)])
    }

    #[test]
    fn an_admission_carries_the_headers_of_all_three_kinds() {
        let mut state = state();
        let decision = state.admit(NOW, 1);
        assert_eq!(
            pack(&state, decision, NOW),
            "A\n0\n\n2\n1\n1m1s\n\"minute\";q=2;w=60, \"day\";q=1000;w=86400\n\
             \"minute\";r=1;t=61, \"day\";r=999;t=35160"
        );
    }

    #[test]
    fn a_refusal_is_read_and_remembered_as_it_was_packed() {
        let mut state = state();
        state.admit(NOW, 2);
        let decision = state.admit(NOW, 1);
        let packed = pack(&state, decision, NOW);
        let Some(Answer::Refused(refusal)) = Answer::read(&packed, NOW) else {
            panic!("{packed}");
        };
        assert_eq!(refusal.limit, "minute");
        assert_eq!(refusal.until, NOW.plus_ms(61_000));
        let remembered = refusal.pack(NOW.plus_ms(60_500));
        assert_eq!(
            remembered,
            "L\n500\nminute\n2\n0\n1s\n\"minute\";q=2;w=60, \"day\";q=1000;w=86400\n\"minute\";r=0;t=1"
        );
        assert_eq!(
            Answer::read(&remembered, NOW.plus_ms(60_500)),
            Some(Answer::Refused(refusal))
        );
    }

    #[test]
    fn retry_after_is_never_earlier_than_the_reset() {
        let refusal = |until| Refusal {
            code: Code::RateLimited,
            until: UnixMs(until),
            limit: "l".into(),
            count: "1".into(),
            policy: String::new(),
        };
        for (until, now, expected) in [(1, 0, 1), (1000, 0, 1), (1001, 0, 2), (5, 5, 1), (0, 9, 1)]
        {
            assert_eq!(refusal(until).retry_after(UnixMs(now)), expected);
        }
    }

    #[test]
    fn garbage_is_no_answer() {
        for packed in ["", "X", "L", "L\nx\nl\n1\n0\n1s\np\nr", "L\n1\nl"] {
            assert_eq!(Answer::read(packed, NOW), None, "{packed}");
        }
    }

    #[test]
    fn durations_read_as_openai_writes_them() {
        for (ms, text) in [
            (0, "0s"),
            (1, "1s"),
            (72_000, "1m12s"),
            (7_205_000, "2h0m5s"),
        ] {
            let mut out = String::new();
            push_duration(&mut out, ms);
            assert_eq!(out, text);
        }
    }
}

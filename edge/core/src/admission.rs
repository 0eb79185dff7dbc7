//! What the limiter object answers to one request, and the headers made of it.
//!
//! The answer is one packed line: code, milliseconds to wait, name of the refusing limit, then the
//! finished header values. It crosses from the object to the Worker as one string, and the shell puts
//! the values on the response without reading them again: crossings into wasm are what a request
//! costs.

use crate::limit::{Period, Rule, Unit};
use crate::limiter::{By, Decision, LimiterState, Permits, Standing};
use crate::ports::UnixMs;

/// Separates the fields of a packed answer; no header value can hold it (RFC 9110, 5.5).
pub const SEPARATOR: char = '\n';

/// Response headers whose values a packed answer holds from its fifth field on, in this order. An empty
/// value is a header that is not sent.
///
/// The first six are OpenAI's and, likewise, those for audio; the last two those of
/// draft-ietf-httpapi-ratelimit-headers-10.
pub const HEADER_NAMES: [&str; 8] = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-audio-seconds",
    "x-ratelimit-remaining-audio-seconds",
    "x-ratelimit-reset-audio-seconds",
    "ratelimit-policy",
    "ratelimit",
];

/// The longest wait that is told: of what never comes back by itself, too.
const LONGEST_WAIT_MS: u64 = crate::limit::MAX_WINDOW_SECONDS as u64 * 1000;

/// First field of a packed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Charged; go on.
    Admitted,
    /// A sliding rate refuses.
    RateLimited,
    /// A calendar quota refuses.
    QuotaUsedUp,
    /// No credits are left.
    CreditsUsedUp,
    /// Too many at the same time.
    ConcurrencyLimited,
    /// The key was revoked, or this secret of it was replaced, whatever KV still says.
    Revoked,
    /// The key was switched off.
    Disabled,
    /// The key's time is over.
    Expired,
    /// The object has no limits: the key's record must be given to it first.
    Unconfigured,
}

impl Code {
    const ALL: [Self; 9] = [
        Self::Admitted,
        Self::RateLimited,
        Self::QuotaUsedUp,
        Self::CreditsUsedUp,
        Self::ConcurrencyLimited,
        Self::Revoked,
        Self::Disabled,
        Self::Expired,
        Self::Unconfigured,
    ];

    /// The letter on the wire.
    pub const fn letter(self) -> char {
        match self {
            Self::Admitted => 'A',
            Self::RateLimited => 'L',
            Self::QuotaUsedUp => 'Q',
            Self::CreditsUsedUp => 'B',
            Self::ConcurrencyLimited => 'C',
            Self::Revoked => 'R',
            Self::Disabled => 'D',
            Self::Expired => 'E',
            Self::Unconfigured => 'U',
        }
    }

    /// Reads a letter.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.letter() == letter)
    }

    /// Of a refusal by a limit: what it counts as.
    pub const fn outcome(self) -> Option<crate::usage::Outcome> {
        use crate::usage::Outcome;
        match self {
            Self::RateLimited => Some(Outcome::RateLimited),
            Self::QuotaUsedUp => Some(Outcome::QuotaUsedUp),
            Self::CreditsUsedUp => Some(Outcome::CreditsUsedUp),
            Self::ConcurrencyLimited => Some(Outcome::ConcurrencyLimited),
            _ => None,
        }
    }
}

/// The answer to a request that no limit was asked about.
pub fn pack_bare(code: Code) -> String {
    code.letter().to_string()
}

/// The letter of an admission, in the field of a refusal's unit, whose end may be told a little later:
/// see [`LimiterState::ends_may_wait`].
const END_MAY_WAIT: &str = "w";

/// The answer of `state` after `decision` at `now`. `shared`: others are to agree, and to hear of the end.
pub fn pack(state: &LimiterState, decision: Decision, now: UnixMs, shared: bool) -> String {
    let rule = |by: By| match by {
        By::Limit(index) => state.limits().get(index).map(|limit| limit.rule),
        By::Credits => None,
    };
    let (code, wait_ms, name, unit) = match decision {
        Decision::Admitted if !shared && state.ends_may_wait() => {
            (Code::Admitted, 0, "", END_MAY_WAIT)
        }
        Decision::Admitted => (Code::Admitted, 0, "", ""),
        Decision::Refused { by, until } => {
            let code = match (by, rule(by)) {
                (By::Credits, _) => Code::CreditsUsedUp,
                (_, Some(Rule::Rate { .. })) => Code::RateLimited,
                (_, Some(Rule::Quota { .. })) => Code::QuotaUsedUp,
                (_, Some(Rule::Concurrency { .. }) | None) => Code::ConcurrencyLimited,
            };
            let unit = rule(by).and_then(|rule| rule.unit());
            (code, wait(until, now), state.name(by), unit_letter(unit))
        }
    };
    // What counts over time; how many run at once is no quota (draft, 2.1).
    let mut standings: Vec<(Standing, Option<Rule>)> = state
        .standings(now)
        .map(|standing| (standing, rule(standing.by)))
        .filter(|(_, rule)| !matches!(rule, Some(Rule::Concurrency { .. })))
        .collect();
    standings.sort_by_key(|(standing, _)| standing.remaining);

    let mut out = String::with_capacity(224);
    out.push(code.letter());
    out.push(SEPARATOR);
    push_number(&mut out, wait_ms);
    out.push(SEPARATOR);
    out.push_str(name);
    out.push(SEPARATOR);
    out.push_str(unit);
    for unit in [Unit::Requests, Unit::AudioSeconds] {
        let of_unit = |(_, rule): &&(Standing, Option<Rule>)| {
            rule.is_some_and(|rule| rule.unit() == Some(unit))
        };
        if let Some((tightest, _)) = standings.iter().find(of_unit) {
            out.push(SEPARATOR);
            push_number(&mut out, tightest.limit);
            out.push(SEPARATOR);
            push_number(&mut out, tightest.remaining);
            out.push(SEPARATOR);
            push_duration(&mut out, tightest.resets_at.since(now));
        } else {
            out.push_str("\n\n\n");
        }
    }
    out.push(SEPARATOR);
    for (place, (standing, rule)) in standings.iter().enumerate() {
        push_name(&mut out, place, state.name(standing.by));
        out.push_str(";q=");
        push_number(&mut out, standing.limit);
        if let Some(rule) = rule {
            out.push_str(";w=");
            push_number(&mut out, window_seconds(rule));
        }
    }
    out.push(SEPARATOR);
    for (place, (standing, _)) in standings.iter().enumerate() {
        push_name(&mut out, place, state.name(standing.by));
        out.push_str(";r=");
        push_number(&mut out, standing.remaining);
        out.push_str(";t=");
        push_number(&mut out, standing.resets_at.since(now).div_ceil(1000));
    }
    out
}

fn push_name(out: &mut String, place: usize, name: &str) {
    out.push_str(if place == 0 { "\"" } else { ", \"" });
    out.push_str(name);
    out.push('"');
}

fn wait(until: UnixMs, now: UnixMs) -> u64 {
    until.since(now).min(LONGEST_WAIT_MS)
}

const fn unit_letter(unit: Option<Unit>) -> &'static str {
    match unit {
        Some(Unit::Requests) => "r",
        Some(Unit::AudioSeconds) => "a",
        None => "",
    }
}

/// Puts permits taken ahead into the answer of an admission: their time where a refusal has its wait, their
/// number and when they were charged where it has its name.
pub fn with_permits(packed: &str, permits: Permits) -> String {
    match packed.split_once("\n0\n\n") {
        Some((code, rest)) if permits.count > 0 => {
            let Permits { count, last_ms, at } = permits;
            format!("{code}\n{last_ms}\n{count}@{}\n{rest}", at.0)
        }
        _ => packed.to_owned(),
    }
}

/// Reads the permits of an admission's answer.
pub fn permits(packed: &str) -> Permits {
    let read = || {
        let mut fields = packed.split(SEPARATOR).skip(1);
        let last_ms = fields.next()?.parse().ok()?;
        let (count, at) = fields.next()?.split_once('@')?;
        Some(Permits {
            count: count.parse().ok()?,
            last_ms,
            at: UnixMs(at.parse().ok()?),
        })
    };
    read().unwrap_or_default()
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
    /// The unit it counts, as a letter.
    unit: String,
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
    /// One of the codes that no limit gave.
    Bare(Code),
}

impl Answer {
    /// Reads a packed answer; `None` if it is not one.
    pub fn read(packed: &str, now: UnixMs) -> Option<Self> {
        let code = Code::from_letter(packed.chars().next()?)?;
        if code == Code::Admitted {
            return Some(Self::Admitted);
        }
        if code.outcome().is_none() {
            return Some(Self::Bare(code));
        }
        let fields: Vec<&str> = packed.split(SEPARATOR).skip(1).collect();
        let &[wait_ms, limit, unit, requests, _, _, audio, _, _, policy, _] = fields.as_slice()
        else {
            return None;
        };
        let count = if unit == "a" { audio } else { requests };
        Some(Self::Refused(Refusal {
            code,
            until: now.plus_ms(wait_ms.parse().ok()?),
            limit: limit.to_owned(),
            unit: unit.to_owned(),
            count: count.to_owned(),
            policy: policy.to_owned(),
        }))
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
        for field in [self.limit.as_str(), self.unit.as_str()] {
            out.push(SEPARATOR);
            out.push_str(field);
        }
        for unit in ["r", "a"] {
            if self.unit == unit {
                out.push(SEPARATOR);
                out.push_str(&self.count);
                out.push_str("\n0\n");
                push_duration(&mut out, wait_ms);
            } else {
                out.push_str("\n\n\n");
            }
        }
        out.push(SEPARATOR);
        out.push_str(&self.policy);
        out.push(SEPARATOR);
        push_name(&mut out, 0, &self.limit);
        out.push_str(";r=0;t=");
        push_number(&mut out, wait_ms.div_ceil(1000));
        out
    }
}

fn window_seconds(rule: &Rule) -> u64 {
    let period = match rule {
        Rule::Rate { window_seconds, .. } => return u64::from(*window_seconds),
        Rule::Quota { period, .. } => period,
        Rule::Concurrency { .. } => return 0,
    };
    match period {
        Period::Day => 86_400,
        Period::Week => 7 * 86_400,
        // A policy is a promise for any month: the longest.
        Period::Month => 31 * 86_400,
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
mod tests;

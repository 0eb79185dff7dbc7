//! One inference host as one isolate sees it: its last news, its failures, and what was sent to it since.

use inference_api::load::Load;

use crate::ports::UnixMs;

/// How long news of a host are good, and how long it may be silent before it is asked whether it is there, in
/// milliseconds. Shorter than the time for which a host that is being replaced goes on serving
/// (`INFERENCE_DRAIN_DELAY`, 10 s): so nobody sends to one that has ended without having asked it.
pub const FRESH_MS: u64 = 8_000;
/// How long a host that failed is left out the first time, in milliseconds; each time in a row twice as long.
const EJECTED_MS: u64 = 5_000;
/// The longest that it is left out, in milliseconds. After as long without another ejection the count starts anew.
const MOST_EJECTED_MS: u64 = 60_000;
/// Failures in a row for which a host is left out that can be reached. One alone may be its request's fault.
const FAULTS: u32 = 3;
/// How long the one trial of a host that returns may take until another one may try, in milliseconds.
const TRIAL_MS: u64 = 15_000;

/// What can be asked of a host now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// In service.
    Ready,
    /// It wants no further requests.
    Draining,
    /// Its ejection is over: one request may try it.
    Returning,
    /// Left out, or being tried.
    Out,
}

/// What a host said, when, and in which words: the same words are not read again.
#[derive(Debug)]
struct News {
    at: UnixMs,
    text: String,
    load: Load,
}

/// A host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) id: u32,
    pub(super) origin: String,
    pub(super) is_configured: bool,
    pub(super) is_registered: bool,
    /// The last news.
    news: Option<News>,
    /// When it was heard of last, by an answer or a heartbeat.
    pub(super) heard_at: UnixMs,
    /// Requests sent to it since the news, and not answered.
    pub(super) sent: u32,
    sent_at: UnixMs,
    faults: u32,
    is_out: bool,
    /// Until when it is, or was, left out; how often in a row.
    pub(super) out_until: UnixMs,
    ejections: u32,
    tried_at: Option<UnixMs>,
}

impl Host {
    pub(super) fn new(id: u32, origin: &str) -> Self {
        Self {
            id,
            origin: origin.to_owned(),
            is_configured: false,
            is_registered: false,
            news: None,
            heard_at: UnixMs(0),
            sent: 0,
            sent_at: UnixMs(0),
            faults: 0,
            is_out: false,
            out_until: UnixMs(0),
            ejections: 0,
            tried_at: None,
        }
    }

    /// What it said last, if that is still good.
    pub(super) fn load(&self, now: UnixMs) -> Option<&Load> {
        let news = self.news.as_ref()?;
        (now.since(news.at) < FRESH_MS).then_some(&news.load)
    }

    pub(super) fn standing(&self, now: UnixMs) -> Standing {
        if self.is_out {
            let is_tried = self.tried_at.is_some_and(|at| now.since(at) < TRIAL_MS);
            if now < self.out_until || is_tried {
                Standing::Out
            } else {
                Standing::Returning
            }
        } else if self.load(now).is_some_and(|load| load.draining) {
            Standing::Draining
        } else {
            Standing::Ready
        }
    }

    /// Whether it is to be asked before an upload goes to it, which can't be sent again.
    pub(super) fn is_doubtful(&self, now: UnixMs) -> bool {
        self.is_out || now.since(self.heard_at) >= FRESH_MS
    }

    /// Requests that it would take, by its last news and by what was sent since.
    pub(super) fn spare(&self, now: UnixMs) -> Option<i64> {
        let free = i64::from(self.load(now)?.free);
        Some(free - i64::from(self.sent))
    }

    /// Whether it is better than `other`: more to spare where both are known, and fewer requests of this isolate
    /// where one is not; but one that is known to be full is never better than an unknown one.
    pub(super) fn is_better_than(&self, other: &Self, now: UnixMs) -> bool {
        match (self.spare(now), other.spare(now)) {
            (Some(own), Some(others)) if own.max(others) > 0 => own > others,
            (Some(_), Some(_)) => {
                let wait = |host: &Self| host.load(now).map_or(0, |load| load.queue_ms);
                wait(self) < wait(other)
            }
            (Some(own), None) if own <= 0 => false,
            (None, Some(others)) if others <= 0 => true,
            _ => self.sent < other.sent,
        }
    }

    /// A request goes to it.
    pub(super) fn sends(&mut self, now: UnixMs) {
        self.sent = self.sent.saturating_add(1);
        self.sent_at = now;
        if self.is_out {
            self.tried_at = Some(now);
        }
    }

    /// A request to it came to nothing that says anything about it.
    pub(super) fn let_go(&mut self) {
        self.sent = self.sent.saturating_sub(1);
        self.tried_at = None;
    }

    /// It answered. `load`: its header; an unreadable one is no news.
    pub(super) fn answered(&mut self, load: &str, now: UnixMs) {
        self.let_go();
        self.learn(load, now);
        self.faults = 0;
        self.is_out = false;
    }

    /// It answered that it failed.
    pub(super) fn faulted(&mut self, load: &str, now: UnixMs) {
        self.let_go();
        self.learn(load, now);
        self.faults += 1;
        if self.faults >= FAULTS || self.is_out {
            self.eject(now);
        }
    }

    /// It gave no answer, or none of the service.
    pub(super) fn unreachable(&mut self, now: UnixMs) {
        self.let_go();
        self.eject(now);
    }

    fn learn(&mut self, text: &str, now: UnixMs) {
        self.heard_at = now;
        self.keep(text, now);
        if self.news.is_some() {
            self.sent = 0;
        }
    }

    fn keep(&mut self, text: &str, at: UnixMs) {
        match &mut self.news {
            Some(news) if news.text == text => news.at = at,
            news => {
                *news = Load::parse(text).map(|load| News {
                    at,
                    text: text.to_owned(),
                    load,
                });
            }
        }
    }

    /// A heartbeat of it, sent at `at`.
    pub(super) fn beat(&mut self, load: &str, at: UnixMs) {
        self.heard_at = self.heard_at.max(at);
        if self.news.as_ref().is_some_and(|news| news.at >= at) {
            return;
        }
        self.keep(load, at);
        // What was sent after it is not in it.
        if self.sent_at < at {
            self.sent = 0;
        }
    }

    fn eject(&mut self, now: UnixMs) {
        // Several requests fail at once when a host dies: that is one failure.
        if self.is_out && now < self.out_until {
            return;
        }
        if now.since(self.out_until) > MOST_EJECTED_MS {
            self.ejections = 0;
        }
        let doubled = EJECTED_MS << self.ejections.min(4);
        self.ejections += 1;
        self.out_until = now.plus_ms(doubled.min(MOST_EJECTED_MS));
        self.is_out = true;
        self.faults = 0;
    }
}

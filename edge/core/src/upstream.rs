//! Choice among inference hosts: of two drawn at random the one with more room (the power of two choices), of
//! those that have the model in memory, can be reached, and are not being replaced.
//!
//! Each isolate decides by what it has heard itself: every answer of a host says how full it is. With one host
//! there is nothing to decide.

use inference_api::load::Load;
use inference_api::model::is_model_name;

use crate::ports::{Rng, UnixMs};

mod host;
mod view;

pub use host::FRESH_MS;
use host::{Host, Standing};
pub use view::{Health, HostList, HostView, LoadView, Source};

/// Most hosts that register themselves.
pub const MAX_REGISTERED: usize = 256;

/// The hosts and how they fare, as one isolate sees it.
#[derive(Debug)]
pub struct Upstreams {
    hosts: Vec<Host>,
    next_id: u32,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// By which the isolate knows the host again.
    pub id: u32,
    /// Its origin.
    pub origin: &'a str,
    /// Whether it is to be asked first if it is there: nothing was heard of it for [`FRESH_MS`], or it failed.
    pub ask: bool,
}

/// A host that registered itself, as the list of them has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its origin.
    pub origin: String,
    /// How long ago its last heartbeat came, in milliseconds.
    pub age_ms: u64,
    /// The load that it told, as in the header.
    pub load: String,
}

impl Upstreams {
    /// The configured hosts, all in service.
    pub fn new(origins: &[String]) -> Self {
        let mut upstreams = Self {
            hosts: Vec::new(),
            next_id: 0,
        };
        for origin in origins {
            let index = upstreams.enter(origin);
            upstreams.hosts[index].is_configured = true;
        }
        upstreams
    }

    /// Whether there is a choice.
    pub fn are_several(&self) -> bool {
        self.hosts.len() > 1
    }

    /// Whether no host is known.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The host for a request; `wanted` are names of models, of which any will do. `tried` are left out. If all
    /// others are out, the one that may return first: one more attempt is worth more than a certain refusal.
    pub fn choose(
        &mut self,
        wanted: &[&str],
        tried: &[u32],
        now: UnixMs,
        rng: &mut impl Rng,
    ) -> Option<Choice<'_>> {
        let (index, ask) = if let [only] = self.hosts.as_slice() {
            (!tried.contains(&only.id)).then_some((0, false))?
        } else {
            let index = self.best(wanted, tried, now, rng)?;
            (index, self.hosts[index].is_doubtful(now))
        };
        let host = &mut self.hosts[index];
        host.sends(now);
        Some(Choice {
            id: host.id,
            origin: &host.origin,
            ask,
        })
    }

    fn best(
        &self,
        wanted: &[&str],
        tried: &[u32],
        now: UnixMs,
        rng: &mut impl Rng,
    ) -> Option<usize> {
        let mut ready = Vec::with_capacity(self.hosts.len());
        let mut draining = Vec::new();
        let mut first_back: Option<usize> = None;
        for (index, host) in self.hosts.iter().enumerate() {
            if tried.contains(&host.id) {
                continue;
            }
            match host.standing(now) {
                Standing::Ready | Standing::Returning => ready.push(index),
                Standing::Draining => draining.push(index),
                Standing::Out => {
                    let sooner = |known: usize| host.out_until < self.hosts[known].out_until;
                    if first_back.is_none_or(sooner) {
                        first_back = Some(index);
                    }
                }
            }
        }
        if !wanted.is_empty() {
            // A host that has the model but no room would refuse: another one that must load it first is better.
            let suits = |&index: &usize| {
                let host = &self.hosts[index];
                let has = |load: &Load| wanted.iter().any(|name| load.has_model(name));
                host.load(now).is_some_and(has) && host.spare(now).is_some_and(|spare| spare > 0)
            };
            let suited: Vec<usize> = ready.iter().copied().filter(suits).collect();
            if !suited.is_empty() {
                ready = suited;
            }
        }
        let group = if ready.is_empty() { draining } else { ready };
        self.better_of_two(&group, now, rng).or(first_back)
    }

    fn better_of_two(&self, group: &[usize], now: UnixMs, rng: &mut impl Rng) -> Option<usize> {
        let (first, second) = match *group {
            [] => return None,
            [only] => return Some(only),
            _ => {
                let count = group.len();
                let first = random(rng) % count;
                let step = 1 + random(rng) % (count - 1);
                (group[first], group[(first + step) % count])
            }
        };
        let better = self.hosts[second].is_better_than(&self.hosts[first], now);
        Some(if better { second } else { first })
    }

    /// The host answered. `load`: its header, empty where there is none.
    pub fn answered(&mut self, id: u32, load: &str, now: UnixMs) {
        self.with(id, |host| host.answered(load, now));
    }

    /// The host answered that it failed.
    pub fn faulted(&mut self, id: u32, load: &str, now: UnixMs) {
        self.with(id, |host| host.faulted(load, now));
    }

    /// The host gave no answer in time, or not as the service does, or refused the edge.
    pub fn unreachable(&mut self, id: u32, now: UnixMs) {
        self.with(id, |host| host.unreachable(now));
    }

    /// A request goes to the host, which [`Upstreams::choose`] has chosen before, and which was asked since.
    pub fn sends(&mut self, id: u32, now: UnixMs) {
        self.with(id, |host| host.sends(now));
    }

    /// What was sent to the host came to nothing that says anything about it.
    pub fn let_go(&mut self, id: u32) {
        self.with(id, Host::let_go);
    }

    /// Whether the host wants no further requests.
    pub fn is_draining(&self, id: u32, now: UnixMs) -> bool {
        let host = self.hosts.iter().find(|host| host.id == id);
        host.is_some_and(|host| host.standing(now) == Standing::Draining)
    }

    /// The hosts that are registered now. Those that were and are not any longer are forgotten, unless they are
    /// configured, too.
    pub fn register(&mut self, list: &[Registered], now: UnixMs) {
        for host in &mut self.hosts {
            host.is_registered = false;
        }
        for registered in list.iter().take(MAX_REGISTERED) {
            let index = self.enter(&registered.origin);
            let host = &mut self.hosts[index];
            host.is_registered = true;
            let at = UnixMs(now.0.saturating_sub(registered.age_ms));
            host.beat(&registered.load, at);
        }
        self.hosts
            .retain(|host| host.is_configured || host.is_registered);
    }

    /// All of them, for an administrator.
    pub fn view(&self, now: UnixMs) -> HostList {
        let data = self.hosts.iter().map(|host| view::of(host, now)).collect();
        HostList { data }
    }

    fn enter(&mut self, origin: &str) -> usize {
        if let Some(known) = self.hosts.iter().position(|host| host.origin == origin) {
            return known;
        }
        self.hosts.push(Host::new(self.next_id, origin));
        self.next_id = self.next_id.wrapping_add(1);
        self.hosts.len() - 1
    }

    fn with(&mut self, id: u32, act: impl FnOnce(&mut Host)) {
        // One that was forgotten in between needs no further news.
        if let Some(host) = self.hosts.iter_mut().find(|host| host.id == id) {
            act(host);
        }
    }
}

/// Names of models of which a host should have one in memory: the one that a request names where the edge can see it,
/// or those that its key is bound to. None: any host will do.
pub fn wanted_models<'a>(asked: Option<&'a str>, allowed: &'a [String]) -> Vec<&'a str> {
    match asked {
        Some(model) if is_model_name(model) => vec![model],
        _ if allowed.iter().any(|name| name == "*") => Vec::new(),
        _ => allowed.iter().map(String::as_str).collect(),
    }
}

fn random(rng: &mut impl Rng) -> usize {
    let mut drawn = [0; 4];
    // Without randomness the choice is merely less even.
    let _ = rng.fill(&mut drawn);
    u32::from_le_bytes(drawn) as usize
}

#[cfg(test)]
mod tests;

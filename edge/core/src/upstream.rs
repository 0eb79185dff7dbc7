//! Choice among inference hosts: in turn, and a host that failed is left out for a while.

use crate::ports::UnixMs;

/// How long a host that failed is left out, in milliseconds.
const EJECTED_MS: u64 = 5_000;

/// The hosts and how they fare, as one isolate sees it.
#[derive(Debug)]
pub struct Upstreams {
    hosts: Vec<Host>,
    next: usize,
}

#[derive(Debug)]
struct Host {
    origin: String,
    ejected_until: UnixMs,
}

impl Upstreams {
    /// All hosts in service.
    pub fn new(origins: &[String]) -> Self {
        let hosts = origins
            .iter()
            .map(|origin| Host {
                origin: origin.clone(),
                ejected_until: UnixMs(0),
            })
            .collect();
        Self { hosts, next: 0 }
    }

    /// The next host in turn that is not left out: its index and origin. If all are left out, the
    /// one that may return first: one more attempt is worth more than a certain refusal. `None` only
    /// without any host.
    pub fn choose(&mut self, now: UnixMs) -> Option<(usize, &str)> {
        let count = self.hosts.len();
        let in_turn = (0..count).map(|step| (self.next + step) % count);
        let index = in_turn
            .clone()
            .find(|&index| self.hosts[index].ejected_until <= now)
            .or_else(|| in_turn.min_by_key(|&index| self.hosts[index].ejected_until))?;
        self.next = (index + 1) % count;
        Some((index, &self.hosts[index].origin))
    }

    /// The host did not answer as the service does.
    pub fn failed(&mut self, index: usize, now: UnixMs) {
        if let Some(host) = self.hosts.get_mut(index) {
            host.ejected_until = now.plus_ms(EJECTED_MS);
        }
    }

    /// The host answered.
    pub fn answered(&mut self, index: usize) {
        if let Some(host) = self.hosts.get_mut(index) {
            host.ejected_until = UnixMs(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Upstreams {
        Upstreams::new(&["a".into(), "b".into(), "c".into()])
    }

    fn choose(hosts: &mut Upstreams, now: u64) -> String {
        hosts.choose(UnixMs(now)).unwrap().1.to_owned()
    }

    #[test]
    fn hosts_take_turns() {
        let mut hosts = three();
        let chosen: Vec<_> = (0..6).map(|_| choose(&mut hosts, 0)).collect();
        assert_eq!(chosen, ["a", "b", "c", "a", "b", "c"]);
    }

    #[test]
    fn a_host_that_failed_is_left_out_until_it_may_return() {
        let mut hosts = three();
        hosts.failed(1, UnixMs(0));
        let chosen: Vec<_> = (0..4).map(|_| choose(&mut hosts, 1)).collect();
        assert_eq!(chosen, ["a", "c", "a", "c"]);
        let back: Vec<_> = (0..3).map(|_| choose(&mut hosts, EJECTED_MS)).collect();
        assert_eq!(back, ["a", "b", "c"]);
        hosts.failed(2, UnixMs(EJECTED_MS));
        hosts.answered(2);
        let again: Vec<_> = (0..3).map(|_| choose(&mut hosts, EJECTED_MS)).collect();
        assert_eq!(again, ["a", "b", "c"]);
    }

    #[test]
    fn when_all_are_out_the_first_to_return_is_tried() {
        let mut hosts = three();
        for (index, at) in [(0, 30), (1, 10), (2, 20)] {
            hosts.failed(index, UnixMs(at));
        }
        assert_eq!(choose(&mut hosts, 31), "b");
        assert!(Upstreams::new(&[]).choose(UnixMs(0)).is_none());
    }
}

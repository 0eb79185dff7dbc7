//! Which piece of work is next. Pure: no clock, no thread; time comes in as milliseconds.
//!
//! Between callers, deficit round robin (Shreedhar and Varghese, "Efficient Fair Queuing using Deficit Round Robin",
//! SIGCOMM 1995): each has its turn, and a turn is worth the same seconds of audio, more with a higher priority. Of
//! one caller's requests the one goes first that had least: each has a label, the time of its coming, which moves on
//! by every second of audio it is served. So a short clip overtakes a long recording, and the label of one who waits
//! stands still while those of newcomers grow: nobody waits for ever. A request's pieces are given out in their
//! order.
//!
//! A piece once begun is not taken back. So while short requests come, long ones leave one place free: a clip then
//! waits for no piece of a recording.

use std::collections::{BTreeSet, HashMap, VecDeque};

#[cfg(test)]
mod tests;

/// What a turn is worth at the common priority, in milliseconds of audio: the longest piece, about.
const QUANTUM_MS: u64 = 15_000;
/// The common priority; the highest is 9, the lowest 0.
const COMMON_PRIORITY: u64 = 5;
const HIGHEST_PRIORITY: u8 = 9;
/// A request that had as much audio transcribed is a long one.
const LONG_MS: u64 = 30_000;
/// How long after a short request another is expected, in milliseconds.
const SHORT_AGAIN_MS: u64 = 5_000;

/// Who shares in turns: a caller at one priority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    /// The owner of the key, or the key.
    pub(crate) caller: String,
    /// 0 to 9; what is above counts as 9.
    pub(crate) priority: u8,
}

impl Flow {
    fn quantum_ms(&self) -> u64 {
        let priority = u64::from(self.priority.min(HIGHEST_PRIORITY));
        QUANTUM_MS * (priority + 1) / (COMMON_PRIORITY + 1)
    }
}

/// A piece of work that was given out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given<T> {
    pub(crate) request: u64,
    /// Counts a request's pieces from 0.
    pub(crate) number: u32,
    pub(crate) work: T,
}

/// All that waits and runs.
pub(crate) struct Scheduler<T> {
    /// Places to run at.
    places: usize,
    requests: HashMap<u64, Request<T>>,
    flows: HashMap<Flow, Waiting>,
    /// Callers with something that waits, in the order of their turns.
    turns: VecDeque<Flow>,
    next_id: u64,
    waiting: usize,
    waiting_ms: u64,
    running: usize,
    running_long: usize,
    last_short_ms: Option<u64>,
}

struct Request<T> {
    flow: Flow,
    label: u64,
    pieces: VecDeque<Piece<T>>,
    pushed: u32,
    pushed_ms: u64,
    given: u32,
    given_ms: u64,
    /// Of those given out: whether each counts as long.
    running: Vec<(u32, bool)>,
    closed: bool,
    cancelled: bool,
}

struct Piece<T> {
    cost_ms: u64,
    work: T,
}

#[derive(Default)]
struct Waiting {
    /// Audio that its turns are worth still, in milliseconds.
    deficit_ms: u64,
    /// Requests with a piece that waits, by label.
    requests: BTreeSet<(u64, u64)>,
}

impl<T> Scheduler<T> {
    /// For so many places to run at.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places,
            requests: HashMap::new(),
            flows: HashMap::new(),
            turns: VecDeque::new(),
            next_id: 0,
            waiting: 0,
            waiting_ms: 0,
            running: 0,
            running_long: 0,
            last_short_ms: None,
        }
    }

    /// A request has come; its pieces follow.
    pub(crate) fn open(&mut self, flow: Flow, now_ms: u64) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request {
            flow,
            label: now_ms,
            pieces: VecDeque::new(),
            pushed: 0,
            pushed_ms: 0,
            given: 0,
            given_ms: 0,
            running: Vec::new(),
            closed: false,
            cancelled: false,
        };
        self.requests.insert(id, request);
        id
    }

    /// The request counts as a long one from its first piece on.
    pub(crate) fn count_as_long(&mut self, id: u64) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.given_ms = request.given_ms.max(LONG_MS);
        }
    }

    /// The next piece of a request, of `cost_ms` of audio; its number, `None` if the request was cancelled.
    pub(crate) fn push(&mut self, id: u64, cost_ms: u64, work: T) -> Option<u32> {
        let request = self.requests.get_mut(&id).filter(|r| !r.cancelled)?;
        let number = request.pushed;
        request.pushed += 1;
        request.pushed_ms += cost_ms;
        request.pieces.push_back(Piece { cost_ms, work });
        self.waiting += 1;
        self.waiting_ms += cost_ms;
        let place = (request.label, id);
        let flow = request.flow.clone();
        if !self.flows.contains_key(&flow) {
            self.turns.push_back(flow.clone());
        }
        self.flows.entry(flow).or_default().requests.insert(place);
        Some(number)
    }

    /// No further piece of the request will come.
    pub(crate) fn close(&mut self, id: u64, now_ms: u64) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.closed = true;
            let is_short = request.pushed_ms <= LONG_MS && request.given_ms <= request.pushed_ms;
            if is_short && !request.cancelled {
                self.last_short_ms = Some(now_ms);
            }
        }
        self.forget_if_over(id);
    }

    /// The request's sender has gone: what waits of it is given back, and nothing more of it is given out.
    pub(crate) fn cancel(&mut self, id: u64) -> Vec<T> {
        let Some(request) = self.requests.get_mut(&id) else {
            return Vec::new();
        };
        request.cancelled = true;
        request.closed = true;
        let pieces = std::mem::take(&mut request.pieces);
        self.waiting -= pieces.len();
        self.waiting_ms -= pieces.iter().map(|p| p.cost_ms).sum::<u64>();
        let (flow, place) = (request.flow.clone(), (request.label, id));
        self.leave(&flow, place);
        self.forget_if_over(id);
        pieces.into_iter().map(|piece| piece.work).collect()
    }

    /// The next piece, if any may run. Its end must be told by [`done`](Self::done).
    pub(crate) fn next(&mut self, now_ms: u64) -> Option<Given<T>> {
        let mut idle_turns = 0;
        while idle_turns < self.turns.len() {
            let flow = self.turns.front()?.clone();
            let Some((place, cost_ms)) = self.first_of(&flow, now_ms) else {
                self.turns.rotate_left(1);
                idle_turns += 1;
                continue;
            };
            let waiting = self.flows.get_mut(&flow)?;
            if waiting.deficit_ms < cost_ms {
                waiting.deficit_ms += flow.quantum_ms();
                self.turns.rotate_left(1);
                idle_turns = 0;
                continue;
            }
            waiting.deficit_ms -= cost_ms;
            return self.give(&flow, place);
        }
        None
    }

    /// A piece that was given out has ended, however.
    pub(crate) fn done(&mut self, id: u64, number: u32) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let Some(at) = request.running.iter().position(|(n, _)| *n == number) else {
            return;
        };
        let (_, long) = request.running.swap_remove(at);
        self.running -= 1;
        self.running_long -= usize::from(long);
        self.forget_if_over(id);
    }

    /// Pieces that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Audio of the pieces that wait, in milliseconds.
    pub(crate) fn waiting_ms(&self) -> u64 {
        self.waiting_ms
    }

    /// Pieces that run.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Of a caller's requests the one that had least, among those that may run now; with what its piece costs.
    fn first_of(&self, flow: &Flow, now_ms: u64) -> Option<((u64, u64), u64)> {
        let expects_short = self
            .last_short_ms
            .is_some_and(|at| now_ms.saturating_sub(at) < SHORT_AGAIN_MS);
        let most_long = self.places - usize::from(expects_short && self.places > 1);
        let of_flow = &self.flows.get(flow)?.requests;
        of_flow.iter().find_map(|place| {
            let request = self.requests.get(&place.1)?;
            let is_kept_back = request.given_ms >= LONG_MS && self.running_long >= most_long;
            let cost_ms = request.pieces.front()?.cost_ms;
            (!is_kept_back).then_some((*place, cost_ms))
        })
    }

    fn give(&mut self, flow: &Flow, place: (u64, u64)) -> Option<Given<T>> {
        let (_, id) = place;
        let request = self.requests.get_mut(&id)?;
        let Piece { cost_ms, work } = request.pieces.pop_front()?;
        let number = request.given;
        let long = request.given_ms >= LONG_MS;
        request.given += 1;
        request.given_ms += cost_ms;
        request.label = request.label.saturating_add(cost_ms);
        request.running.push((number, long));
        let next = (!request.pieces.is_empty()).then_some((request.label, id));
        self.waiting -= 1;
        self.waiting_ms -= cost_ms;
        self.running += 1;
        self.running_long += usize::from(long);
        if let Some(waiting) = self.flows.get_mut(flow) {
            waiting.requests.extend(next);
        }
        self.leave(flow, place);
        Some(Given {
            request: id,
            number,
            work,
        })
    }

    /// Takes a place out of a caller's line; a caller with nothing that waits has no turn, and saves none up.
    fn leave(&mut self, flow: &Flow, place: (u64, u64)) {
        let Some(waiting) = self.flows.get_mut(flow) else {
            return;
        };
        waiting.requests.remove(&place);
        if waiting.requests.is_empty() {
            self.flows.remove(flow);
            self.turns.retain(|turn| turn != flow);
        }
    }

    fn forget_if_over(&mut self, id: u64) {
        let is_over = |r: &Request<T>| r.closed && r.pieces.is_empty() && r.running.is_empty();
        if self.requests.get(&id).is_some_and(is_over) {
            self.requests.remove(&id);
        }
    }
}

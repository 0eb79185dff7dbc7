use super::*;
use std::collections::BTreeMap;

fn flow(caller: &str, priority: u8) -> Flow {
    Flow {
        caller: caller.to_owned(),
        priority,
    }
}

/// A request of so many pieces of so many milliseconds each.
fn request(s: &mut Scheduler<u64>, caller: &str, pieces: u32, cost_ms: u64, now_ms: u64) -> u64 {
    let id = s.open(flow(caller, 5), now_ms);
    for _ in 0..pieces {
        s.push(id, cost_ms, cost_ms);
    }
    s.close(id, now_ms);
    id
}

/// Gives out the next piece and ends it at once; whose it was.
fn run(s: &mut Scheduler<u64>, now_ms: u64) -> Option<u64> {
    let given = s.next(now_ms)?;
    s.done(given.request, given.number);
    Some(given.request)
}

#[test]
fn a_short_clip_overtakes_a_recording_that_came_before() {
    let mut s = Scheduler::new(1);
    let long = request(&mut s, "a", 40, 15_000, 0);
    assert_eq!(run(&mut s, 0), Some(long));
    let short = request(&mut s, "a", 1, 3_000, 100);
    assert_eq!(run(&mut s, 100), Some(short));
    assert_eq!(run(&mut s, 200), Some(long));
}

#[test]
fn what_counts_as_long_leaves_a_place_free_for_clips_from_its_first_piece_on() {
    let mut s = Scheduler::new(2);
    request(&mut s, "a", 1, 3_000, 0);
    assert!(run(&mut s, 0).is_some());
    let jobs = [0, 1].map(|_| {
        let id = s.open(flow("b", 5), 0);
        s.count_as_long(id);
        s.push(id, 3_000, 3_000);
        s.close(id, 0);
        id
    });
    let first = s.next(10).unwrap();
    assert!(jobs.contains(&first.request));
    // The other one waits, and a clip does not.
    assert_eq!(s.next(10), None);
    let clip = request(&mut s, "c", 1, 3_000, 20);
    assert_eq!(run(&mut s, 20), Some(clip));
    // No clip comes any more. A short job is none either.
    let second = s.next(20 + SHORT_AGAIN_MS).unwrap();
    assert!(jobs.contains(&second.request));
}

#[test]
fn a_recording_is_not_overtaken_for_ever() {
    let mut s = Scheduler::new(1);
    let long = request(&mut s, "a", 4, 15_000, 0);
    let mut given = 0;
    // Each clip takes as long as it takes the next to come: the line never empties.
    for now in (0..200_000).step_by(100) {
        request(&mut s, "a", 1, 3_000, now);
        given += u32::from(run(&mut s, now) == Some(long));
    }
    assert_eq!(given, 4);
}

#[test]
fn one_with_many_requests_does_not_keep_another_out() {
    let mut s = Scheduler::new(1);
    for _ in 0..100 {
        request(&mut s, "greedy", 1, 10_000, 0);
    }
    let modest = request(&mut s, "modest", 1, 10_000, 1);
    let before = (0..100)
        .take_while(|_| run(&mut s, 1) != Some(modest))
        .count();
    assert!(before <= 2, "{before}");
}

#[test]
fn a_higher_priority_has_more_of_the_time_and_a_lower_one_some() {
    let mut s = Scheduler::new(1);
    let mut had = BTreeMap::new();
    let ids: Vec<(u64, u8)> = [0, 5, 9, 200]
        .map(|priority| {
            let id = s.open(flow(&format!("of {priority}"), priority), 0);
            for _ in 0..10_000 {
                s.push(id, 1_000, 0);
            }
            (id, priority)
        })
        .into();
    for _ in 0..4_000 {
        let id = run(&mut s, 0).unwrap();
        let (_, priority) = ids.iter().find(|(of, _)| *of == id).unwrap();
        *had.entry(*priority).or_insert(0_u32) += 1;
    }
    let of_common = |priority| f64::from(had[&priority]) / f64::from(had[&5]);
    assert!((of_common(0) - 1.0 / 6.0).abs() < 0.05, "{had:?}");
    assert!((of_common(9) - 10.0 / 6.0).abs() < 0.1, "{had:?}");
    assert!((of_common(200) - of_common(9)).abs() < 0.1, "{had:?}");
}

#[test]
fn while_clips_come_recordings_leave_one_place_free() {
    let mut s = Scheduler::new(2);
    let long = request(&mut s, "a", 40, 15_000, 0);
    for _ in 0..2 {
        assert_eq!(run(&mut s, 0), Some(long));
    }
    // Alone it has both places.
    let (first, second) = (s.next(10).unwrap(), s.next(10).unwrap());
    assert!(s.running() == 2);
    for given in [first, second] {
        s.done(given.request, given.number);
    }
    let short = request(&mut s, "b", 1, 3_000, 100);
    let both = [s.next(100).unwrap(), s.next(100).unwrap()];
    let of_short = both.iter().find(|given| given.request == short).unwrap();
    s.done(short, of_short.number);
    assert_eq!(s.next(200), None);
    assert!(s.next(100 + SHORT_AGAIN_MS).is_some(), "nobody came");
}

#[test]
fn who_has_gone_leaves_nothing_behind() {
    let mut s = Scheduler::new(1);
    let gone = request(&mut s, "a", 3, 1_000, 0);
    let given = s.next(0).unwrap();
    assert_eq!(s.cancel(gone), [1_000, 1_000]);
    assert_eq!((s.waiting(), s.waiting_ms(), s.running()), (0, 0, 1));
    assert_eq!(s.push(gone, 1_000, 0), None);
    s.done(given.request, given.number);
    s.done(given.request, given.number);
    assert_eq!(s.running(), 0);
    assert!(s.requests.is_empty() && s.flows.is_empty() && s.turns.is_empty());
    assert_eq!(s.cancel(gone), Vec::<u64>::new());
}

/// Small, fast, and the same everywhere (Vigna, "xorshift64*").
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

const SEEDS: u64 = 100_000;

/// What one run's requests are known to be.
#[derive(Default)]
struct Known {
    /// The number of the piece that must be given out next, for each request.
    next: BTreeMap<u64, u32>,
    pushed: BTreeMap<u64, u32>,
    cancelled: Vec<u64>,
}

#[test]
fn in_a_hundred_thousand_runs_order_is_kept_nobody_starves_and_every_place_is_returned() {
    for seed in 1..=SEEDS {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let places = 1 + random.below(4);
        let mut s = Scheduler::new(usize::try_from(places).unwrap());
        let mut known = Known::default();
        let (mut open, mut running, mut now) = (Vec::new(), Vec::new(), 0);
        for _ in 0..30 {
            now += random.below(500);
            match random.below(8) {
                0 | 1 => {
                    let caller = format!("caller {}", random.below(4));
                    let priority = u8::try_from(random.below(10)).unwrap();
                    open.push(s.open(flow(&caller, priority), now));
                }
                2..=4 if !open.is_empty() => {
                    let id = open[usize::try_from(random.below(open.len() as u64)).unwrap()];
                    let number = s.push(id, 1 + random.below(28_000), 0_u64);
                    let pushed = known.pushed.entry(id).or_default();
                    assert_eq!(number, Some(*pushed), "seed {seed}");
                    *pushed += 1;
                }
                5 if !open.is_empty() => {
                    let at = usize::try_from(random.below(open.len() as u64)).unwrap();
                    let id = open.swap_remove(at);
                    if random.below(3) == 0 {
                        s.cancel(id);
                        known.cancelled.push(id);
                    } else {
                        s.close(id, now);
                    }
                }
                _ if running.len() < usize::try_from(places).unwrap() => {
                    if let Some(given) = s.next(now) {
                        expect_in_order(&mut known, &given, seed);
                        running.push(given);
                    }
                }
                _ => {
                    let at = usize::try_from(random.below(running.len() as u64)).unwrap();
                    let given = running.swap_remove(at);
                    s.done(given.request, given.number);
                }
            }
            assert_eq!(s.running(), running.len(), "seed {seed}");
        }
        // Nothing more comes: whatever waits is given out.
        for id in open {
            s.close(id, now);
        }
        for given in running {
            s.done(given.request, given.number);
        }
        while let Some(given) = s.next(now) {
            expect_in_order(&mut known, &given, seed);
            s.done(given.request, given.number);
        }
        for (id, pushed) in &known.pushed {
            let given = known.next.get(id).copied().unwrap_or_default();
            let is_right = given == *pushed || known.cancelled.contains(id);
            assert!(
                is_right,
                "seed {seed}: request {id} had {given} of {pushed}"
            );
        }
        assert_eq!(
            (s.waiting(), s.waiting_ms(), s.running()),
            (0, 0, 0),
            "seed {seed}"
        );
        assert_eq!(s.running_long, 0, "seed {seed}");
        assert!(
            s.requests.is_empty() && s.flows.is_empty() && s.turns.is_empty(),
            "seed {seed}"
        );
    }
}

fn expect_in_order(known: &mut Known, given: &Given<u64>, seed: u64) {
    assert!(!known.cancelled.contains(&given.request), "seed {seed}");
    let next = known.next.entry(given.request).or_default();
    assert_eq!(given.number, *next, "seed {seed}");
    *next += 1;
}

#[test]
fn callers_who_always_want_more_have_equal_shares_within_a_tenth() {
    for seed in 1..=1_000 {
        let mut random = Random(seed);
        let callers = 2 + random.below(5);
        let mut s = Scheduler::new(1);
        let mut had = BTreeMap::<u64, u64>::new();
        let mut caller_of = BTreeMap::new();
        // Each has his own habits: clips, recordings, or both.
        let longest: Vec<u64> = (0..callers).map(|_| 500 + random.below(15_000)).collect();
        let mut more = |s: &mut Scheduler<u64>, caller: u64, now: u64| {
            let id = s.open(flow(&caller.to_string(), 5), now);
            for _ in 0..=random.below(6) {
                let cost = 1 + random.below(longest[usize::try_from(caller).unwrap()]);
                s.push(id, cost, cost);
            }
            s.close(id, now);
            id
        };
        for caller in 0..callers {
            for _ in 0..3 {
                caller_of.insert(more(&mut s, caller, 0), caller);
            }
        }
        // Long enough that a turn is little of a share.
        let mut total = 0;
        let mut now = 0;
        while total < callers * 2_000_000 {
            let given = s.next(now).unwrap();
            s.done(given.request, given.number);
            let caller = caller_of[&given.request];
            *had.entry(caller).or_default() += given.work;
            total += given.work;
            now += given.work / 30;
            if given.number == 0 {
                caller_of.insert(more(&mut s, caller, now), caller);
            }
        }
        for (caller, had) in &had {
            #[expect(clippy::cast_precision_loss, reason = "some millions")]
            let share = *had as f64 * callers as f64 / total as f64;
            assert!(
                (0.9..=1.1).contains(&share),
                "seed {seed}: {caller} had {share}"
            );
        }
        assert_eq!(had.len() as u64, callers, "seed {seed}");
    }
}

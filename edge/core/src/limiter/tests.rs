use super::*;
use crate::credits::Refill;
use crate::limit::Period;
use crate::testing::{SeededRng, audio_quota, concurrency, quota, rate};

const NOW: UnixMs = UnixMs(1_790_000_000_000);
const ONE: Charge<'static> = Charge::plain(1);

fn state(limits: Vec<Limit>) -> LimiterState {
    LimiterState::new(limits, None, NOW)
}

fn upload(id: &str) -> Charge<'_> {
    let begin = Begin {
        id,
        lasts_ms: 600_000,
    };
    Charge {
        cost: 1,
        lease: Some(begin),
    }
}

const fn seconds(seconds: u64) -> Measured {
    Measured {
        audio_ms: seconds * 1000,
        bytes: 1,
        latency_ms: 1,
    }
}

#[test]
fn what_limits_stand_at_is_of_now_and_charges_nothing() {
    let limits = vec![rate("minute", 10, 60), concurrency("parallel", 2)];
    let mut limiter = LimiterState::new(limits, None, UnixMs(0));
    for _ in 0..4 {
        assert_eq!(
            limiter.admit(UnixMs(0), Charge::plain(1)),
            Decision::Admitted
        );
    }
    let left = |now: u64, limiter: &mut LimiterState| {
        let limits = limiter.limits_now(UnixMs(now));
        limits
            .into_iter()
            .map(|limit| (limit.name, limit.remaining))
            .collect::<Vec<_>>()
    };
    let named = |minute| vec![("minute".to_owned(), minute), ("parallel".to_owned(), 2)];
    assert_eq!(left(0, &mut limiter), named(6));
    assert_eq!(left(1_000, &mut limiter), named(6));
    // The window has slid past them, and nobody was admitted since.
    assert_eq!(left(120_000, &mut limiter), named(10));
}

#[test]
fn a_limit_of_100_admits_exactly_100_of_1000() {
    let mut state = state(vec![rate("minute", 100, 60)]);
    let admitted = (0..1000)
        .filter(|_| state.admit(NOW, ONE) == Decision::Admitted)
        .count();
    assert_eq!(admitted, 100);
}

#[test]
fn a_refusal_by_one_limit_charges_none() {
    let mut state = state(vec![rate("minute", 10, 60), quota("day", 2, Period::Day)]);
    for _ in 0..2 {
        assert_eq!(state.admit(NOW, ONE), Decision::Admitted);
    }
    let before: Vec<_> = state.standings(NOW).collect();
    for _ in 0..50 {
        let by = By::Limit(1);
        assert!(matches!(state.admit(NOW, ONE), Decision::Refused { by: b, .. } if b == by));
    }
    assert_eq!(state.standings(NOW).collect::<Vec<_>>(), before);
    assert_eq!(before[0].remaining, 8);
}

#[test]
fn the_refusal_that_lasts_longest_is_the_one_named_and_holds_until_its_end() {
    let mut state = state(vec![
        rate("second", 1, 1),
        rate("hour", 1, 3600),
        rate("minute", 1, 60),
    ]);
    assert_eq!(state.admit(NOW, ONE), Decision::Admitted);
    let Decision::Refused { by, until } = state.admit(NOW, ONE) else {
        panic!("admitted beyond the limit");
    };
    assert_eq!(state.name(by), "hour");
    assert_eq!(
        state.clone().admit(UnixMs(until.0 - 1), ONE),
        Decision::Refused { by, until }
    );
    assert_eq!(state.admit(until, ONE), Decision::Admitted);
}

#[test]
fn a_request_weighs_its_cost() {
    let mut state = state(vec![rate("minute", 10, 60)]);
    assert_eq!(state.admit(NOW, Charge::plain(7)), Decision::Admitted);
    assert_ne!(state.admit(NOW, Charge::plain(4)), Decision::Admitted);
    assert_eq!(state.admit(NOW, Charge::plain(3)), Decision::Admitted);
    // Cost 0 only asks.
    assert_eq!(state.admit(NOW, Charge::plain(0)), Decision::Admitted);
    assert_ne!(
        state.admit(NOW, Charge::plain(u64::MAX)),
        Decision::Admitted
    );
}

#[test]
fn audio_is_admitted_while_something_is_left_and_settled_with_what_was_measured() {
    let mut state = state(vec![audio_quota("day", 60, Period::Day)]);
    assert_eq!(state.admit(NOW, upload("a")), Decision::Admitted);
    state.settle(NOW, "a", Outcome::Served, seconds(59));
    assert_eq!(state.standings(NOW).next().unwrap().remaining, 1);
    // The overdraft is what was in flight.
    assert_eq!(state.admit(NOW, upload("b")), Decision::Admitted);
    assert_eq!(state.admit(NOW, upload("c")), Decision::Admitted);
    state.settle(NOW, "b", Outcome::Served, seconds(30));
    assert_ne!(state.admit(NOW, upload("d")), Decision::Admitted);
    // What has no audio is none of its business.
    assert_eq!(state.admit(NOW, ONE), Decision::Admitted);
    assert_eq!(state.usage().audio_ms, 89_000);
}

#[test]
fn a_failed_answer_settles_its_audio_too() {
    let mut state = state(vec![audio_quota("day", 60, Period::Day)]);
    state.admit(NOW, upload("a"));
    state.settle(NOW, "a", Outcome::UpstreamFailed, seconds(20));
    assert_eq!(state.standings(NOW).next().unwrap().remaining, 40);
}

#[test]
fn a_duplicate_settlement_changes_nothing() {
    let mut state = state(vec![
        audio_quota("day", 60, Period::Day),
        rate("minute", 5, 60),
    ]);
    state.admit(NOW, upload("a"));
    let settle = |state: &mut LimiterState| state.settle(NOW, "a", Outcome::Served, seconds(10));
    assert_eq!(settle(&mut state), Settled::Now);
    let once = state.clone();
    assert_eq!(settle(&mut state), Settled::Before);
    assert_eq!(state, once);
}

#[test]
fn concurrency_is_given_back_at_the_end_or_at_expiry() {
    let mut state = state(vec![concurrency("parallel", 2)]);
    assert_eq!(state.admit(NOW, upload("a")), Decision::Admitted);
    assert_eq!(state.admit(NOW, upload("b")), Decision::Admitted);
    let Decision::Refused { until, .. } = state.admit(NOW, upload("c")) else {
        panic!("a third at the same time");
    };
    assert_eq!(until, NOW.plus_ms(1_000));
    state.settle(NOW, "a", Outcome::ClientGone, seconds(0));
    assert_eq!(state.admit(NOW, upload("c")), Decision::Admitted);
    let later = NOW.plus_ms(600_000);
    assert_eq!(state.admit(later, upload("d")), Decision::Admitted);
    assert_eq!(state.admit(later, upload("e")), Decision::Admitted);
    assert_ne!(state.admit(later, upload("f")), Decision::Admitted);
}

#[test]
fn a_shed_request_is_refunded_and_a_served_one_never_is() {
    let credits = Credits {
        balance: 5,
        refill: None,
    };
    let limits = vec![rate("minute", 5, 60), quota("day", 5, Period::Day)];
    for (outcome, left) in [
        (Outcome::UpstreamFailed, 5),
        (Outcome::Served, 4),
        (Outcome::ClientError, 4),
        (Outcome::ClientGone, 4),
    ] {
        let mut state = LimiterState::new(limits.clone(), Some(&credits), NOW);
        state.admit(NOW, upload("a"));
        state.settle(NOW.plus_ms(30_000), "a", outcome, Measured::default());
        for standing in state.standings(NOW) {
            assert_eq!(standing.remaining, left, "{outcome:?} {standing:?}");
        }
    }
}

#[test]
fn credits_are_one_more_limit_of_all_or_none() {
    let credits = Credits {
        balance: 3,
        refill: None,
    };
    let mut state = LimiterState::new(vec![rate("minute", 100, 60)], Some(&credits), NOW);
    for _ in 0..3 {
        assert_eq!(state.admit(NOW, ONE), Decision::Admitted);
    }
    let by = By::Credits;
    let until = UnixMs(u64::MAX);
    assert_eq!(state.admit(NOW, ONE), Decision::Refused { by, until });
    assert_eq!(state.standings(NOW).next().unwrap().remaining, 97);
    assert_eq!(state.set_balance(BalanceChange::Add(2), NOW), Some(2));
    assert_eq!(state.admit(NOW, ONE), Decision::Admitted);
}

#[test]
fn other_limits_forget_nothing_of_those_that_stay() {
    let mut state = state(vec![rate("minute", 10, 60), quota("day", 10, Period::Day)]);
    for _ in 0..6 {
        state.admit(NOW, ONE);
    }
    state.set_limits(
        vec![
            quota("day", 8, Period::Day),
            rate("minute", 7, 30),
            concurrency("parallel", 1),
        ],
        NOW,
    );
    let left: Vec<_> = state.standings(NOW).map(|s| s.remaining).collect();
    assert_eq!(left, [2, 1, 1]);
}

#[test]
fn nothing_is_forgotten_between_storage_and_memory() {
    let limits = vec![
        rate("minute", 40, 60),
        concurrency("parallel", 3),
        audio_quota("week", 900, Period::Week),
    ];
    let refill = Refill {
        amount: 50,
        period: Period::Day,
    };
    let credits = Credits {
        balance: 1_000,
        refill: Some(refill),
    };
    let mut rng = SeededRng::new(11);
    let mut state = LimiterState::new(limits.clone(), Some(&credits), NOW);
    let mut evicted = state.clone();
    let mut now = NOW;
    for n in 0..2_000 {
        now = now.plus_ms(rng.below(3_000));
        // The object is evicted before every second call or so.
        if rng.below(2) == 0 {
            let (bytes, leases) = (evicted.encode(), evicted.leases().clone());
            let refill = Some(Some(refill));
            evicted = LimiterState::decode(limits.clone(), refill, leases, &bytes).unwrap();
        }
        let (id, settled) = (n.to_string(), rng.below(n + 1).to_string());
        assert_eq!(evicted.turn(now), state.turn(now));
        assert_eq!(
            evicted.admit(now, upload(&id)),
            state.admit(now, upload(&id))
        );
        let settle =
            |state: &mut LimiterState| state.settle(now, &settled, Outcome::Served, seconds(1));
        assert_eq!(settle(&mut evicted), settle(&mut state));
        assert_eq!(evicted, state);
    }
}

#[test]
fn damaged_or_foreign_storage_is_noticed() {
    let limits = vec![rate("minute", 40, 60)];
    let mut state = state(limits.clone());
    state.admit(NOW, ONE);
    let bytes = state.encode();
    let read = |bytes: &[u8]| LimiterState::decode(limits.clone(), None, Leases::default(), bytes);
    for cut in 0..bytes.len() {
        assert_eq!(read(&bytes[..cut]), None);
    }
    let mut other = bytes.clone();
    other[0] = 1;
    assert_eq!(read(&other), None);
    assert_eq!(read(&[bytes.as_slice(), &[0]].concat()), None);
    assert_eq!(read(&bytes), Some(state));
}

#[test]
fn the_stored_form_of_sixteen_full_limits_stays_small() {
    let limits = (0..16).map(|n| rate(&format!("l{n}"), 1_000_000, 60));
    let mut state = state(limits.collect());
    for second in 0..120 {
        state.admit(NOW.plus_ms(second * 1000), Charge::plain(100));
    }
    assert!(state.encode().len() < 3 * 1024, "{}", state.encode().len());
}

#[test]
fn an_hour_that_is_over_is_handed_out_once() {
    let mut state = state(vec![rate("minute", 1, 60)]);
    state.admit(NOW, ONE);
    state.admit(NOW, ONE);
    assert_eq!(state.turn(NOW), None);
    let later = NOW.plus_ms(crate::usage::HOUR_MS);
    let done = state.turn(later).unwrap().rollup();
    assert_eq!(done.outcomes["served"], 1);
    assert_eq!(done.outcomes["rate_limited"], 1);
    assert_eq!(state.turn(later), None);
}

#[test]
fn permits_taken_ahead_never_exceed_the_limit_in_sum_nor_outlive_their_slice() {
    let mut rng = SeededRng::new(21);
    let mut state = state(vec![rate("minute", 100, 60), rate("second", 30, 1)]);
    // Three isolates; each lets in what it holds, as long as it is good. Admissions by their true times.
    let mut held = [(0_u32, 0_u64); 3];
    let mut admitted: Vec<u64> = Vec::new();
    let mut now = NOW.0;
    for _ in 0..20_000 {
        now += rng.below(40);
        let isolate = usize::try_from(rng.below(3)).unwrap();
        let (count, until) = held[isolate];
        if count > 0 && now < until {
            held[isolate].0 -= 1;
            admitted.push(now);
        } else if state.admit(UnixMs(now), ONE) == Decision::Admitted {
            admitted.push(now);
            let permits = state.permits_ahead(UnixMs(now), 1, 16);
            held[isolate] = (permits.count, now + permits.last_ms);
        }
        for (limit, window) in [(100, 60_000), (30, 1_000)] {
            let inside = admitted.iter().rev().take_while(|at| now - **at < window);
            assert!(inside.count() <= limit, "in {window} ms");
        }
        if admitted.len() > 1_000 {
            admitted.drain(..500);
        }
    }
}

#[test]
fn what_limits_audio_or_concurrency_gives_no_permits() {
    for limit in [
        audio_quota("day", 60, Period::Day),
        concurrency("parallel", 2),
    ] {
        let mut state = state(vec![rate("minute", 100, 60), limit]);
        state.admit(NOW, ONE);
        let none = Permits::default();
        assert_eq!(state.permits_ahead(NOW, 1, 10), none);
    }
    let mut state = state(vec![rate("minute", 10, 60)]);
    state.admit(NOW, ONE);
    assert_eq!(state.permits_ahead(NOW, 1, 16).count, 8);
    assert_eq!(state.permits_ahead(NOW, 1, 16).count, 1);
    assert_eq!(state.permits_ahead(NOW, 1, 16).count, 0);
}

#[test]
fn what_the_owner_refuses_costs_the_key_nothing_and_counts_as_refused() {
    let mut state = state(vec![rate("minute", 5, 60)]);
    state.admit(NOW, ONE);
    state.undo(NOW, 1, None, Some(Outcome::RateLimited));
    state.admit(NOW, upload("a"));
    state.undo(NOW, 1, Some("a"), Some(Outcome::QuotaUsedUp));
    assert_eq!(state.standings(NOW).next().unwrap().remaining, 5);
    assert!(state.leases().is_empty());
    let outcomes = state.usage().rollup().outcomes;
    let names: Vec<_> = outcomes.keys().map(String::as_str).collect();
    assert_eq!(names, ["quota_used_up", "rate_limited"]);
}

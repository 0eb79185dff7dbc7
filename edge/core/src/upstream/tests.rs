use std::collections::BTreeMap;

use super::*;
use crate::testing::SeededRng;

/// What a host says that says always the same.
const SAME: &str = "free=9";
const START: UnixMs = UnixMs(1_790_000_000_000);

fn later(ms: u64) -> UnixMs {
    START.plus_ms(ms)
}

fn hosts(names: &[&str]) -> Upstreams {
    let origins: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    Upstreams::new(&origins)
}

/// Hosts that have just said how full they are.
fn heard(loads: &[(&str, &str)]) -> Upstreams {
    let names: Vec<_> = loads.iter().map(|(name, _)| *name).collect();
    let mut upstreams = hosts(&names);
    for (id, (_, load)) in (0..).zip(loads) {
        upstreams.answered(id, load, START);
    }
    upstreams
}

/// How often each host is chosen of so many times, each answered at once by the same words.
fn chosen(upstreams: &mut Upstreams, wanted: &[&str], now: UnixMs, times: usize) -> Counts {
    let mut rng = SeededRng::new(7);
    let mut counts = Counts::new();
    for _ in 0..times {
        let choice = upstreams.choose(wanted, &[], now, &mut rng).unwrap();
        let (id, origin) = (choice.id, choice.origin.to_owned());
        *counts.entry(origin).or_default() += 1;
        upstreams.let_go(id);
    }
    counts
}

type Counts = BTreeMap<String, usize>;

fn only(counts: &Counts) -> &str {
    assert_eq!(counts.len(), 1, "{counts:?}");
    counts.keys().next().unwrap()
}

#[test]
fn one_host_is_chosen_without_asking_whatever_became_of_it() {
    let mut one = hosts(&["a"]);
    let mut rng = SeededRng::new(1);
    for _ in 0..3 {
        one.unreachable(0, START);
        let choice = one.choose(&["base"], &[], START, &mut rng).unwrap();
        assert_eq!((choice.origin, choice.ask), ("a", false));
    }
    assert_eq!(one.choose(&[], &[0], START, &mut rng), None);
    assert_eq!(hosts(&[]).choose(&[], &[], START, &mut rng), None);
}

#[test]
fn of_two_the_one_with_more_room_is_chosen() {
    let mut two = heard(&[("a", "free=3"), ("b", "free=9")]);
    assert_eq!(only(&chosen(&mut two, &[], START, 50)), "b");
    let mut full = heard(&[("a", "free=0, queue_ms=900"), ("b", "free=0, queue_ms=90")]);
    assert_eq!(only(&chosen(&mut full, &[], START, 50)), "b");
}

#[test]
fn what_was_sent_since_the_news_counts() {
    let mut two = heard(&[("a", "free=3"), ("b", "free=9")]);
    let mut rng = SeededRng::new(1);
    let mut counts = Counts::new();
    for _ in 0..12 {
        let choice = two.choose(&[], &[], START, &mut rng).unwrap();
        *counts.entry(choice.origin.to_owned()).or_default() += 1;
    }
    // Filled up evenly: nobody is sent more than he has room for.
    assert_eq!(counts["a"], 3);
    assert_eq!(counts["b"], 9);
    // Its next answer says how full it is with all of that.
    two.answered(0, "free=2", START);
    assert_eq!(only(&chosen(&mut two, &[], START, 50)), "a");
}

#[test]
fn a_host_nobody_knows_is_neither_better_nor_worse_but_better_than_a_full_one() {
    let mut two = hosts(&["a", "b"]);
    two.answered(0, "free=5", START);
    let counts = chosen(&mut two, &[], START, 200);
    assert!(counts.values().all(|&count| count > 60), "{counts:?}");
    two.answered(0, "free=0", START);
    assert_eq!(only(&chosen(&mut two, &[], START, 50)), "b");
    // Old news are none.
    let counts = chosen(&mut two, &[], later(FRESH_MS), 200);
    assert!(counts.values().all(|&count| count > 60), "{counts:?}");
}

#[test]
fn news_that_are_the_same_words_again_are_news() {
    let mut two = heard(&[("a", "free=1"), ("b", "free=9")]);
    two.answered(0, "free=1", later(5_000));
    two.answered(1, "free=9", later(5_000));
    assert_eq!(only(&chosen(&mut two, &[], later(9_000), 50)), "b");
    // A host of another version says nothing: it is unknown.
    two.answered(0, "", later(9_000));
    two.answered(1, "free=0", later(9_000));
    assert_eq!(only(&chosen(&mut two, &[], later(9_000), 50)), "a");
}

#[test]
fn requests_spread_evenly_over_equal_hosts() {
    let names: Vec<String> = (0..16).map(|n| format!("h{n}")).collect();
    let mut many = Upstreams::new(&names);
    let mut rng = SeededRng::new(3);
    let mut under_way = vec![0_u32; 16];
    for id in 0..16 {
        many.answered(id, "free=100", START);
    }
    for _ in 0..800 {
        let id = many.choose(&[], &[], START, &mut rng).unwrap().id;
        under_way[id as usize] += 1;
    }
    // Two choices keep the fullest within log log n of the mean (Azar et al., 1994); by one it would be twelve off.
    let most = under_way.iter().max().unwrap();
    let least = under_way.iter().min().unwrap();
    assert!(most - least <= 6, "{under_way:?}");
}

#[test]
fn a_host_that_has_the_model_is_preferred_while_it_has_room() {
    let loads = [
        ("a", "free=9, models=\"base-q8_0\""),
        ("b", "free=2, models=\"tiny.en-q8_0 whisper-1\""),
        ("c", "free=9"),
    ];
    let mut three = heard(&loads);
    for name in ["tiny.en", "tiny.en-q8_0", "whisper-1"] {
        assert_eq!(only(&chosen(&mut three, &[name], START, 30)), "b", "{name}");
    }
    assert_eq!(
        only(&chosen(&mut three, &["small", "base"], START, 30)),
        "a"
    );
    assert!(chosen(&mut three, &["small"], START, 100).len() > 1);
    three.answered(1, "free=0, models=\"tiny.en-q8_0\"", START);
    let counts = chosen(&mut three, &["tiny.en"], START, 100);
    assert!(!counts.contains_key("b"), "{counts:?}");
}

#[test]
fn what_a_request_names_goes_before_what_its_key_is_bound_to() {
    let allowed = |names: &[&str]| -> Vec<String> { names.iter().map(|&n| n.into()).collect() };
    let (bound, free) = (allowed(&["tiny", "base"]), allowed(&["*"]));
    assert_eq!(wanted_models(Some("small"), &bound), ["small"]);
    assert_eq!(wanted_models(Some("no model!"), &bound), ["tiny", "base"]);
    assert_eq!(wanted_models(None, &bound), ["tiny", "base"]);
    assert!(wanted_models(None, &free).is_empty());
}

#[test]
fn a_draining_host_gets_nothing_unless_nobody_else_is_there() {
    let mut two = heard(&[("a", "free=9, draining=?1"), ("b", "free=1")]);
    assert!(two.is_draining(0, START));
    assert_eq!(only(&chosen(&mut two, &[], START, 50)), "b");
    two.unreachable(1, START);
    assert_eq!(only(&chosen(&mut two, &[], later(1), 50)), "a");
    // Its word holds as long as other news do.
    assert!(!two.is_draining(0, later(FRESH_MS)));
}

#[test]
fn a_silent_host_is_asked_before_an_upload_goes_to_it() {
    let mut two = hosts(&["a", "b"]);
    let mut rng = SeededRng::new(1);
    assert!(two.choose(&[], &[1], START, &mut rng).unwrap().ask);
    two.answered(0, SAME, START);
    let mut asked = |at| two.choose(&[], &[1], at, &mut rng).unwrap().ask;
    assert!(!asked(later(FRESH_MS - 1)));
    assert!(asked(later(FRESH_MS)));
}

#[test]
fn a_host_that_cannot_be_reached_is_left_out_twice_as_long_each_time() {
    let mut two = hosts(&["a", "b"]);
    let mut now = START;
    for seconds in [5, 10, 20, 40, 60, 60] {
        two.unreachable(0, now);
        // The other requests that were there are the same failure.
        two.unreachable(0, now.plus_ms(1));
        let back = now.plus_ms(seconds * 1000);
        let before = UnixMs(back.0 - 1);
        two.answered(1, SAME, before);
        assert_eq!(only(&chosen(&mut two, &[], before, 30)), "b");
        assert_eq!(two.view(before).data[0].health, Health::Ejected);
        now = back;
        let mut rng = SeededRng::new(9);
        let trial = two.choose(&[], &[1], now, &mut rng).unwrap();
        assert!(trial.ask, "one that failed is asked first");
    }
    two.answered(0, SAME, now);
    assert_eq!(two.view(now).data[0].health, Health::Healthy);
    // A minute later it is as any other.
    let quiet = now.plus_ms(MOST_MINUTE);
    two.unreachable(0, quiet);
    assert_eq!(chosen(&mut two, &[], quiet.plus_ms(5_000), 30).len(), 2);
}

const MOST_MINUTE: u64 = 121_000;

#[test]
fn a_host_that_comes_back_is_tried_by_one_request() {
    let mut two = hosts(&["a", "b"]);
    two.unreachable(0, START);
    let back = later(5_000);
    two.answered(1, SAME, back);
    let mut rng = SeededRng::new(2);
    let mut first = |two: &mut Upstreams, at| two.choose(&[], &[1], at, &mut rng).unwrap().id;
    assert_eq!(first(&mut two, back), 0);
    // While it is tried nobody else goes there, as long as there is somebody else.
    for _ in 0..30 {
        let mut rng = SeededRng::new(4);
        let choice = two.choose(&[], &[], back, &mut rng).unwrap();
        assert_eq!(choice.id, 1);
        two.let_go(1);
    }
    two.answered(0, SAME, back);
    assert_eq!(chosen(&mut two, &[], back, 200).len(), 2);
    // A trial of which nothing is heard does not keep it out for ever.
    two.unreachable(0, back);
    let again = back.plus_ms(5_000);
    assert_eq!(first(&mut two, again), 0);
    assert_eq!(
        two.view(again.plus_ms(15_000)).data[0].health,
        Health::Ejected
    );
    assert_eq!(first(&mut two, again.plus_ms(15_000)), 0);
}

#[test]
fn one_failed_request_is_no_failed_host_and_three_in_a_row_are() {
    let mut two = hosts(&["a", "b"]);
    for _ in 0..5 {
        two.faulted(0, SAME, START);
        two.faulted(0, SAME, START);
        two.answered(0, SAME, START);
    }
    assert_eq!(two.view(START).data[0].health, Health::Healthy);
    for _ in 0..3 {
        two.faulted(0, SAME, START);
    }
    assert_eq!(two.view(START).data[0].health, Health::Ejected);
    // On trial one more is enough.
    let back = later(5_000);
    two.faulted(0, SAME, back);
    assert_eq!(
        two.view(back.plus_ms(9_999)).data[0].health,
        Health::Ejected
    );
    assert_eq!(only(&chosen(&mut two, &[], back.plus_ms(9_999), 20)), "b");
}

#[test]
fn when_all_are_out_the_first_to_return_is_tried_and_never_nobody() {
    let mut three = hosts(&["a", "b", "c"]);
    for (id, at) in [(0, 30), (1, 10), (2, 20)] {
        three.unreachable(id, later(at));
    }
    let mut rng = SeededRng::new(1);
    let choice = three.choose(&[], &[], later(31), &mut rng).unwrap();
    assert_eq!((choice.origin, choice.ask), ("b", true));
    let choice = three.choose(&[], &[1], later(31), &mut rng).unwrap();
    assert_eq!(choice.origin, "c");
}

fn registered(origin: &str, age_ms: u64, load: &str) -> Registered {
    Registered {
        origin: origin.into(),
        age_ms,
        load: load.into(),
    }
}

#[test]
fn registered_hosts_are_added_and_forgotten() {
    let mut hosts = hosts(&["a"]);
    let list = [registered("a", 0, "free=1"), registered("b", 500, "free=9")];
    hosts.register(&list, START);
    let sources: Vec<_> = hosts
        .view(START)
        .data
        .into_iter()
        .map(|h| h.sources)
        .collect();
    assert_eq!(
        sources,
        [
            vec![Source::Configured, Source::Registered],
            vec![Source::Registered]
        ]
    );
    assert_eq!(only(&chosen(&mut hosts, &[], START, 30)), "b");
    hosts.register(&[], START);
    assert_eq!(only(&chosen(&mut hosts, &[], START, 30)), "a");
    // One that comes again is a new one: what is heard late of the old one is not about it.
    hosts.register(&[registered("b", 0, "free=9")], START);
    hosts.unreachable(1, START);
    assert_eq!(hosts.view(START).data[1].health, Health::Healthy);
    let crowd: Vec<_> = (0..300)
        .map(|n| registered(&format!("h{n}"), 0, "free=1"))
        .collect();
    hosts.register(&crowd, START);
    assert_eq!(hosts.view(START).data.len(), 1 + MAX_REGISTERED);
}

#[test]
fn a_heartbeat_never_overrides_a_newer_answer() {
    let mut two = hosts(&["a", "b"]);
    two.answered(0, "free=1", START);
    two.answered(1, "free=5", START);
    two.register(&[registered("a", 2_000, "free=9")], START);
    assert_eq!(only(&chosen(&mut two, &[], START, 30)), "b");
    two.register(&[registered("a", 0, "free=9")], later(1));
    assert_eq!(only(&chosen(&mut two, &[], later(1), 30)), "a");
    // A beat keeps a host from being asked, as an answer does.
    let silent = later(FRESH_MS);
    two.register(&[registered("a", 100, "free=9")], silent);
    let mut rng = SeededRng::new(1);
    assert!(!two.choose(&[], &[1], silent, &mut rng).unwrap().ask);
}

#[test]
fn whatever_happens_somebody_is_chosen_and_counts_stay_sound() {
    let loads = [
        "free=3, queue_ms=1",
        "free=0, draining=?1",
        "free=4000000000, models=\"tiny\"",
        "nonsense",
    ];
    for seed in 0..200 {
        let mut rng = SeededRng::new(seed);
        let count = 1 + u32::try_from(rng.below(5)).unwrap();
        let names: Vec<String> = (0..count).map(|n| format!("h{n}")).collect();
        let mut hosts = Upstreams::new(&names);
        let mut now = START;
        for _ in 0..300 {
            now = now.plus_ms(rng.below(4_000));
            let id = hosts.choose(&["tiny"], &[], now, &mut rng).unwrap().id;
            let load = loads[usize::try_from(rng.below(4)).unwrap()];
            match rng.below(5) {
                0 => hosts.unreachable(id, now),
                1 => hosts.faulted(id, load, now),
                2 => hosts.let_go(id),
                3 => {}
                _ => hosts.answered(id, load, now),
            }
            assert_eq!(hosts.view(now).data.len(), names.len());
        }
    }
}

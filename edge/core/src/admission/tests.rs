use super::*;
use crate::credits::Credits;
use crate::limiter::{Begin, Charge};
use crate::testing::{audio_quota, concurrency, quota, rate};

// A multiple of both slice lengths used below, so that the times are round.
const NOW: UnixMs = UnixMs(1_790_000_040_000);

fn state() -> LimiterState {
    let limits = vec![quota("day", 1000, Period::Day), rate("minute", 2, 60)];
    LimiterState::new(limits, None, NOW)
}

#[test]
fn an_admission_carries_the_headers_of_all_three_kinds() {
    let mut state = state();
    let decision = state.admit(NOW, Charge::plain(1));
    assert_eq!(
        pack(&state, decision, NOW, false),
        "A\n0\n\nw\n2\n1\n1m1s\n\n\n\n\"minute\";q=2;w=60, \"day\";q=1000;w=86400\n\
         \"minute\";r=1;t=61, \"day\";r=999;t=35160"
    );
}

#[test]
fn audio_and_credits_have_headers_too_and_concurrency_has_none() {
    let limits = vec![
        concurrency("parallel", 4),
        audio_quota("day", 3600, Period::Day),
    ];
    let credits = Credits {
        balance: 7,
        refill: None,
    };
    let mut state = LimiterState::new(limits, Some(&credits), NOW);
    let decision = state.admit(NOW, Charge::plain(1));
    assert_eq!(
        pack(&state, decision, NOW, false),
        "A\n0\n\n\n\n\n\n3600\n3600\n9h46m0s\n\"credits\";q=6, \"day\";q=3600;w=86400\n\
         \"credits\";r=6;t=0, \"day\";r=3600;t=35160"
    );
}

#[test]
fn a_refusal_is_read_and_remembered_as_it_was_packed() {
    let mut state = state();
    state.admit(NOW, Charge::plain(2));
    let decision = state.admit(NOW, Charge::plain(1));
    let packed = pack(&state, decision, NOW, false);
    let Some(Answer::Refused(refusal)) = Answer::read(&packed, NOW) else {
        panic!("{packed}");
    };
    assert_eq!(refusal.limit, "minute");
    assert_eq!(refusal.until, NOW.plus_ms(61_000));
    let remembered = refusal.pack(NOW.plus_ms(60_500));
    assert_eq!(
        remembered,
        "L\n500\nminute\nr\n2\n0\n1s\n\n\n\n\"minute\";q=2;w=60, \"day\";q=1000;w=86400\n\
         \"minute\";r=0;t=1"
    );
    assert_eq!(
        Answer::read(&remembered, NOW.plus_ms(60_500)),
        Some(Answer::Refused(refusal))
    );
}

#[test]
fn every_kind_of_limit_refuses_with_its_own_code() {
    let begin = Begin {
        id: "a",
        lasts_ms: 1,
    };
    let upload = Charge {
        cost: 1,
        lease: Some(begin),
    };
    let none = Credits {
        balance: 0,
        refill: None,
    };
    for (limits, credits, code) in [
        (vec![], Some(none), Code::CreditsUsedUp),
        (vec![concurrency("p", 1)], None, Code::ConcurrencyLimited),
        (vec![rate("r", 1, 60)], None, Code::RateLimited),
        (vec![quota("q", 1, Period::Day)], None, Code::QuotaUsedUp),
    ] {
        let mut state = LimiterState::new(limits, credits.as_ref(), NOW);
        state.admit(NOW, upload);
        let other = Charge {
            lease: Some(Begin { id: "b", ..begin }),
            ..upload
        };
        let packed = pack(&state, state.clone().admit(NOW, other), NOW, false);
        let Some(Answer::Refused(refusal)) = Answer::read(&packed, NOW) else {
            panic!("{packed}");
        };
        assert_eq!(refusal.code, code);
        assert!(refusal.retry_after(NOW) <= 31 * 86_400, "{refusal:?}");
    }
}

#[test]
fn permits_travel_in_the_answer_of_an_admission() {
    let mut state = state();
    let decision = state.admit(NOW, Charge::plain(1));
    let packed = pack(&state, decision, NOW, false);
    assert_eq!(permits(&packed), Permits::default());
    let ahead = Permits {
        count: 7,
        last_ms: 250,
        at: NOW,
    };
    let with = with_permits(&packed, ahead);
    assert_eq!(permits(&with), ahead);
    assert_eq!(Answer::read(&with, NOW), Some(Answer::Admitted));
    let fields = |packed: &str| packed.split('\n').skip(3).map(str::to_owned).collect();
    let headers: Vec<String> = fields(&with);
    assert_eq!(headers, fields(&packed));
}

#[test]
fn retry_after_is_never_earlier_than_the_reset() {
    let refusal = |until| Refusal {
        code: Code::RateLimited,
        until: UnixMs(until),
        limit: "l".into(),
        unit: "r".into(),
        count: "1".into(),
        policy: String::new(),
    };
    for (until, now, expected) in [(1, 0, 1), (1000, 0, 1), (1001, 0, 2), (5, 5, 1), (0, 9, 1)] {
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

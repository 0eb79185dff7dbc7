use serde_json::json;

use super::*;
use crate::ports::{RngError, UnixMs};
use crate::testing::{SeededRng, settings};

const NOW: UnixMs = UnixMs(1_795_780_800_500);
/// Of the setting WEBHOOK_RETRY_SECONDS.
const PAUSES: [u32; 10] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800];

/// A generator that has nothing to give.
struct NoRng;

impl Rng for NoRng {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), RngError> {
        Err(RngError)
    }
}

mod signing {
    use super::*;

    // Secret, message and signature of the tests of the specification's libraries
    // (github.com/standard-webhooks/standard-webhooks); the Python package, 1.1.0, computes the same.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: UnixMs = UnixMs(1_614_265_330_000);
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret() -> WebhookSecret {
        WebhookSecret::read(SECRET).unwrap()
    }

    #[test]
    fn a_signature_is_the_specifications() {
        assert_eq!(signatures(&[secret()], ID, AT, BODY), SIGNATURE);
        // Milliseconds are no part of it.
        assert_eq!(
            signatures(&[secret()], ID, AT.plus_ms(999), BODY),
            SIGNATURE
        );
    }

    #[test]
    fn while_secrets_rotate_each_signs_and_every_signed_part_counts() {
        let other = WebhookSecret::draw(&mut SeededRng::new(1)).unwrap();
        let both = signatures(&[other.clone(), secret()], ID, AT, BODY);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(second, SIGNATURE);
        assert_eq!(first, signatures(&[other], ID, AT, BODY));
        for (id, at, body) in [
            ("msg_other", AT, BODY),
            (ID, AT.plus_ms(1_000), BODY),
            (ID, AT, r#"{"test":2432232314}"#),
        ] {
            assert_ne!(signatures(&[secret()], id, at, body), SIGNATURE);
        }
        assert_eq!(signatures(&[], ID, AT, BODY), "");
    }

    #[test]
    fn a_secret_is_drawn_read_again_and_never_printed() {
        let drawn = WebhookSecret::draw(&mut SeededRng::new(2)).unwrap();
        let text = drawn.reveal();
        assert!(text.starts_with("whsec_") && text.len() == 6 + 44, "{text}");
        assert_eq!(WebhookSecret::read(&text), Some(drawn.clone()));
        assert!(!format!("{drawn:?}").contains(&text[6..]));
        assert_ne!(drawn, WebhookSecret::draw(&mut SeededRng::new(3)).unwrap());
        assert!(WebhookSecret::draw(&mut NoRng).is_err());
        for bad in ["", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(WebhookSecret::read(bad), None, "{bad}");
        }
        assert_eq!(
            WebhookSecret::read(&format!("whsec_{}", "A".repeat(88))),
            None
        );
    }
}

#[test]
fn the_payload_is_thin_and_says_when() {
    let data = json!({"job_id": "job_1", "state": "succeeded"});
    let body = payload("job.succeeded", NOW, &data).unwrap();
    let read: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        read,
        json!({"type": "job.succeeded", "timestamp": "2026-11-27T12:00:00Z", "data": data})
    );
    let epoch = payload("a\"b", UnixMs(0), &json!({})).unwrap();
    let read: serde_json::Value = serde_json::from_str(&epoch).unwrap();
    assert_eq!(read["timestamp"], "1970-01-01T00:00:00Z");
    assert_eq!(read["type"], "a\"b");
}

mod schedule {
    use super::*;

    #[test]
    fn pauses_grow_over_a_day_and_then_it_ends() {
        let mut rng = SeededRng::new(4);
        let mut sum = 0;
        let mut before = 0;
        for made in 1..=10 {
            let pause = pause_ms(&PAUSES, made, None, &mut rng).unwrap();
            let middle = u64::from(PAUSES[made as usize - 1]) * 1000;
            assert!(pause.abs_diff(middle) <= middle / 10 + 1, "{made}: {pause}");
            assert!(pause > before || made == 10, "{made}: {pause}");
            (before, sum) = (pause, sum + pause);
        }
        assert!((20 * 3_600_000..26 * 3_600_000).contains(&sum), "{sum}");
        assert_eq!(pause_ms(&PAUSES, 11, None, &mut rng), None);
        assert_eq!(pause_ms(&PAUSES, 0, None, &mut rng), None);
        assert_eq!(pause_ms(&[], 1, None, &mut rng), None);
    }

    #[test]
    fn chance_spreads_what_failed_together_within_a_tenth() {
        let pauses = |seed| pause_ms(&[100], 1, None, &mut SeededRng::new(seed)).unwrap();
        let all: Vec<u64> = (0..200).map(pauses).collect();
        assert!(all.iter().all(|pause| (90_000..=110_000).contains(pause)));
        let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!(*least < 92_000 && *most > 108_000, "{least} to {most}");
        let without = pause_ms(&[100], 1, None, &mut NoRng).unwrap();
        assert!(without.abs_diff(100_000) < 10, "{without}");
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_and_for_no_shorter_and_no_endless_one() {
        let asked = |ms| pause_ms(&[60], 1, Some(ms), &mut NoRng).unwrap();
        assert_eq!(asked(300_000), 300_000);
        assert!(asked(0).abs_diff(60_000) < 10);
        assert_eq!(asked(u64::MAX), MAX_RETRY_AFTER_MS);
        // It makes no attempts beyond the last.
        assert_eq!(pause_ms(&[60], 2, Some(1), &mut NoRng), None);
    }
}

mod verdicts {
    use super::*;

    fn of(outcome: Outcome<'static>, made: u32) -> Verdict<'static> {
        judge(outcome, &[60, 60], made, None, NOW, &mut NoRng)
    }

    #[test]
    fn every_2xx_is_a_yes() {
        for status in [200, 201, 202, 204, 299] {
            let verdict = of(Outcome::Answered(status), 1);
            assert_eq!(verdict.state, DeliveryState::Delivered, "{status}");
            assert_eq!(
                (verdict.next, verdict.error, verdict.gone),
                (None, None, false)
            );
        }
    }

    #[test]
    fn what_failed_is_tried_again_until_the_last_time() {
        for (outcome, error) in [
            (Outcome::Answered(500), "status"),
            (Outcome::Answered(429), "status"),
            (Outcome::Answered(404), "status"),
            (Outcome::Answered(101), "status"),
            (Outcome::Answered(301), "redirect"),
            (Outcome::Answered(307), "redirect"),
            (Outcome::Failed("timeout"), "timeout"),
            (Outcome::Failed("unreachable"), "unreachable"),
        ] {
            for made in [1, 2] {
                let verdict = of(outcome, made);
                assert_eq!(verdict.state, DeliveryState::Pending, "{outcome:?}");
                assert_eq!(verdict.error, Some(error));
                let pause = verdict.next.unwrap() - NOW.0;
                assert!(pause.abs_diff(60_000) < 10, "{pause}");
            }
            let last = of(outcome, 3);
            assert_eq!((last.state, last.next), (DeliveryState::Failed, None));
            assert_eq!((last.error, last.gone), (Some(error), false));
        }
    }

    #[test]
    fn a_receiver_that_is_gone_is_asked_no_more() {
        let verdict = of(Outcome::Answered(410), 1);
        assert_eq!(
            verdict,
            Verdict {
                state: DeliveryState::Failed,
                next: None,
                error: Some("gone"),
                gone: true
            }
        );
    }
}

mod wishes {
    use super::*;

    fn make(body: &str) -> Result<NewWebhook, EdgeError> {
        new_webhook(body.as_bytes(), NOW, &mut SeededRng::new(5))
    }

    #[test]
    fn a_webhook_is_told_of_everything_unless_it_says_of_what() {
        let all = make(r#"{"url": "https://a.example/"}"#).unwrap();
        assert_eq!(all.events, EventType::ALL);
        assert_eq!((all.created_at, all.name.as_deref()), (NOW.seconds(), None));
        assert!(is_id(&all.id));
        assert!(WebhookSecret::read(&all.secret).is_some());
        assert!(!format!("{all:?}").contains(&all.secret));
        let some = make(r#"{"url": "https://a.example/", "events": ["job.failed"], "name": "é"}"#);
        let some = some.unwrap();
        assert_eq!(some.events, [EventType::JobFailed]);
        assert_eq!(some.name.as_deref(), Some("é"));
    }

    #[test]
    fn a_wish_out_of_bounds_is_refused() {
        let long = format!(r#"{{"url": "https://{}"}}"#, "a".repeat(MAX_URL_BYTES));
        for body in [
            "",
            "[]",
            "{}",
            r#"{"url": ""}"#,
            &long,
            r#"{"url": "u", "events": []}"#,
            r#"{"url": "u", "events": ["job.failed", "job.failed"]}"#,
            r#"{"url": "u", "events": ["webhook.test"]}"#,
            r#"{"url": "u", "name": ""}"#,
            r#"{"url": "u", "name": "a\nb"}"#,
            r#"{"url": "u", "secret": "whsec_mine"}"#,
        ] {
            assert!(make(body).is_err(), "{body}");
        }
        for body in [
            "null",
            r#"{"url": null, "id": "wh_1"}"#,
            r#"{"events": []}"#,
            r#"{"name": ""}"#,
            r#"{"enabled": "yes"}"#,
        ] {
            assert!(patch(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_change_names_what_it_changes_and_null_takes_the_name_away() {
        let told = |body: &str| serde_json::to_value(patch(body.as_bytes()).unwrap()).unwrap();
        assert_eq!(told("{}"), json!({}));
        assert_eq!(told(r#"{"name": null}"#), json!({"name": null}));
        let whole = json!({
            "url": "https://b.example/", "events": ["job.failed"], "name": "b", "enabled": false,
        });
        assert_eq!(told(&whole.to_string()), whole);
        assert!(patch(br#"{"url": "https://b.example/"}"#).unwrap().moves());
        assert!(!patch(br#"{"enabled": true}"#).unwrap().moves());
    }

    #[test]
    fn an_overlap_is_a_day_unless_it_is_said_and_a_week_at_most() {
        for (body, ms) in [
            ("", 86_400_000),
            ("{}", 86_400_000),
            (r#"{"overlap_seconds": 0}"#, 0),
            (r#"{"overlap_seconds": 604800}"#, 604_800_000),
        ] {
            assert_eq!(overlap_ms(body.as_bytes()), Ok(ms), "{body}");
        }
        for body in [r#"{"overlap_seconds": 604801}"#, r#"{"overlap": 1}"#, "1"] {
            assert!(overlap_ms(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_request_is_known_again_by_caller_path_and_key() {
        let of = |key: &str, credential: &str, path: &str, body: &str| {
            repeat(key, credential, path, body.as_bytes())
                .unwrap()
                .unwrap()
        };
        let one = of("once", "Bearer a", "/v1/webhooks", "{}");
        assert_eq!(of("once", "Bearer a", "/v1/webhooks", "{}"), one);
        for (key, credential, path) in [
            ("twice", "Bearer a", "/v1/webhooks"),
            ("once", "Bearer b", "/v1/webhooks"),
            ("once", "Bearer a", "/v1/webhooks/wh_1/test"),
        ] {
            assert_ne!(of(key, credential, path, "{}").mark, one.mark);
        }
        let other = of("once", "Bearer a", "/v1/webhooks", "");
        assert_eq!(other.mark, one.mark);
        assert_ne!(other.request, one.request);
        assert_eq!(repeat("", "Bearer a", "/v1/webhooks", b"{}"), Ok(None));
        assert!(repeat(&"k".repeat(256), "", "", b"").is_err());
    }

    #[test]
    fn what_can_be_no_id_is_not_looked_for() {
        assert!(is_id("wh_00000000000000000000"));
        for none in [
            "",
            "wh_",
            "wh_1",
            "evt_00000000000000000000",
            "wh_0000000000000000000'",
        ] {
            assert!(!is_id(none), "{none}");
        }
        assert!(
            new_event_id(&mut SeededRng::new(6))
                .unwrap()
                .starts_with("evt_")
        );
    }
}

#[test]
fn a_page_ends_where_the_next_begins_and_is_of_this_account_and_webhook_alone() {
    let settings = settings();
    let row = |n: u64| DeliveryRow {
        n,
        delivery: Delivery {
            id: format!("evt_{n}"),
            r#type: "job.failed".into(),
            state: DeliveryState::Pending,
            created_at: 1,
            next_attempt_at: Some(2),
            attempts: Vec::new(),
        },
    };
    let of = |account: &str, webhook: Option<&str>, cursor: Option<&str>| {
        Listing::of(&settings, account, webhook, Some("2"), cursor)
    };
    let first = of("owner:acme", Some("wh_1"), None).unwrap();
    assert_eq!(first.limit, 3);
    let page = first.deliveries(&settings, vec![row(9), row(7), row(5)]);
    assert_eq!(page.data.len(), 2);
    let cursor = page.next_cursor.as_deref();
    assert_eq!(of("owner:acme", Some("wh_1"), cursor).unwrap().before, 7);
    for (account, webhook) in [
        ("owner:rival", Some("wh_1")),
        ("owner:acme", Some("wh_2")),
        ("owner:acme", None),
    ] {
        assert!(of(account, webhook, cursor).is_err());
    }
    let last = first.deliveries(&settings, vec![row(5), row(3)]);
    assert_eq!((last.data.len(), last.next_cursor), (2, None));
}

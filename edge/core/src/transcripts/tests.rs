use inference_api::keeping::{Brought, FIND_PATH, KEEP_PATH, Likeness, Sought};
use inference_api::render::{ResponseFormat, canonical, render};
use inference_api::signature::Secret;
use inference_api::statement::encode;
use inference_api::transcript::{Segment, Task, Transcript};

use super::*;
use crate::plan::Plan;
use crate::testing::{SeededRng, plan, record};

pub(super) const NOW: UnixMs = UnixMs(1_790_000_000_500);

fn secrets() -> Vec<Secret> {
    let (new, old) = ("n".repeat(32), "o".repeat(32));
    Secret::parse_list(&format!("{new},{old}")).unwrap()
}

pub(super) fn about() -> About {
    About {
        id: "tr_1".into(),
        object: "transcript".into(),
        created_at: NOW.seconds(),
        expires_at: None,
        name: Some("talk.flac".into()),
        model: "tiny.en".into(),
        task: "transcribe".into(),
        language: "en".into(),
        duration: 1.5,
        links: 0,
        has_audio: false,
    }
}

pub(super) fn transcript() -> Transcript {
    Transcript {
        task: Task::Transcribe,
        language: inference_api::language::Language::ENGLISH,
        language_probability: None,
        duration: 1.5,
        segments: vec![Segment {
            id: 0,
            seek: 0,
            start: 0.0,
            end: 1.5,
            text: " Hello.".into(),
            tokens: vec![1],
            temperature: 0.0,
            avg_logprob: -0.1,
            compression_ratio: 1.0,
            no_speech_prob: 0.0,
        }],
        words: Some(Vec::new()),
        logprobs: None,
    }
}

fn likeness() -> Likeness {
    Likeness {
        account: "owner:acme".into(),
        audio: "a".repeat(64),
        parameters: "b".repeat(64),
    }
}

fn statement(body: &str) -> Brought {
    Brought {
        id: "tr_00000000000000000001".into(),
        likeness: likeness(),
        until_ms: None,
        key_id: "key_1".into(),
        model: "tiny.en".into(),
        name: None,
        body: hex::encode(Sha256::digest(body)),
        once: None,
        listed: true,
        job: None,
    }
}

fn is_refused<T>(result: &Result<T, EdgeError>) -> bool {
    matches!(result, Err(EdgeError::InvalidSignature(_)))
}

#[test]
fn an_owners_account_is_shared_by_his_keys_and_is_no_keys() {
    let mut of_owner = record("key_9");
    of_owner.owner = Some("key_1".into());
    let mut without = record("key_9");
    (without.id, without.owner) = ("key_1".into(), None);
    assert_eq!(account_of(&of_owner), account_of_owner("key_1"));
    assert_ne!(account_of(&of_owner), account_of(&without));
}

#[test]
fn keeping_is_asked_for_in_the_query_or_in_a_header() {
    for (query, header, wanted) in [
        (None, "", false),
        (Some("true"), "", true),
        (Some("1"), "", true),
        (None, "true", true),
        (Some("false"), "", false),
        (Some("0"), "true", true),
    ] {
        assert_eq!(is_wanted(query, header), Ok(wanted), "{query:?} {header}");
    }
    for (query, header, at) in [
        (Some(""), "", "store"),
        (Some("yes"), "", "store"),
        (None, "TRUE!", "x-store"),
    ] {
        let refused = is_wanted(query, header);
        assert!(
            matches!(refused, Err(EdgeError::InvalidValue { param, .. }) if param == at),
            "{query:?} {header}"
        );
    }
}

fn kept_for(plan: Option<&Plan>, seed: u64) -> Keep {
    let (record, mut rng) = (record("key_9"), SeededRng::new(seed));
    let terms = record.terms(plan);
    let edge = "https://edge.example";
    keep(&record, &terms, edge, true, None, NOW, &mut rng).unwrap()
}

#[test]
fn what_is_kept_for_the_same_request_alone_is_kept_for_a_day() {
    let plan = Plan {
        retention_days: Some(7),
        ..plan("week")
    };
    let (record, mut rng) = (record("key_9"), SeededRng::new(1));
    let terms = record.terms(Some(&plan));
    let mut kept_as = |listed| {
        let once = Some("mark".to_owned());
        keep(&record, &terms, "", listed, once, NOW, &mut rng).unwrap()
    };
    let (listed, unlisted) = (kept_as(true), kept_as(false));
    assert_eq!(listed.until_ms, Some(NOW.0 + 7 * DAY_MS));
    assert_eq!(unlisted.until_ms, Some(NOW.0 + DAY_MS));
    assert!(listed.listed && !unlisted.listed);
    assert_eq!(unlisted.once.as_deref(), Some("mark"));
    let wish = |listed, once| Wish { listed, once }.is_any();
    assert!(wish(true, false) && wish(false, true) && !wish(false, false));
}

#[test]
fn no_two_transcripts_have_one_id() {
    let (one, other) = (kept_for(None, 1), kept_for(None, 2));
    assert!(is_id(&one.id) && is_id(&other.id));
    assert_ne!(one.id, other.id);
    assert_eq!(one.edge, "https://edge.example");
    for none in [
        "",
        "tr_",
        "tr_1",
        "export",
        "tr_aaaaaaaaaaaaaaaaaaa'",
        "key_aaaaaaaaaaaaaaaaaaaa",
    ] {
        assert!(!is_id(none), "{none}");
    }
}

#[test]
fn the_plan_says_how_long_a_transcript_is_kept() {
    let month = Plan {
        retention_days: Some(30),
        ..plan("month")
    };
    let until = NOW.plus_ms(30 * 86_400_000).0;
    assert_eq!(kept_for(Some(&month), 1).until_ms, Some(until));
    assert_eq!(kept_for(Some(&plan("good")), 1).until_ms, None);
    assert_eq!(kept_for(None, 1).until_ms, None);
}

#[test]
fn a_line_of_an_export_is_what_is_known_and_the_whole_transcript() {
    let line = format!(
        "{}{}}}",
        export_head(&about()).unwrap(),
        canonical(&transcript())
    );
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["id"], "tr_1");
    assert_eq!(line["transcript"]["segments"][0]["text"], " Hello.");
    assert!(!line.to_string().contains('\n'));
}

mod pages {
    use super::*;
    use crate::error::EdgeError;
    use crate::testing::settings;

    fn asked(limit: &str, cursor: Option<String>) -> TranscriptFilter {
        TranscriptFilter {
            limit: Some(limit.to_owned()),
            cursor,
            ..TranscriptFilter::default()
        }
    }

    fn found(serials: &[u64]) -> Vec<(u64, TranscriptSummary)> {
        let summary = |&serial| {
            let about = about();
            let excerpt = String::new();
            (serial, TranscriptSummary { about, excerpt })
        };
        serials.iter().map(summary).collect()
    }

    #[test]
    fn a_page_ends_where_the_next_begins_and_the_last_has_none() {
        let settings = settings();
        let filter = asked("2", None);
        let first = query(&settings, "owner:acme", &filter, NOW).unwrap();
        assert_eq!((first.limit, first.from, first.before), (3, 0, serial::END));
        let page = next_page(&settings, "owner:acme", &filter, 3, found(&[9, 7, 5]));
        assert_eq!(page.data.len(), 2);
        let filter = asked("2", page.next_cursor.clone());
        let second = query(&settings, "owner:acme", &filter, NOW).unwrap();
        assert_eq!(second.before, 7);
        let last = next_page(&settings, "owner:acme", &filter, 3, found(&[5, 3]));
        assert_eq!((last.data.len(), last.next_cursor), (2, None));
        // It is of this account and this question alone.
        for (account, language) in [("owner:rival", None), ("owner:acme", Some("en".to_owned()))] {
            let other = TranscriptFilter {
                language,
                ..filter.clone()
            };
            let refused = query(&settings, account, &other, NOW);
            assert!(matches!(
                refused,
                Err(EdgeError::InvalidValue {
                    param: "cursor",
                    ..
                })
            ));
        }
    }

    #[test]
    fn a_span_of_time_is_a_span_of_numbers() {
        let filter = TranscriptFilter {
            from: Some("1000".into()),
            to: Some("2000".into()),
            ..TranscriptFilter::default()
        };
        let query = query(&settings(), "owner:acme", &filter, NOW).unwrap();
        assert_eq!(query.from, 1_000_000 * 1_024);
        assert_eq!(query.before, 2_000_000 * 1_024);
    }

    #[test]
    fn a_parameter_out_of_bounds_is_refused() {
        let with = |set: fn(&mut TranscriptFilter)| {
            let mut filter = TranscriptFilter::default();
            set(&mut filter);
            query(&settings(), "owner:acme", &filter, NOW)
        };
        for refused in [
            with(|filter| filter.limit = Some("0".into())),
            with(|filter| filter.limit = Some("1001".into())),
            with(|filter| filter.from = Some("yesterday".into())),
            with(|filter| filter.to = Some("-1".into())),
            with(|filter| filter.language = Some("english".into())),
            with(|filter| filter.q = Some("!".into())),
            with(|filter| filter.cursor = Some("x".into())),
        ] {
            assert!(matches!(refused, Err(EdgeError::InvalidValue { .. })));
        }
    }
}

#[test]
fn what_hosts_say_is_taken_where_either_secret_signed_it_for_this_purpose() {
    let body = canonical(&transcript());
    let said = encode(&statement(&body));
    let sought_for = Sought {
        likeness: likeness(),
        until_ms: Some(NOW.0),
        once: None,
        listed: true,
    };
    let said_for = encode(&sought_for);
    for secret in secrets() {
        let sign = |path: &str, said: &str| secret.sign("POST", path, said, NOW.seconds());
        let signature = sign(KEEP_PATH, &said);
        let of = announced(&secrets(), (&signature, &said), NOW).unwrap();
        let kept = brought(of, body.clone().into_bytes(), NOW).unwrap();
        assert_eq!((kept.task, kept.language.as_str()), ("transcribe", "en"));
        assert_eq!((kept.duration_ms, kept.created_at), (1_500, NOW));
        assert_eq!(
            (kept.excerpt.as_str(), kept.words.as_str()),
            ("Hello.", "Hello.")
        );
        let signature = sign(FIND_PATH, &said_for);
        let found = sought(&secrets(), (&signature, &said_for), NOW);
        assert_eq!(found.as_ref(), Ok(&sought_for));
        // Neither stands for the other.
        let signature = sign(FIND_PATH, &said);
        let other = announced(&secrets(), (&signature, &said), NOW);
        assert!(is_refused(&other));
    }
}

#[test]
fn what_is_forged_stale_or_of_another_body_is_refused() {
    let body = canonical(&transcript());
    let said = encode(&statement(&body));
    let sign = |at: u64| secrets()[0].sign("POST", KEEP_PATH, &said, at);
    let take = |signature: &str, said: &str, body: &str| {
        announced(&secrets(), (signature, said), NOW)
            .and_then(|of| brought(of, body.as_bytes().to_vec(), NOW))
    };
    let good = sign(NOW.seconds());
    assert!(take(&good, &said, &body).is_ok());
    let other = body.replace("Hello", "Hallo");
    assert!(is_refused(&take(&good, &said, &other)));
    assert!(is_refused(&take(&sign(NOW.seconds() - 61), &said, &body)));
    assert!(is_refused(&take("", "", &body)));
    let elsewhere = encode(&Brought {
        likeness: Likeness {
            account: "owner:other".into(),
            ..likeness()
        },
        ..statement(&body)
    });
    assert!(is_refused(&take(&good, &elsewhere, &body)));
    for id in [
        "",
        "tr_1",
        "tr_../../../../../../../..",
        "key_00000000000000000001",
    ] {
        let said = encode(&Brought {
            id: id.into(),
            ..statement(&body)
        });
        let signature = secrets()[0].sign("POST", KEEP_PATH, &said, NOW.seconds());
        assert!(is_refused(&take(&signature, &said, &body)), "{id}");
    }
    // Signed, and yet none.
    for none in ["", "{}", "[]", "\u{0}"] {
        let said = encode(&statement(none));
        let signature = secrets()[0].sign("POST", KEEP_PATH, &said, NOW.seconds());
        assert!(is_refused(&take(&signature, &said, none)), "{none:?}");
    }
}

#[test]
fn a_transcript_is_shown_in_every_format() {
    let row = || Row {
        about: about(),
        body: canonical(&transcript()),
    };
    let detail = show(row(), Shown::of(None).unwrap()).unwrap();
    let detail: serde_json::Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(
        detail,
        serde_json::json!({
            "id": "tr_1", "object": "transcript", "created_at": NOW.seconds(), "expires_at": null,
            "links": 0, "has_audio": false,
            "name": "talk.flac", "model": "tiny.en", "task": "transcribe", "language": "en",
            "duration": 1.5, "text": "Hello.",
        })
    );
    for format in ResponseFormat::ALL {
        let shown = Shown::of(Some(format.as_str())).unwrap();
        assert_eq!(shown.content_type(), format.content_type());
        let text = show(row(), shown).unwrap();
        assert_eq!(text, render(&transcript(), format));
    }
    for unknown in ["", "pdf", "JSON"] {
        assert!(Shown::of(Some(unknown)).is_err(), "{unknown}");
    }
    let broken = Row {
        body: "{".into(),
        ..row()
    };
    assert!(matches!(
        show(broken, Shown::Detail),
        Err(EdgeError::Internal(_))
    ));
}

use inference_api::job::Fetch;
use serde_json::json;

use super::*;
use crate::admission::{Code, pack, pack_bare};
use crate::config::Settings;
use crate::key_record::KeyRecord;
use crate::limit::{Limit, Period, Rule, Unit};
use crate::limiter::{Begin, Charge, Decision, LimiterState};
use crate::ports::UnixMs;
use crate::scope::Scope;
use crate::testing::{SeededRng, settings};
use crate::usage::{Measured, Outcome};

const NOW: UnixMs = UnixMs(1_790_000_000_000);
const UPLOAD: &str = "up_00000000000000000001";

fn record() -> KeyRecord {
    KeyRecord {
        id: "key_1".into(),
        owner: Some("acme".into()),
        ..KeyRecord::blank(0)
    }
}

fn make_in(settings: &Settings, item: &serde_json::Value) -> Result<JobSpec, EdgeError> {
    let record = record();
    let terms = record.terms(None);
    let making = Making {
        settings,
        record: &record,
        terms: &terms,
        edge: "https://edge.example",
        now: NOW,
    };
    making.of_json(item.to_string().as_bytes(), &mut SeededRng::new(1))
}

fn make(item: &serde_json::Value) -> Result<JobSpec, EdgeError> {
    make_in(&settings(), item)
}

#[test]
fn a_job_tells_its_host_what_was_asked() {
    let item = json!({"upload_id": UPLOAD, "model": "base", "task": "translate", "language": "DE",
        "prompt": "Zöe", "hotwords": "Kubernetes", "temperature": 0.5, "condition_on_previous_text": true,
        "name": "talk", "metadata": {"a": 1}, "webhook": "wh_00000000000000000001"});
    let spec = make(&item).unwrap();
    let fields: Vec<_> = spec
        .fields
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("model", "base"),
            ("language", "de"),
            ("prompt", "Zöe"),
            ("hotwords", "Kubernetes"),
            ("temperature", "0.5"),
            ("condition_on_previous_text", "true"),
        ]
    );
    let claims = spec.claims(&settings(), "req".into(), Some("a".repeat(64)), NOW);
    let job = claims.job.unwrap();
    assert_eq!((job.id.as_str(), job.fetch), (spec.id.as_str(), Fetch::Off));
    assert_eq!(claims.scopes, ["translate"]);
    assert!(claims.priority < 5, "who waits comes first");
    assert_eq!(claims.keep.unwrap().account, "owner:acme");
    assert!(is_id(JOB_PREFIX, &spec.id));
    let again: JobSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
}

#[test]
fn what_must_fail_is_not_taken() {
    let long = "x".repeat(2_049);
    for item in [
        json!({}),
        json!([]),
        json!({"upload_id": UPLOAD, "url": "https://a.example"}),
        json!({"upload_id": "up_1"}),
        json!({"upload_id": "job_00000000000000000001"}),
        json!({"upload_id": UPLOAD, "model": "no such model!"}),
        json!({"upload_id": UPLOAD, "task": "sing"}),
        json!({"upload_id": UPLOAD, "language": "xx"}),
        json!({"upload_id": UPLOAD, "temperature": 1.1}),
        json!({"upload_id": UPLOAD, "temperature": -0.1}),
        json!({"upload_id": UPLOAD, "prompt": long}),
        json!({"upload_id": UPLOAD, "hotwords": long}),
        json!({"upload_id": UPLOAD, "name": ""}),
        json!({"upload_id": UPLOAD, "name": "a\nb"}),
        json!({"upload_id": UPLOAD, "metadata": {"a": long}}),
        json!({"upload_id": UPLOAD, "webhook": "https://a.example"}),
        json!({"upload_id": UPLOAD, "unknown": 1}),
        // Switched off.
        json!({"url": "https://a.example/talk.flac"}),
    ] {
        assert!(make(&item).is_err(), "{item}");
    }
    assert!(make(&json!({"upload_id": UPLOAD})).is_ok());
}

#[test]
fn an_address_must_be_https_but_for_development() {
    let mut settings = settings();
    settings.fetch = Fetch::Public;
    let good = json!({"url": "https://a.example/talk.flac?x=1"});
    let spec = make_in(&settings, &good).unwrap();
    assert_eq!(spec.fields[1].0, "url");
    for url in [
        "http://a.example",
        "ftp://a.example",
        "file:///etc/passwd",
        "https://a.example/\r\nx: y",
        "https://bücher.example/",
        &format!("https://a.example/{}", "a".repeat(2_048)),
    ] {
        let refused = make_in(&settings, &json!({ "url": url }));
        assert_eq!(refused.unwrap_err(), EdgeError::UrlNotAllowed, "{url}");
    }
    settings.fetch = Fetch::Development;
    assert!(make_in(&settings, &json!({"url": "http://127.0.0.1:1/a"})).is_ok());
}

#[test]
fn a_job_needs_the_scope_of_its_task() {
    let mut record = record();
    record.scopes = Some(vec![Scope::Jobs, Scope::Transcribe]);
    let (settings, terms) = (settings(), record.terms(None));
    let making = Making {
        settings: &settings,
        record: &record,
        terms: &terms,
        edge: "https://edge.example",
        now: NOW,
    };
    let source = Source::Form {
        content_type: "multipart/form-data; boundary=x".into(),
        task: inference_api::transcript::Task::Translate,
    };
    let refused = making.make(source, &mut SeededRng::new(1));
    assert_eq!(
        refused.unwrap_err(),
        EdgeError::InsufficientScope(Scope::Translate)
    );
}

#[test]
fn a_batch_is_of_1_to_100() {
    let batch = |jobs: usize| json!({"jobs": vec![json!({}); jobs]}).to_string();
    assert!(BatchRequest::read(batch(0).as_bytes()).is_err());
    assert!(BatchRequest::read(batch(1).as_bytes()).is_ok());
    assert!(BatchRequest::read(batch(100).as_bytes()).is_ok());
    assert!(BatchRequest::read(batch(101).as_bytes()).is_err());
}

#[test]
fn what_is_the_callers_fault_is_final_and_all_else_is_tried_again() {
    for status in [400, 401, 403, 404, 409, 413, 415, 422] {
        assert_eq!(fate(status, 1, 12), Fate::Failed, "{status}");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        assert_eq!(fate(status, 1, 12), Fate::Again(1_000), "{status}");
        assert_eq!(fate(status, 12, 12), Fate::Dead, "{status}");
    }
    let pauses: Vec<_> = (1..12).map(|attempt| fate(503, attempt, 12)).collect();
    for pair in pauses.windows(2) {
        let (Fate::Again(one), Fate::Again(next)) = (pair[0], pair[1]) else {
            panic!("{pair:?}");
        };
        assert!(next == 2 * one || next == 600_000, "{one} {next}");
    }
    assert_eq!(fate(503, 99, 1_000), Fate::Again(600_000));
}

fn limiter(rules: Vec<Rule>) -> LimiterState {
    let limits = rules.into_iter().enumerate();
    let limits = limits.map(|(n, rule)| Limit {
        name: format!("l{n}"),
        rule,
    });
    LimiterState::new(limits.collect(), None, NOW)
}

fn ask(state: &mut LimiterState, id: &str) -> (Decision, Start) {
    let lease = Some(Begin {
        id,
        lasts_ms: 60_000,
    });
    let decision = state.admit(NOW, Charge { cost: 1, lease });
    (decision, start(&pack(state, decision, NOW, false), NOW))
}

#[test]
fn a_job_waits_for_its_keys_limits_but_not_for_a_month() {
    let mut state = limiter(vec![Rule::Concurrency { limit: 1 }]);
    assert_eq!(ask(&mut state, "a").1, Start::Go);
    assert!(matches!(ask(&mut state, "b").1, Start::Later(1..=1_000)));
    let mut state = limiter(vec![Rule::Rate {
        unit: Unit::Requests,
        limit: 1,
        window_seconds: 60,
    }]);
    assert_eq!(ask(&mut state, "a").1, Start::Go);
    assert!(matches!(
        ask(&mut state, "b").1,
        Start::Later(1_000..=61_000)
    ));
    let mut state = limiter(vec![Rule::Quota {
        unit: Unit::Requests,
        limit: 1,
        period: Period::Month,
    }]);
    assert_eq!(ask(&mut state, "a").1, Start::Go);
    let Start::Never(refused) = ask(&mut state, "b").1 else {
        panic!("it waits for a month");
    };
    assert_eq!(
        (refused.status, refused.error.code.as_str()),
        (429, "insufficient_quota")
    );
    for code in [Code::Revoked, Code::Disabled, Code::Expired] {
        assert!(matches!(start(&pack_bare(code), NOW), Start::Never(_)));
    }
    assert_eq!(
        start(&pack_bare(Code::Unconfigured), NOW),
        Start::Later(5_000)
    );
    assert_eq!(start("garbage", NOW), Start::Later(5_000));
}

#[test]
fn a_job_whose_start_is_asked_for_twice_is_charged_once() {
    let mut state = limiter(vec![
        Rule::Quota {
            unit: Unit::Requests,
            limit: 2,
            period: Period::Day,
        },
        Rule::Quota {
            unit: Unit::AudioSeconds,
            limit: 100,
            period: Period::Day,
        },
    ]);
    for _ in 0..5 {
        assert_eq!(ask(&mut state, "a").0, Decision::Admitted);
    }
    let measured = Measured {
        audio_ms: 10_000,
        ..Measured::default()
    };
    for _ in 0..3 {
        state.settle(NOW, "a", Outcome::Served, measured);
    }
    let left: Vec<_> = state.standings(NOW).map(|s| s.remaining).collect();
    assert_eq!(left, [1, 90]);
}

#[test]
fn every_byte_of_a_file_is_in_one_part() {
    for bytes in [
        1,
        PART_BYTES - 1,
        PART_BYTES,
        PART_BYTES + 1,
        5 * 1024 * 1024 * 1024,
    ] {
        let lengths: Vec<_> = (1..).map_while(|n| part_length(bytes, n)).collect();
        assert_eq!(lengths.iter().sum::<u64>(), bytes);
        let (last, whole) = lengths.split_last().unwrap();
        assert!(whole.iter().all(|length| *length == PART_BYTES));
        assert!((1..=PART_BYTES).contains(last));
    }
    assert_eq!(part_length(10, 0), None);
    assert_eq!(part_length(10, 2), None);
    assert_eq!(part_length(u64::MAX, MAX_PARTS + 1), None);
}

#[test]
fn an_upload_out_of_range_is_refused() {
    let read = |body: serde_json::Value| UploadRequest::read(body.to_string().as_bytes(), 1_000);
    assert!(read(json!({"name": "a", "bytes": 1_000})).is_ok());
    assert!(read(json!({"name": "a", "bytes": 1, "sha256": "0a".repeat(32)})).is_ok());
    for body in [
        json!({"name": "a"}),
        json!({"name": "", "bytes": 1}),
        json!({"name": "a\u{0}", "bytes": 1}),
        json!({"name": "a", "bytes": 0}),
        json!({"name": "a", "bytes": 1_001}),
        json!({"name": "a", "bytes": -1}),
        json!({"name": "a", "bytes": 1, "sha256": "0A".repeat(32)}),
        json!({"name": "a", "bytes": 1, "sha256": "00"}),
        json!({"name": "a", "bytes": 1, "other": 1}),
    ] {
        assert!(read(body.clone()).is_err(), "{body}");
    }
}

#[test]
fn preferences_are_read_as_rfc_7240_writes_them() {
    for yes in [
        "respond-async",
        "Respond-Async",
        "wait=10, respond-async",
        "respond-async; x=1",
    ] {
        assert!(prefers_async(yes), "{yes}");
    }
    for no in [
        "",
        "respond-asynchronously",
        "return=minimal",
        "x=respond-async",
    ] {
        assert!(!prefers_async(no), "{no}");
    }
}

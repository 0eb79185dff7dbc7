//! create, list, show and revoke against the admin API's own rules.

use edge_core::credits::Credits;
use edge_core::limit::{Limit, Period};
use edge_core::testing::{Fault, Memory, audio_quota, concurrency, quota, rate};
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::keyctl;

use crate::stored::{id, memory_of, memory_with};

#[test]
fn a_created_key_stands_alone_on_standard_output() {
    let server = admin_api(Memory::default());
    let ended = keyctl(&server, &["create", "--name", "ci"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let key = ended.stdout.trim_end();
    assert!(key.starts_with("wk_live_") && !key.contains(char::is_whitespace));
    assert!(!ended.stderr.contains(key), "{ended:?}");
    assert!(ended.stderr.contains("shown once"), "{ended:?}");
    assert!(ended.stderr.contains("limits   minute=60/1m"), "{ended:?}");
    let request = server.request();
    assert_eq!(request.body, br#"{"name":"ci","enabled":true}"#);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("idempotency-key").map(str::len), Some(32));
}

#[test]
fn every_flag_of_create_reaches_the_record() {
    let server = admin_api(Memory::default());
    let plan = keyctl(
        &server,
        &[
            "plan",
            "put",
            "pro",
            "--limit",
            "minute=600/1m",
            "--self-service",
        ],
    );
    assert_eq!(plan.code, 0, "{plan:?}");
    let flags = "create --json --name c --owner acme --plan pro --scope transcribe \
        --scope transcripts:read --model tiny.en --model base --limit minute=100/1m \
        --limit day=1000/day --limit audio=10h-audio/month --limit parallel=4@once \
        --credits 1000+500/month --cost 3 --allow-ip 192.0.2.0/24 --allow-ip 2001:db8::1 \
        --allow-origin https://app.example --expires-at 2030-01-01T00:00:00Z --disabled \
        --self-service --metadata {\"team\":\"a\"}";
    let created = keyctl(&server, &flags.split_whitespace().collect::<Vec<_>>());
    assert_eq!(created.code, 0, "{created:?}");
    let created: Value = serde_json::from_str(&created.stdout).unwrap();
    assert!(created["key"].as_str().unwrap().starts_with("wk_live_"));

    let id = created["id"].as_str().unwrap();
    let shown = keyctl(&server, &["show", id, "--json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["key"], Value::Null);
    for (field, value) in [
        ("name", json!("c")),
        ("owner", json!("acme")),
        ("plan", json!("pro")),
        ("scopes", json!(["transcribe", "transcripts:read"])),
        ("models", json!(["tiny.en", "base"])),
        (
            "credits",
            json!({"balance": 1_000, "refill": {"amount": 500, "period": "month"}}),
        ),
        ("credits_left", json!(1_000)),
        ("cost", json!(3)),
        ("allowed_ips", json!(["192.0.2.0/24", "2001:db8::1"])),
        ("allowed_origins", json!(["https://app.example"])),
        ("enabled", json!(false)),
        ("self_service", json!(true)),
        // From `date -u -d 2030-01-01 +%s`.
        ("expires_at", json!(1_893_456_000)),
        ("metadata", json!({"team": "a"})),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let limits: Vec<Limit> = serde_json::from_value(shown["limits"].clone()).unwrap();
    assert_eq!(
        limits,
        [
            rate("minute", 100, 60),
            quota("day", 1_000, Period::Day),
            audio_quota("audio", 36_000, Period::Month),
            concurrency("parallel", 4),
        ]
    );
    let table = keyctl(&server, &["show", id]).stdout;
    for row in [
        "plan       pro",
        "status     disabled",
        "credits    1000+500/month",
        "left       1000",
        "addresses  192.0.2.0/24, 2001:db8::1",
        "origins    https://app.example",
        "made       by its owner (self-service)",
    ] {
        assert!(table.lines().any(|line| line == row), "{row}\n{table}");
    }
}

#[test]
fn expires_in_counts_from_now() {
    let server = admin_api(Memory::default());
    let now = || {
        std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
    };
    let before = now();
    // The server's clock stands in 2026: 4,000 days lie in its future on any day of this test.
    keyctl(&server, &["create", "--name", "a", "--expires-in", "4000d"]);
    let body: Value = serde_json::from_slice(&server.request().body).unwrap();
    let time = 4_000 * 86_400;
    assert!((before + time..=now() + time).contains(&body["expires_at"].as_u64().unwrap()));
}

#[test]
fn revoking_is_shown_and_can_be_repeated() {
    let server = admin_api(memory_with(1));
    for _ in 0..2 {
        let ended = keyctl(&server, &["revoke", &id(0)]);
        assert_eq!(
            (ended.code, ended.stdout),
            (0, format!("revoked {}\n", id(0)))
        );
    }
    let json = keyctl(&server, &["revoke", &id(0), "--json"]);
    assert_eq!((json.code, json.stdout.as_str()), (0, ""));
    let shown = keyctl(&server, &["show", &id(0)]);
    assert!(shown.stdout.contains("status     revoked"), "{shown:?}");
}

#[test]
fn a_rotation_shows_the_new_secret_alone_and_until_when_the_old_one_works() {
    let server = admin_api(memory_with(1));
    let ended = keyctl(&server, &["rotate", &id(0), "--overlap", "24h"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let key = ended.stdout.trim_end();
    assert!(
        key.starts_with("wk_live_") && !ended.stderr.contains(key),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("shown once"), "{ended:?}");
    let request = server.request();
    assert_eq!(request.line(), format!("POST /admin/keys/{}/rotate", id(0)));
    assert_eq!(request.json(), json!({"overlap_seconds": 86_400}));
    assert!(request.header("idempotency-key").is_some());

    let json = keyctl(&server, &["rotate", &id(0), "--json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&json["generation"], &json["version"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(server.requests()[1].json(), json!({"overlap_seconds": 0}));
    let long = keyctl(&server, &["rotate", &id(0), "--overlap", "31d"]);
    assert_eq!(long.code, 1);
    assert!(long.stderr.contains("overlap_seconds"), "{long:?}");
}

#[test]
fn credits_are_set_and_added_to() {
    let memory = memory_of(2, |n, key| {
        key.credits = (n == 0).then_some(Credits {
            balance: 5,
            refill: None,
        });
    });
    let server = admin_api(memory);
    for (flags, body, said) in [
        (["--add", "10"], json!({"add": 10}), "15 credits left\n"),
        (["--set", "7"], json!({"set": 7}), "7 credits left\n"),
        (["--set", "0"], json!({"set": 0}), "0 credits left\n"),
    ] {
        let ended = keyctl(&server, &[&["credits", &id(0)][..], &flags].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (0, said), "{ended:?}");
        let request = server.requests().pop().unwrap();
        assert_eq!(
            request.line(),
            format!("POST /admin/keys/{}/credits", id(0))
        );
        assert_eq!(request.json(), body);
        assert!(request.header("idempotency-key").is_some());
    }
    let json = keyctl(&server, &["credits", &id(0), "--add", "1", "--json"]);
    assert_eq!(json.stdout, "{\"credits_left\":1}\n");
    let none = keyctl(&server, &["credits", &id(1), "--add", "1"]);
    assert_eq!(none.code, 1, "{none:?}");
}

#[test]
fn a_refusal_gives_code_and_message_and_exit_code_1() {
    let server = admin_api(Memory::default());
    for (args, code) in [
        (vec!["show", "key_unknown"], "not_found"),
        (vec!["revoke", "key_unknown"], "not_found"),
        (vec!["list", "--owner", "no:colon"], "invalid_value"),
        (vec!["create", "--name", ""], "invalid_value"),
        (
            vec!["create", "--name", "a", "--expires-at", "1"],
            "invalid_value",
        ),
    ] {
        let ended = keyctl(&server, &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
        assert!(ended.stderr.contains(code), "{ended:?}");
        assert!(ended.stderr.contains("request req-1"), "{ended:?}");
    }
}

#[test]
fn under_json_a_refusal_is_the_apis_envelope() {
    let server = admin_api(Memory::default());
    let ended = keyctl(&server, &["show", "key_unknown", "--json"]);
    let body: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (ended.code, &body["error"]["code"]),
        (1, &json!("not_found"))
    );
}

#[test]
fn an_outage_says_when_to_come_back() {
    let memory = Memory::default();
    memory.faults.plan(0, Fault::Before);
    let ended = keyctl(&admin_api(memory), &["create", "--name", "a"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("limiter_unavailable"), "{ended:?}");
    assert!(ended.stderr.contains("try again in 5 s"), "{ended:?}");
}

#[test]
fn wrong_flags_are_refused_before_anything_is_sent() {
    let server = admin_api(Memory::default());
    for args in [
        vec!["create"],
        vec!["create", "--name", "a", "--limit", "minute=100"],
        vec![
            "create", "--name", "a", "--limit", "a=1/day", "--limit", "a=2/day",
        ],
        vec!["create", "--name", "a", "--scope", "admin"],
        vec!["create", "--name", "a", "--metadata", "[]"],
        vec![
            "create",
            "--name",
            "a",
            "--expires-at",
            "1",
            "--expires-in",
            "1d",
        ],
        vec!["create", "--name", "a", "--credits", "1+1"],
        vec!["create", "--name", "a", "--cost", "-1"],
        vec!["create", "--name", "a", "--idempotency-key", "x y"],
        vec![
            "create",
            "--name",
            "a",
            "--idempotency-key",
            "x",
            "--expires-in",
            "1d",
        ],
        vec!["rotate", "key_1", "--overlap", "0s"],
        vec!["credits", "key_1"],
        vec!["credits", "key_1", "--set", "1", "--add", "1"],
        vec!["credits", "key_1", "--set=-1"],
        vec!["list", "--enabled", "--disabled"],
        vec!["list", "--owner", ""],
        vec!["list", "--limit", "0"],
        vec!["list", "--limit", "1001"],
        vec!["list", "--timeout", "0s"],
    ] {
        let ended = keyctl(&server, &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
    }
    assert!(server.requests().is_empty());
}

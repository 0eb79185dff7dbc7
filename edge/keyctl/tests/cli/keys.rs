//! create, list, show and revoke against the admin API's own rules.

use edge_core::credits::Credits;
use edge_core::limit::{Limit, Period};
use edge_core::testing::{Fault, Memory, audio_quota, concurrency, quota, rate};
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::keyctl;
use crate::server::{ROOT_KEY, Server};
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
    assert!(ended.stderr.contains("limits   minute=60/60s"), "{ended:?}");
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
            "minute=600/60s",
            "--self-service",
        ],
    );
    assert_eq!(plan.code, 0, "{plan:?}");
    let flags = "create --json --name c --owner acme --plan pro --scope transcribe \
        --scope transcripts:read --model tiny.en --model base --limit minute=100/60s \
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
fn json_is_the_apis_own_byte_for_byte() {
    let body = r#"{"limits_in_force": [],  "under_way":0,"id":"key_1","name":"a","start":"s","limits":[],"enabled":true,"created_at":1,"version":1,"new_field":[1]}"#;
    let server = Server::answering(200, body);
    for args in [
        vec!["show", "key_1", "--json"],
        vec!["update", "key_1", "--name", "a", "--json"],
        vec!["enable", "key_1", "--json"],
    ] {
        assert_eq!(keyctl(&server, &args).stdout, format!("{body}\n"));
    }
    let page = r#"{"data":[ ],"next_cursor":null}"#;
    let listed = keyctl(&Server::answering(200, page), &["list", "--json"]);
    assert_eq!(listed.stdout, format!("{page}\n"));
}

#[test]
fn a_listing_is_a_table_with_the_status_of_each_key() {
    let memory = memory_of(4, |n, key| match n {
        0 => key.enabled = false,
        1 => key.expires_at = Some(1),
        2 => key.revoked_at = Some(1),
        _ => key.plan = Some("pro".to_owned()),
    });
    let ended = keyctl(&admin_api(memory), &["list"]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{ended:?}");
    let at = lines[0].find("STATUS").unwrap();
    let mut status: Vec<&str> = lines[1..]
        .iter()
        // The ellipsis of the key's start is three bytes in one column.
        .map(|line| line[at + 2..].split(' ').next().unwrap())
        .collect();
    status.sort_unstable();
    assert_eq!(status, ["active", "disabled", "expired", "revoked"]);
    assert!(ended.stdout.contains("2026-09-21 14:13:20 UTC"));
    assert!(ended.stdout.contains("acme") && ended.stdout.contains(" pro "));
    assert_eq!(ended.stderr, "");
}

#[test]
fn all_follows_the_cursors_to_the_last_page() {
    let server = admin_api(memory_with(25));
    let ended = keyctl(&server, &["list", "--all", "--limit", "10", "--json"]);
    let page: Value = serde_json::from_str(&ended.stdout).unwrap();
    let mut ids: Vec<&str> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..25).map(id).collect::<Vec<_>>());
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_page_that_is_not_the_last_says_so() {
    let server = admin_api(memory_with(3));
    let first = keyctl(&server, &["list", "--limit", "2"]);
    let cursor = first.stderr.split('\'').nth(1).unwrap();
    let second = keyctl(&server, &["list", "--limit", "2", "--cursor", cursor]);
    assert_eq!(second.stdout.lines().count(), 2, "{second:?}");
    for n in 0..3 {
        assert_ne!(
            first.stdout.contains(&id(n)),
            second.stdout.contains(&id(n)),
            "{first:?} {second:?}"
        );
    }
    assert_eq!(second.stderr, "");
}

#[test]
fn a_listing_can_be_an_owners_a_plans_or_of_those_that_are_on_or_off() {
    let memory = memory_of(4, |n, key| {
        key.plan = (n < 3).then(|| "pro".to_owned());
        key.enabled = n != 0;
    });
    let server = admin_api(memory);
    for (flags, keys, query) in [
        (vec!["--owner", "acme"], vec![0, 2], "owner=acme"),
        (vec!["--plan", "pro"], vec![0, 1, 2], "plan=pro"),
        (vec!["--enabled"], vec![1, 2, 3], "enabled=true"),
        (vec!["--disabled"], vec![0], "enabled=false"),
        (
            vec![
                "--enabled",
                "--owner",
                "acme",
                "--plan",
                "pro",
                "--limit",
                "5",
            ],
            vec![2],
            "owner=acme&plan=pro&enabled=true&limit=5",
        ),
    ] {
        let ended = keyctl(&server, &[vec!["list"], flags].concat());
        assert_eq!(ended.stdout.lines().count(), keys.len() + 1, "{ended:?}");
        assert!(
            keys.iter().all(|n| ended.stdout.contains(&id(*n))),
            "{ended:?}"
        );
        let asked = server.requests().pop().unwrap().line();
        assert_eq!(asked, format!("GET /admin/keys?{query}"));
    }
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
fn hostile_ids_and_owners_change_neither_path_nor_query() {
    let server = admin_api(Memory::default());
    for hostile in ["../keys", "x?owner=a", "a/b", "a%2Fb", "ü\r\nx: y", "a#b"] {
        let ended = keyctl(&server, &["revoke", "--", hostile]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains("not_found"), "{ended:?}");
        let ended = keyctl(&server, &["list", "--owner", hostile]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains("invalid_value"), "{ended:?}");
    }
    for request in server.requests() {
        let path = request.target.strip_prefix("/admin/keys").unwrap();
        let rest = path
            .strip_prefix('/')
            .or_else(|| path.strip_prefix("?owner="))
            .unwrap();
        assert!(!rest.contains(['/', '?', '&', '#', '=']), "{request:?}");
    }
}

#[test]
fn an_id_that_steps_through_the_tree_is_not_sent() {
    let server = admin_api(Memory::default());
    for id in ["", ".", ".."] {
        assert_eq!(keyctl(&server, &["revoke", id]).code, 2);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn the_root_key_is_in_the_bearer_header_and_in_no_output() {
    let server = admin_api(memory_with(1));
    for args in [["list", "--json"], ["show", "key_x"]] {
        let ended = keyctl(&server, &args);
        assert!(!format!("{ended:?}").contains(ROOT_KEY));
    }
    for request in server.requests() {
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {ROOT_KEY}").as_str())
        );
        assert!(!request.target.contains(ROOT_KEY));
    }
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

//! create, list, show and revoke against the admin API's own rules.

use edge_core::api_key::KeyHash;
use edge_core::limit::{Limit, Period};
use edge_core::testing::{Fault, Memory, quota, rate, record};
use serde_json::{Value, json};

use crate::program::keyctl;
use crate::server::{ROOT_KEY, admin_api};

/// The id of the key number `n`.
fn id(n: usize) -> String {
    format!("key_{n:020}")
}

/// Storage with `count` keys, every other one of `acme`.
fn memory_with(count: usize) -> Memory {
    let memory = Memory::default();
    for n in 0..count {
        let mut key = record(&id(n));
        key.owner = (n % 2 == 0).then(|| "acme".to_owned());
        let hash = KeyHash::of(&key.id).to_hex();
        memory.records.borrow_mut().insert(hash, key);
    }
    memory
}

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
}

#[test]
fn every_flag_of_create_reaches_the_record() {
    let server = admin_api(Memory::default());
    let created = keyctl(
        &server,
        &[
            "create",
            "--json",
            "--name",
            "c i",
            "--owner",
            "acme",
            "--scope",
            "transcribe",
            "--model",
            "tiny.en",
            "--model",
            "base",
            "--limit",
            "minute=100/60s",
            "--limit",
            "day=1000/day",
            "--expires-at",
            "2030-01-01T00:00:00Z",
            "--metadata",
            r#"{"team":"a"}"#,
            "--disabled",
        ],
    );
    assert_eq!(created.code, 0, "{created:?}");
    let created: Value = serde_json::from_str(&created.stdout).unwrap();
    assert!(created["key"].as_str().unwrap().starts_with("wk_live_"));

    let shown = keyctl(
        &server,
        &["show", created["id"].as_str().unwrap(), "--json"],
    );
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["key"], Value::Null);
    for (field, value) in [
        ("name", json!("c i")),
        ("owner", json!("acme")),
        ("scopes", json!(["transcribe"])),
        ("models", json!(["tiny.en", "base"])),
        ("enabled", json!(false)),
        // From `date -u -d 2030-01-01 +%s`.
        ("expires_at", json!(1_893_456_000)),
        ("metadata", json!({"team": "a"})),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let limits: Vec<Limit> = serde_json::from_value(shown["limits"].clone()).unwrap();
    assert_eq!(
        limits,
        [rate("minute", 100, 60), quota("day", 1_000, Period::Day)]
    );
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
    let memory = memory_with(1);
    let record = serde_json::to_string(&memory.records.borrow().values().next()).unwrap();
    let server = admin_api(memory);
    let shown = keyctl(&server, &["show", &id(0), "--json"]);
    assert_eq!(shown.stdout, format!("{record}\n"));
    let listed = keyctl(&server, &["list", "--json"]);
    let page: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(page["data"][0]["id"], id(0));
    assert!(
        listed.stdout.ends_with("],\"next_cursor\":null}\n"),
        "{listed:?}"
    );
}

#[test]
fn a_listing_is_a_table_with_the_status_of_each_key() {
    let memory = memory_with(4);
    for (at, key) in memory.records.borrow_mut().values_mut().enumerate() {
        match at {
            0 => key.enabled = false,
            1 => key.expires_at = Some(1),
            2 => key.revoked_at = Some(1),
            _ => {}
        }
    }
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
    assert_eq!(ended.stderr, "");
}

#[test]
fn all_follows_the_cursors_to_the_last_page() {
    let server = admin_api(memory_with(25));
    let ended = keyctl(&server, &["list", "--all", "--limit", "10", "--json"]);
    let page: Value = serde_json::from_str(&ended.stdout).unwrap();
    let ids: Vec<&str> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, (0..25).map(id).collect::<Vec<_>>());
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_page_that_is_not_the_last_says_so() {
    let server = admin_api(memory_with(3));
    let first = keyctl(&server, &["list", "--limit", "2"]);
    assert!(first.stderr.contains("--cursor"), "{first:?}");
    let second = keyctl(&server, &["list", "--limit", "2", "--cursor", &id(1)]);
    assert!(second.stdout.contains(&id(2)) && !second.stdout.contains(&id(1)));
    assert_eq!(second.stderr, "");
}

#[test]
fn a_listing_can_be_one_owners() {
    let server = admin_api(memory_with(4));
    let ended = keyctl(&server, &["list", "--owner", "acme"]);
    assert_eq!(ended.stdout.lines().count(), 3, "{ended:?}");
    assert_eq!(server.request().target, "/admin/keys?owner=acme");
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
    assert!(shown.stdout.contains("status   revoked"), "{shown:?}");
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
        vec!["list", "--limit", "0"],
        vec!["list", "--limit", "1001"],
        vec!["list", "--timeout", "0s"],
    ] {
        let ended = keyctl(&server, &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
    }
    assert!(server.requests().is_empty());
}

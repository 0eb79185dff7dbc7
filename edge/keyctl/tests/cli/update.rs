//! update, enable and disable: what is named changes, what is not named stays.

use edge_core::testing::Memory;
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::keyctl;
use crate::server::Server;
use crate::stored::{id, memory_with};

/// The body that these flags send.
fn body(flags: &str) -> Value {
    let server = Server::answering(400, "{}");
    let words = flags.split_whitespace();
    let args: Vec<&str> = ["update", "key_1"].into_iter().chain(words).collect();
    keyctl(&server, &args);
    let request = server.request();
    assert_eq!(request.line(), "PATCH /admin/keys/key_1");
    request.json()
}

#[test]
fn every_flag_is_a_field_of_the_patch() {
    for (flags, wanted) in [
        ("--name b", json!({"name": "b"})),
        ("--plan pro", json!({"plan": "pro"})),
        ("--no-plan", json!({"plan": null})),
        ("--scope translate", json!({"scopes": ["translate"]})),
        ("--no-scopes", json!({"scopes": null})),
        (
            "--model tiny --model base",
            json!({"models": ["tiny", "base"]}),
        ),
        ("--no-models", json!({"models": null})),
        (
            "--limit p=4@once",
            json!({"limits": [{"name": "p", "kind": "concurrency", "limit": 4}]}),
        ),
        ("--no-limits", json!({"limits": []})),
        ("--credits 5", json!({"credits": {"balance": 5}})),
        ("--no-credits", json!({"credits": null})),
        ("--cost 2", json!({"cost": 2})),
        ("--no-cost", json!({"cost": null})),
        ("--allow-ip ::1", json!({"allowed_ips": ["::1"]})),
        ("--no-allow-ip", json!({"allowed_ips": []})),
        (
            "--allow-origin https://a.example",
            json!({"allowed_origins": ["https://a.example"]}),
        ),
        ("--no-allow-origin", json!({"allowed_origins": []})),
        (
            "--expires-at 1900000000",
            json!({"expires_at": 1_900_000_000}),
        ),
        ("--no-expiry", json!({"expires_at": null})),
        (r#"--metadata {"a":1}"#, json!({"metadata": {"a": 1}})),
        ("--no-metadata", json!({"metadata": null})),
        (
            "--no-expiry --version 3",
            json!({"expires_at": null, "version": 3}),
        ),
    ] {
        assert_eq!(body(flags), wanted, "{flags}");
    }
}

#[test]
fn what_is_not_named_stays_and_the_new_key_is_shown() {
    let server = admin_api(memory_with(1));
    let ended = keyctl(&server, &["update", &id(0), "--cost", "7", "--no-expiry"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for row in [
        "owner      acme",
        "cost       7",
        "limits     minute=100/1m",
        "version    2",
    ] {
        assert!(
            ended.stdout.lines().any(|line| line == row),
            "{row} {ended:?}"
        );
    }
    let stale = keyctl(
        &server,
        &["update", &id(0), "--name", "b", "--version", "1"],
    );
    assert_eq!(stale.code, 1);
    assert!(stale.stderr.contains("version_conflict"), "{stale:?}");
}

#[test]
fn a_key_is_switched_off_and_on() {
    let server = admin_api(memory_with(1));
    for (command, enabled) in [("disable", false), ("enable", true)] {
        let ended = keyctl(&server, &[command, &id(0)]);
        assert_eq!(ended.stdout, format!("{command}d {}\n", id(0)), "{ended:?}");
        let request = server.requests().pop().unwrap();
        assert_eq!(request.line(), format!("PATCH /admin/keys/{}", id(0)));
        assert_eq!(request.json(), json!({"enabled": enabled}));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
    let json = keyctl(&server, &["disable", &id(0), "--json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["enabled"], false);
}

#[test]
fn nothing_to_change_and_contradictions_are_not_sent() {
    let server = admin_api(Memory::default());
    for flags in [
        vec![],
        vec!["--version", "1"],
        vec!["--plan", "a", "--no-plan"],
        vec!["--limit", "a=1/day", "--no-limits"],
        vec!["--limit", "a=1/day", "--limit", "a=2/day"],
        vec!["--no-expiry", "--expires-in", "1d"],
        vec!["--allow-ip", "::1", "--no-allow-ip"],
    ] {
        let ended = keyctl(&server, &[vec!["update", "key_1"], flags].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    }
    assert!(server.requests().is_empty());
}

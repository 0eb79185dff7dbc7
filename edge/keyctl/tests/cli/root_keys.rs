//! Root keys that the API makes.

use edge_core::testing::Memory;
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::{Ended, keyctl};
use crate::server::Server;

fn run(server: &Server, command: &str) -> Ended {
    keyctl(server, &command.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn a_root_key_is_made_shown_changed_rotated_and_revoked() {
    let server = admin_api(Memory::default());
    let made = run(
        &server,
        "root-keys create --name dashboard --scope admin:usage --scope admin:audit \
         --allow-ip 192.0.2.1 --expires-at 2030-01-01T00:00:00Z",
    );
    assert_eq!(made.code, 0, "{made:?}");
    let key = made.stdout.trim_end();
    assert!(
        key.starts_with("wk_root_") && !made.stderr.contains(key),
        "{made:?}"
    );
    let request = server.request();
    assert_eq!(request.line(), "POST /admin/root-keys");
    assert!(request.header("idempotency-key").is_some());
    assert_eq!(
        request.json(),
        json!({
            "name": "dashboard", "scopes": ["admin:usage", "admin:audit"],
            "allowed_ips": ["192.0.2.1"], "expires_at": 1_893_456_000,
        })
    );

    let listed: Value =
        serde_json::from_str(&run(&server, "root-keys list --json").stdout).unwrap();
    let id = listed["data"][0]["id"].as_str().unwrap();
    let shown = run(&server, &format!("root-keys show {id}"));
    assert!(
        shown
            .stdout
            .contains("scopes     admin:usage, admin:audit\n"),
        "{shown:?}"
    );
    let table = run(&server, "root-keys list");
    assert!(table.stdout.contains("dashboard") && !table.stdout.contains("OWNER"));

    let changed = run(
        &server,
        &format!("root-keys update {id} --scope admin:* --no-allow-ip --no-expiry --disable"),
    );
    assert!(
        changed.stdout.contains("status     disabled\n"),
        "{changed:?}"
    );
    let request = server.requests().pop().unwrap();
    assert_eq!(request.line(), format!("PATCH /admin/root-keys/{id}"));
    assert_eq!(
        request.json(),
        json!({"admin_scopes": ["admin:*"], "allowed_ips": [], "expires_at": null, "enabled": false})
    );

    let rotated = run(&server, &format!("root-keys rotate {id} --overlap 1h"));
    assert!(rotated.stdout.starts_with("wk_root_") && rotated.stdout != made.stdout);
    let request = server.requests().pop().unwrap();
    assert_eq!(request.line(), format!("POST /admin/root-keys/{id}/rotate"));

    let revoked = run(&server, &format!("root-keys revoke {id}"));
    assert_eq!(revoked.stdout, format!("revoked {id}\n"));
    let request = server.requests().pop().unwrap();
    assert_eq!(request.line(), format!("DELETE /admin/root-keys/{id}"));
}

#[test]
fn wrong_flags_are_refused_before_anything_is_sent() {
    let server = admin_api(Memory::default());
    for command in [
        "root-keys create --name a",
        "root-keys create --name a --scope transcribe",
        "root-keys create --scope admin:*",
        "root-keys update root_1",
        "root-keys update root_1 --enable --disable",
    ] {
        assert_eq!(run(&server, command).code, 2, "{command}");
    }
    assert!(server.requests().is_empty());
}

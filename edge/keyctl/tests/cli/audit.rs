//! audit: filters, pages, and what is shown of a change.

use edge_core::testing::Memory;
use serde_json::Value;

use crate::api::admin_api;
use crate::program::keyctl;
use crate::server::Server;
use crate::stored::{id, memory_with};

#[test]
fn changes_are_listed_newest_first_with_what_changed() {
    let server = admin_api(memory_with(1));
    assert_eq!(keyctl(&server, &["disable", &id(0)]).code, 0);
    assert_eq!(keyctl(&server, &["revoke", &id(0)]).code, 0);
    let ended = keyctl(&server, &["audit"]);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    assert!(lines[0].starts_with("TIME"), "{ended:?}");
    assert!(
        lines[1].contains("key.revoke") && lines[1].contains("revoked_at: 2026-09-21 14:13:20 UTC")
    );
    assert!(
        lines[2].starts_with("2026-09-21 14:13:20 UTC  root   key.patch"),
        "{ended:?}"
    );
    assert!(lines[2].contains("acme") && lines[2].contains("enabled: true → false"));
    let page = keyctl(&server, &["audit", "--limit", "1"]);
    assert!(page.stderr.contains("--cursor"), "{page:?}");
    let json: Value = serde_json::from_str(&keyctl(&server, &["audit", "--json"]).stdout).unwrap();
    assert_eq!(json["data"][0]["action"], "key.revoke");
}

#[test]
fn filters_stand_in_the_query() {
    let server = Server::answering(200, r#"{"data":[],"next_cursor":null}"#);
    let flags = "audit --actor root --action key.revoke --target key_1 --owner a|b \
        --from 1790000000 --to 2026-09-21T15:00:00Z --limit 5 --cursor x";
    let ended = keyctl(&server, &flags.split_whitespace().collect::<Vec<_>>());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        server.request().line(),
        "GET /admin/audit?actor=root&action=key.revoke&target=key_1&owner=a%7Cb\
         &from=1790000000&to=1790002800&limit=5&cursor=x"
    );
}

#[test]
fn all_pages_are_read_and_circles_end() {
    let server = Server::start(|request| {
        let body = if request.target.contains("cursor=2") {
            r#"{"data":[],"next_cursor":null}"#
        } else {
            r#"{"data":[],"next_cursor":"2"}"#
        };
        crate::server::Reply::new(200, body)
    });
    assert_eq!(keyctl(&server, &["audit", "--all"]).code, 0);
    assert_eq!(server.requests().len(), 2);
    let circle = Server::answering(200, r#"{"data":[],"next_cursor":"again"}"#);
    assert_eq!(keyctl(&circle, &["audit", "--all"]).code, 3);
}

#[test]
fn wrong_flags_are_refused_before_anything_is_sent() {
    let server = admin_api(Memory::default());
    for args in [
        vec!["audit", "--limit", "0"],
        vec!["audit", "--owner", ""],
        vec!["audit", "--from", "soon"],
        vec!["audit", "--all", "--cursor", "x"],
    ] {
        assert_eq!(keyctl(&server, &args).code, 2, "{args:?}");
    }
    assert!(server.requests().is_empty());
}

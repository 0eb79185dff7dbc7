//! list, and what holds for every command on keys: JSON, paths, the root key.

use edge_core::testing::Memory;
use serde_json::Value;

use crate::api::admin_api;
use crate::program::keyctl;
use crate::server::{ROOT_KEY, Server};
use crate::stored::{id, memory_of, memory_with};

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

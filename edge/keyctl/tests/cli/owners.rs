//! owner show, limits, purge.

use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::keyctl;
use crate::stored::{id, memory_with};

#[test]
fn limits_that_keys_share_are_set_shown_and_taken_away() {
    let server = admin_api(memory_with(2));
    let set = keyctl(
        &server,
        &["owner", "limits", "a|b@c", "--limit", "day=5/day"],
    );
    assert_eq!(set.code, 0, "{set:?}");
    let request = server.request();
    assert_eq!(request.line(), "PUT /admin/owners/a%7Cb%40c/limits");
    assert_eq!(
        request.json(),
        json!({"limits": [{"name": "day", "kind": "quota", "unit": "requests", "limit": 5, "period": "day"}]})
    );
    let shown = keyctl(&server, &["owner", "show", "a|b@c"]);
    assert_eq!(
        shown.stdout,
        "owner   a|b@c\nlimits  day=5/day\nkeys    0\n"
    );
    let none = keyctl(&server, &["owner", "limits", "a|b@c", "--none"]);
    assert_eq!(none.stdout, "owner   a|b@c\nlimits  -\nkeys    0\n");
    assert_eq!(
        server.requests().pop().unwrap().json(),
        json!({"limits": []})
    );
    for args in [
        vec!["owner", "limits", "acme"],
        vec!["owner", "limits", "acme", "--none", "--limit", "a=1/day"],
        vec!["owner", "show", ".."],
    ] {
        assert_eq!(keyctl(&server, &args).code, 2, "{args:?}");
    }
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_purge_needs_to_be_confirmed_and_says_what_it_deleted() {
    let server = admin_api(memory_with(3));
    for args in [
        ["owner", "purge", "acme"].as_slice(),
        &["purge-owner", "acme"],
    ] {
        let ended = keyctl(&server, args);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
        assert!(ended.stderr.contains("--yes"), "{ended:?}");
    }
    assert!(server.requests().is_empty());
    let purged = keyctl(&server, &["purge-owner", "acme", "--yes"]);
    assert_eq!(purged.code, 0, "{purged:?}");
    assert!(
        purged.stdout.starts_with("keys             2\n"),
        "{purged:?}"
    );
    assert_eq!(server.request().line(), "DELETE /admin/owners/acme");
    let again = keyctl(&server, &["owner", "purge", "acme", "--yes", "--json"]);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["keys"], 0);
    let listed = keyctl(&server, &["list"]);
    assert!(!listed.stdout.contains(&id(0)) && listed.stdout.contains(&id(1)));
}

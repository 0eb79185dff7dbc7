//! Keys are administered over HTTP and by keyctl, by whoever holds the root key and by nobody else.

use std::process::Output;

use e2e::admin::still;
use e2e::edge::{Edge, Key, random_secret};
use e2e::{environment, within};
use edge_core::key_record::KeyRecord;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_shown_once_listed_and_revoked() {
    let edge = Edge::builder().start().await;
    let wish = json!({
        "name": "ci", "owner": "acme", "scopes": ["transcribe"], "models": ["tiny.en"],
        "limits": [
            {"name": "minute", "kind": "rate", "unit": "requests", "limit": 100, "window_seconds": 60},
            {"name": "month", "kind": "quota", "unit": "requests", "limit": 1000, "period": "month"},
        ],
        "expires_at": 4_000_000_000_u64, "metadata": {"team": "a"},
    });
    let created = edge
        .admin(Method::POST, "/admin/keys")
        .json(&wish)
        .send()
        .await;
    let mut created = created.expect(201).json();
    let text = created["key"].take().as_str().unwrap().to_owned();
    edge.keep_secret(&text);
    assert!(text.starts_with("wk_live_") && text.starts_with(created["start"].as_str().unwrap()));
    for (name, value) in wish.as_object().unwrap() {
        assert_eq!(&created[name], value);
    }
    assert_eq!(created["enabled"], true);
    assert_eq!(created["version"], 1);
    let id = created["id"].as_str().unwrap().to_owned();
    let key = Key {
        id: id.clone(),
        text,
    };
    edge.get("/v1/models").key(&key).send().await.expect(200);

    // Neither KV nor any later answer holds the key.
    let path = format!("/admin/keys/{id}");
    let shown = edge.admin(Method::GET, &path).send().await.expect(200);
    assert!(!shown.text().contains(&key.text));
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("key");
    expected["under_way"] = json!(0);
    let shown = shown.json();
    // Of one request, above.
    assert_eq!(shown["limits_now"][0]["remaining"], 99, "{shown}");
    assert_eq!(still(shown), expected);
    for name in edge.kv_names().await {
        let entry = edge.kv_get(&name).await.unwrap();
        assert!(
            !name.contains(&key.text) && !entry.contains(&key.text),
            "{name}"
        );
    }

    edge.create_key(&json!({"name": "another", "owner": "other"}))
        .await;
    let list = edge
        .admin(Method::GET, "/admin/keys")
        .send()
        .await
        .expect(200);
    assert!(!list.text().contains(&key.text));
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 2);
    let list = edge
        .admin(Method::GET, "/admin/keys?owner=acme")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["id"], id.as_str());
    assert_eq!(list["data"][0]["revoked_at"], Value::Null);
    assert_eq!(list["next_cursor"], Value::Null);

    edge.revoke(&key).await.expect(204);
    let list = edge
        .admin(Method::GET, "/admin/keys?owner=acme")
        .send()
        .await
        .expect(200)
        .json();
    assert!(list["data"][0]["revoked_at"].is_u64(), "{list}");
    let shown = edge
        .admin(Method::GET, &path)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(shown["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_goes_on_page_by_page_to_its_end() {
    let edge = Edge::builder().start().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(
            edge.create_key(&json!({"name": format!("key {n}"), "owner": "acme"}))
                .await
                .id,
        );
    }
    made.sort();
    let mut seen = Vec::new();
    let mut path = "/admin/keys?owner=acme&limit=2".to_owned();
    loop {
        let page = edge
            .admin(Method::GET, &path)
            .send()
            .await
            .expect(200)
            .json();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        seen.extend(
            data.iter()
                .map(|entry| entry["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/admin/keys?owner=acme&limit=2&cursor={cursor}"),
            None => break,
        }
        assert!(seen.len() <= 5, "the listing does not end");
    }
    seen.sort();
    assert_eq!(seen, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_root_key_administers() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    let nearly = format!("{}x", edge.root_key());
    for path in [
        "/admin/keys",
        "/admin/keys/key_00000000000000000000",
        "/admin/nothing",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let none = edge.call(method.clone(), path).send().await;
            none.expect_error(401, "missing_api_key");
            for token in [
                key.text.as_str(),
                "",
                "x",
                nearly.as_str(),
                &edge.root_key()[1..],
            ] {
                let answer = edge.call(method.clone(), path).bearer(token).send().await;
                assert_eq!(answer.status, 401, "{answer:?}");
            }
            // Ordinary keys have a second header; the root key has not.
            let answer = edge
                .call(method, path)
                .header("x-api-key", edge.root_key())
                .send()
                .await;
            answer.expect_error(401, "missing_api_key");
        }
    }
    // Nor is the root key a key.
    let answer = edge.get("/v1/models").bearer(edge.root_key()).send().await;
    answer.expect_error(401, "invalid_api_key");
    let list = edge
        .admin(Method::GET, "/admin/keys")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    edge.admin(Method::GET, "/admin/nothing")
        .send()
        .await
        .expect_error(404, "not_found");
    edge.admin(Method::PUT, "/admin/keys")
        .send()
        .await
        .expect_error(405, "method_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_is_not_understood_to_the_letter_makes_no_key() {
    let edge = Edge::builder().start().await;
    let rate = json!({"name": "a", "kind": "rate", "limit": 1, "window_seconds": 1});
    for (body, code) in [
        (json!({}), "invalid_body"),
        (json!([]), "invalid_body"),
        (json!({"name": 7}), "invalid_body"),
        (json!({"name": "a", "is_admin": true}), "invalid_body"),
        (json!({"name": "a", "scopes": ["admin:*"]}), "invalid_body"),
        (
            json!({"name": "a", "limits": [{"name": "a", "kind": "rate", "limit": 0, "window_seconds": 1}]}),
            "invalid_body",
        ),
        (
            json!({"name": "a", "limits": [{"name": "a", "kind": "rate", "limit": 1, "window_seconds": 1, "burst": 2}]}),
            "invalid_body",
        ),
        (json!({"name": ""}), "invalid_value"),
        (json!({"name": "a\nb"}), "invalid_value"),
        (json!({"name": "a", "owner": "a:b"}), "invalid_value"),
        (json!({"name": "a", "scopes": []}), "invalid_value"),
        (json!({"name": "a", "models": ["../etc"]}), "invalid_value"),
        (json!({"name": "a", "limits": []}), "invalid_value"),
        (
            json!({"name": "a", "limits": [rate, rate]}),
            "invalid_value",
        ),
        (json!({"name": "a", "expires_at": 1}), "invalid_value"),
        (
            json!({"name": "a", "metadata": {"a": "b".repeat(1024)}}),
            "invalid_value",
        ),
    ] {
        let answer = edge
            .admin(Method::POST, "/admin/keys")
            .json(&body)
            .send()
            .await;
        let answer = answer.expect_error(400, code);
        assert_eq!(
            answer.param().is_some(),
            code == "invalid_value",
            "{answer:?}"
        );
    }
    expect_no_keys(&edge).await;
}

/// None was made on the way.
async fn expect_no_keys(edge: &Edge) {
    let list = edge.admin(Method::GET, "/admin/keys").send().await;
    assert_eq!(list.expect(200).json()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_or_too_long_makes_no_key() {
    let edge = Edge::builder().start().await;
    let post = |kind: &str, body: Vec<u8>| {
        let call = edge.admin(Method::POST, "/admin/keys");
        call.header("content-type", kind).body(body).send()
    };
    let json = "application/json";
    for body in [
        &b" "[..],
        b"{",
        b"{\"name\":\"a\"} x",
        b"\xff\xfe",
        &b"[".repeat(60_000),
    ] {
        post(json, body.to_vec())
            .await
            .expect_error(400, "invalid_body");
    }
    // Without a body there is nothing of that type.
    let answer = post(json, Vec::new()).await;
    answer.expect_error(415, "unsupported_media_type");
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let answer = post(kind, br#"{"name":"a"}"#.to_vec()).await;
        answer.expect_error(415, "unsupported_media_type");
    }
    let padded = |length: usize| {
        let mut body = br#"{"name":"a"}"#.to_vec();
        body.resize(length, b' ');
        body
    };
    post(json, padded(2 * 1024 * 1024 + 1))
        .await
        .expect_error(413, "file_too_large");
    // Its sender hears why, though most of it is never looked at.
    for _ in 0..8 {
        post(json, padded(16 * 1024 * 1024))
            .await
            .expect_error(413, "file_too_large");
    }
    expect_no_keys(&edge).await;

    post("Application/JSON; charset=utf-8", padded(2 * 1024 * 1024))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_not_understood_is_refused() {
    let edge = Edge::builder().start().await;
    for query in ["limit=0", "limit=1001", "limit=x", "owner=a:b"] {
        let answer = edge
            .admin(Method::GET, &format!("/admin/keys?{query}"))
            .send()
            .await;
        answer.expect_error(400, "invalid_value");
    }
    for id in [
        "key_",
        "key_short",
        "key_0000000000000000000%00",
        "id:key_00000000000000000000",
    ] {
        for method in [Method::GET, Method::DELETE] {
            let answer = edge
                .admin(method, &format!("/admin/keys/{id}"))
                .send()
                .await;
            assert_eq!(answer.status, 404, "{id}: {answer:?}");
        }
    }
}

/// Runs keyctl against the edge.
async fn keyctl(edge: &Edge, root_key: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let output = tokio::process::Command::new(environment::keyctl_program())
        .args(arguments)
        .env("EDGE_URL", edge.url())
        .env("ADMIN_TOKEN", root_key)
        // Where no `.dev/env` lies about.
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output();
    within("keyctl", output).await.unwrap()
}

fn stdout(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn keyctl_makes_shows_lists_and_revokes_keys() {
    let edge = Edge::builder().start().await;
    let root = edge.root_key();
    let create = [
        "create",
        "--name",
        "from the shell",
        "--owner",
        "acme",
        "--limit",
        "hour=2/1h",
        "--scope",
        "transcribe",
    ];
    let text = stdout(&keyctl(&edge, root, &create).await)
        .trim()
        .to_owned();
    edge.keep_secret(&text);
    let list = stdout(&keyctl(&edge, root, &["list", "--owner", "acme", "--json"]).await);
    let list: Value = serde_json::from_str(&list).unwrap();
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    let key = Key {
        id: id.clone(),
        text,
    };

    let answer = edge.get("/v1/models").key(&key).send().await.expect(200);
    assert_eq!(answer.number("x-ratelimit-limit-requests"), 2);
    let table = stdout(&keyctl(&edge, root, &["list"]).await);
    assert!(table.contains("from the shell") && table.contains(&id) && !table.contains(&key.text));
    let shown = stdout(&keyctl(&edge, root, &["show", &id, "--json"]).await);
    let shown: KeyRecord = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (shown.name.as_str(), shown.id.as_str()),
        ("from the shell", id.as_str())
    );

    stdout(&keyctl(&edge, root, &["revoke", &id]).await);
    let answer = edge.get("/v1/models").key(&key).send().await;
    answer.expect_error(401, "revoked_api_key");
    stdout(&keyctl(&edge, root, &["revoke", &id]).await);

    let refused = keyctl(&edge, &random_secret("wrong_"), &["list"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("invalid_api_key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_key_made_by_keyctl_opens_the_edge_that_knows_its_hash() {
    let made = tokio::process::Command::new(environment::keyctl_program())
        .args(["root-key", "create", "--json"])
        .arg("--print")
        .kill_on_drop(true)
        .output();
    let made = stdout(&within("keyctl", made).await.unwrap());
    let made: Value = serde_json::from_str(&made).unwrap();
    let (root, hash) = (
        made["key"].as_str().unwrap(),
        made["sha256"].as_str().unwrap(),
    );
    let edge = Edge::builder()
        .setting("ROOT_KEY_SHA256", hash)
        .start()
        .await;
    edge.keep_secret(root);
    stdout(&keyctl(&edge, root, &["create", "--name", "first", "--json"]).await);
    // The one it had before is refused.
    let old = keyctl(&edge, edge.root_key(), &["list"]).await;
    assert_eq!(old.status.code(), Some(1));
}

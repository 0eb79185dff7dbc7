//! Keys made in numbers, taken in from elsewhere, asked for twice, taken by their owners; and their listing.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::edge::{Edge, Key, random_secret};
use edge_core::api_key::KeyHash;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// The bound on a call that makes a thousand keys, on a machine that does much else.
const MAKING_A_THOUSAND: Duration = Duration::from_mins(5);

fn texts(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    let texts = list.filter_map(|item| item[field].as_str().map(str::to_owned));
    texts.collect()
}

fn key_of(item: &Value) -> Key {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    Key {
        id: text("id"),
        text: text("key"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_keys_are_made_in_one_call_and_listed_with_one_call_of_kv() {
    let edge = Edge::builder().watch_bindings().start().await;
    let keys: Vec<Value> = (0..1_000)
        .map(|n| json!({"name": format!("key {n}"), "owner": "acme"}))
        .collect();
    let bulk = edge.admin(Method::POST, "/admin/keys/bulk");
    let sent = bulk.json(&json!({ "keys": keys })).into_inner().send();
    // A thousand objects come to be, each with its files: that takes longer than one answer may.
    let made = tokio::time::timeout(MAKING_A_THOUSAND, sent)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    let secrets: BTreeSet<String> = texts(&made["data"], "key").into_iter().collect();
    assert_eq!(secrets.len(), 1_000);
    assert_eq!(
        texts(&made["data"], "name")[999],
        "key 999",
        "the order of the request"
    );
    for at in [0, 500, 999] {
        let key = key_of(&made["data"][at]);
        edge.keep_secret(&key.text);
        edge.get("/v1/models").key(&key).send().await.expect(200);
    }
    let (gets, lists) = (edge.kv_calls("get").await, edge.kv_calls("list").await);
    let list = edge.ask_admin("/admin/keys?limit=1000").await;
    let mut listed = texts(&list["data"], "id");
    listed.sort();
    let mut ids = texts(&made["data"], "id");
    ids.sort();
    assert_eq!(listed, ids);
    assert_eq!(edge.kv_calls("list").await - lists, 1);
    assert_eq!(edge.kv_calls("get").await, gets, "a get for each key");
    // In pages: each is one call, and none is read twice.
    let mut seen = Vec::new();
    let mut path = "/admin/keys?owner=acme&limit=300".to_owned();
    for page in 1..=4 {
        let list = edge.ask_admin(&path).await;
        seen.extend(texts(&list["data"], "id"));
        assert_eq!(edge.kv_calls("list").await - lists, 1 + page);
        assert_eq!(list["next_cursor"].is_null(), page == 4);
        path = format!(
            "/admin/keys?owner=acme&limit=300&cursor={}",
            list["next_cursor"].as_str().unwrap_or_default()
        );
    }
    seen.sort();
    assert_eq!(seen, ids);
    // One more than fits, or one that is wrong, makes none.
    let more: Vec<Value> = keys
        .iter()
        .cloned()
        .chain([json!({"name": "one more"})])
        .collect();
    edge.tell(Method::POST, "/admin/keys/bulk", &json!({ "keys": more }))
        .await
        .expect_error(400, "invalid_value");
    let answer = edge
        .tell(
            Method::POST,
            "/admin/keys/bulk",
            &json!({"keys": [{"name": "good"}, {"name": ""}]}),
        )
        .await;
    let answer = answer.expect_error(400, "invalid_value");
    assert!(answer.text().contains("keys[1]"), "{answer:?}");
    let count = edge.ask_admin("/admin/keys?limit=1000").await;
    assert_eq!(
        (
            count["data"].as_array().unwrap().len(),
            &count["next_cursor"]
        ),
        (1_000, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_any_number_costs_no_read_of_kv() {
    let edge = Edge::builder().watch_bindings().start().await;
    let key = edge.any_key().await;
    edge.get("/v1/models").key(&key).send().await.expect(200);
    let gets = edge.kv_calls("get").await;
    let mutated = (0..key.text.len()).map(|at| {
        let mut text = key.text.clone().into_bytes();
        text[at] = if text[at] == b'0' { b'1' } else { b'0' };
        edge.get("/v1/models")
            .bearer(&String::from_utf8(text).unwrap())
            .send()
    });
    for answer in join_all(mutated).await {
        answer.expect_error(401, "invalid_api_key");
    }
    assert_eq!(edge.kv_calls("get").await, gets);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_minted_works_by_its_hash_where_its_prefix_is_named() {
    let edge = Edge::builder()
        .setting("IMPORTED_KEY_PREFIXES", "sk-")
        .start()
        .await;
    let (theirs, strange) = (random_secret("sk-"), random_secret("pk-"));
    let limits = json!([{"name": "hour", "kind": "rate", "limit": 2, "window_seconds": 3600}]);
    let import = |text: &str| {
        let key = json!({"name": "from elsewhere", "owner": "acme", "limits": limits});
        json!({"keys": [{"hash": KeyHash::of(text).to_hex(), "start": &text[..7], "key": key}]})
    };
    for text in [&theirs, &strange] {
        edge.keep_secret(text);
        let made = edge
            .tell(Method::POST, "/admin/keys/import", &import(text))
            .await
            .expect(201)
            .json();
        assert_eq!(
            (&made["data"][0]["start"], &made["data"][0]["key"]),
            (&json!(text[..7]), &Value::Null)
        );
        let again = edge
            .tell(Method::POST, "/admin/keys/import", &import(text))
            .await;
        again.expect_error(409, "key_exists");
    }
    for status in [200, 200, 429] {
        edge.get("/v1/models")
            .bearer(&theirs)
            .send()
            .await
            .expect(status);
    }
    for text in [strange, random_secret("sk-")] {
        edge.get("/v1/models")
            .bearer(&text)
            .send()
            .await
            .expect_error(401, "invalid_api_key");
    }
    for hash in ["", "0", &"z".repeat(64), &"0".repeat(65)] {
        let body = json!({"keys": [{"hash": hash, "key": {"name": "a"}}]});
        edge.tell(Method::POST, "/admin/keys/import", &body)
            .await
            .expect_error(400, "invalid_value");
    }
    assert_eq!(
        edge.ask_admin("/admin/keys?owner=acme").await["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // It is administered like every other.
    let id = edge.ask_admin("/admin/keys?owner=acme").await["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["start"] == theirs[..7])
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    edge.revoke(&Key {
        id,
        text: theirs.clone(),
    })
    .await
    .expect(204);
    edge.get("/v1/models")
        .bearer(&theirs)
        .send()
        .await
        .expect_error(401, "revoked_api_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_under_its_idempotency_key_makes_what_it_made_and_no_more() {
    let mut edge = Edge::builder().start().await;
    let wish = json!({"name": "once", "owner": "acme"});
    let send = async |edge: &Edge, mark: &str, path: &str, body: &Value| {
        let call = edge
            .admin(Method::POST, path)
            .header("idempotency-key", mark);
        call.json(body).send().await
    };
    let first = edge.new_key(&send(&edge, "one", "/admin/keys", &wish).await.expect(201));
    // At once, later, and after the death of everything.
    for answer in join_all((0..8).map(|_| send(&edge, "one", "/admin/keys", &wish))).await {
        assert_eq!(edge.new_key(&answer.expect(201)).text, first.text);
    }
    edge.restart().await;
    let again = edge.new_key(&send(&edge, "one", "/admin/keys", &wish).await.expect(201));
    assert_eq!((&again.id, &again.text), (&first.id, &first.text));
    let other = send(&edge, "one", "/admin/keys", &json!({"name": "another"})).await;
    other.expect_error(409, "idempotency_key_reused");
    let second = edge.new_key(&send(&edge, "two", "/admin/keys", &wish).await.expect(201));
    assert_ne!(second.id, first.id);
    // Another administrator's mark is another one.
    let root = edge.root_key_with(&["admin:keys"]).await;
    let call = edge
        .call(Method::POST, "/admin/keys")
        .key(&root)
        .header("idempotency-key", "one");
    let theirs = edge.new_key(&call.json(&wish).send().await.expect(201));
    assert!(theirs.id != first.id && theirs.text != first.text);

    let bulk = json!({"keys": [{"name": "a"}, {"name": "b"}]});
    let one = send(&edge, "three", "/admin/keys/bulk", &bulk)
        .await
        .expect(201)
        .json();
    let two = send(&edge, "three", "/admin/keys/bulk", &bulk)
        .await
        .expect(201)
        .json();
    assert_eq!(texts(&one["data"], "key"), texts(&two["data"], "key"));
    for text in texts(&one["data"], "key") {
        edge.keep_secret(&text);
    }
    let rotate = format!("/admin/keys/{}/rotate", second.id);
    let one = edge.new_key(&send(&edge, "four", &rotate, &json!({})).await.expect(200));
    let two = edge.new_key(&send(&edge, "four", &rotate, &json!({})).await.expect(200));
    assert_eq!(one.text, two.text);
    assert_eq!(edge.key(&second).await["generation"], 2);
    assert_eq!(
        edge.ask_admin("/admin/keys").await["data"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    // What it made is gone: it is not made again.
    edge.revoke(&first).await.expect(204);
    let again = send(&edge, "one", "/admin/keys", &wish).await;
    again.expect_error(409, "idempotency_key_reused");
    let long = "x".repeat(256);
    send(&edge, &long, "/admin/keys", &wish)
        .await
        .expect_error(400, "invalid_value");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_takes_one_key_of_a_plan_and_another_after_it_is_revoked() {
    let edge = Edge::builder().start().await;
    let limits = json!([{"name": "hour", "kind": "rate", "limit": 9, "window_seconds": 3600}]);
    edge.put_plan("free", &json!({"limits": limits, "self_service": true}))
        .await;
    edge.put_plan("paid", &json!({"limits": limits})).await;
    let wish = |plan: &str, owner: &str| json!({"name": "mine", "owner": owner, "plan": plan, "self_service": true});
    let take = async |plan: &str, owner: &str| {
        edge.tell(Method::POST, "/admin/keys", &wish(plan, owner))
            .await
    };
    // Ten at once: one of them has it.
    let answers = join_all((0..10).map(|_| take("free", "acme"))).await;
    let (made, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (1, 9));
    for answer in refused {
        answer.expect_error(409, "key_exists");
    }
    let key = edge.new_key(&made[0]);
    edge.get("/v1/models").key(&key).send().await.expect(200);
    edge.new_key(&take("free", "rival").await.expect(201));
    take("paid", "acme")
        .await
        .expect_error(400, "invalid_value");
    edge.revoke(&key).await.expect(204);
    let next = edge.new_key(&take("free", "acme").await.expect(201));
    edge.get("/v1/models").key(&next).send().await.expect(200);
    take("free", "acme").await.expect_error(409, "key_exists");
    // An administrator makes as many as he likes.
    edge.create_key(&json!({"name": "made for him", "owner": "acme", "plan": "free"}))
        .await;
    let answer = edge
        .tell(
            Method::POST,
            "/admin/keys",
            &json!({"name": "a", "plan": "free", "self_service": true}),
        )
        .await;
    answer.expect_error(400, "invalid_value");
}

//! No key becomes more than it is: not by a record, not by a scope, not by a field of a body.

use e2e::edge::{Edge, Key};
use edge_core::api_key::KeyHash;
use reqwest::Method;
use serde_json::{Value, json};

async fn ordinary(edge: &Edge, owner: &str) -> Key {
    let limits =
        json!([{"name": "hour", "kind": "rate", "limit": 1_000_000, "window_seconds": 3600}]);
    let wish = json!({"name": "ordinary", "owner": owner, "limits": limits, "credits": {"balance": 1_000_000}});
    edge.create_key(&wish).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_of_kv_makes_a_root_key_of_an_ordinary_one_or_the_other_way_round() {
    let edge = Edge::builder().start().await;
    let key = ordinary(&edge, "acme").await;
    let record = edge.kv_get(&key.record_name()).await.unwrap();
    let mut promoted: Value = serde_json::from_str(&record).unwrap();
    promoted["admin_scopes"] = json!(["admin:*"]);
    edge.kv_put(&key.record_name(), &promoted.to_string()).await;
    promoted["id"] = json!("root_00000000000000000000");
    let root_entry = format!("root:{}", KeyHash::of(&key.text).to_hex());
    edge.kv_put(&root_entry, &promoted.to_string()).await;
    for path in ["/admin/keys", "/admin/root-keys", "/admin/audit"] {
        let answer = edge.get(path).key(&key).send().await;
        answer.expect_error(401, "invalid_api_key");
    }
    edge.get("/v1/models").key(&key).send().await.expect(200);

    let root = edge.root_key_with(&["admin:keys"]).await;
    edge.kv_put(&root.record_name(), &record).await;
    edge.get("/v1/models")
        .key(&root)
        .send()
        .await
        .expect_error(401, "invalid_api_key");
    // Nor does its record under a root key's name make a key of it.
    let root_entry = format!("root:{}", KeyHash::of(&root.text).to_hex());
    edge.kv_put(&root_entry, &record).await;
    edge.get("/admin/keys")
        .key(&root)
        .send()
        .await
        .expect_error(401, "invalid_api_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_key_gives_no_more_than_it_has_and_no_key_gets_an_administrators_scope() {
    let edge = Edge::builder().start().await;
    let keys = edge.root_key_with(&["admin:keys", "admin:audit"]).await;
    for scopes in [json!(["admin:keys"]), json!(["admin:*"])] {
        let wish = json!({"name": "mine", "scopes": scopes});
        let made = edge
            .call(Method::POST, "/admin/root-keys")
            .key(&keys)
            .json(&wish);
        made.send().await.expect_error(403, "insufficient_scope");
    }
    let own = format!("/admin/root-keys/{}", keys.id);
    let more = edge
        .call(Method::PATCH, &own)
        .key(&keys)
        .json(&json!({"admin_scopes": ["admin:*"]}));
    more.send().await.expect_error(403, "insufficient_scope");
    let key = ordinary(&edge, "acme").await;
    for fields in [
        json!({"scopes": ["admin:*"]}),
        json!({"admin_scopes": ["admin:*"]}),
    ] {
        edge.patch(&key, &fields)
            .await
            .expect_error(400, "invalid_body");
    }
    for scope in ["admin:*", "admin:keys"] {
        let wish = json!({"name": "a", "scopes": [scope]});
        let answer = edge.tell(Method::POST, "/admin/keys", &wish).await;
        answer.expect_error(400, "invalid_body");
    }
    assert_eq!(edge.key(&key).await["version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_service_may_write_is_refused_wherever_it_is_sent() {
    let edge = Edge::builder().start().await;
    let key = ordinary(&edge, "acme").await;
    let before = edge.key(&key).await;
    let of_service = [
        ("id", json!("key_00000000000000000000")),
        ("created_at", json!(1)),
        ("generation", json!(7)),
        ("revoked_at", Value::Null),
        ("start", json!("wk_live_0000")),
        ("hash", json!("0".repeat(64))),
        ("made_by", json!("me")),
        ("under_way", json!(0)),
        ("owner_limited", json!(false)),
    ];
    let path = format!("/admin/keys/{}", key.id);
    for (field, value) in of_service
        .iter()
        .cloned()
        .chain([("owner", json!("rival")), ("self_service", json!(true))])
    {
        let answer = edge
            .patch(&key, &json!({"name": "mine", field: value}))
            .await;
        answer.expect_error(400, "invalid_body");
    }
    for (field, value) in of_service
        .into_iter()
        .chain([("version", json!(9)), ("key", json!("wk"))])
    {
        for (path, mut body) in [
            ("/admin/keys", json!({"name": "a"})),
            (
                "/admin/root-keys",
                json!({"name": "a", "scopes": ["admin:audit"]}),
            ),
        ] {
            body[field] = value.clone();
            let answer = edge.tell(Method::POST, path, &body).await;
            answer.expect_error(400, "invalid_body");
        }
    }
    for (method, path, body) in [
        (Method::POST, format!("{path}/rotate"), json!({"key": "wk"})),
        (
            Method::POST,
            format!("{path}/credits"),
            json!({"balance": 1}),
        ),
        (
            Method::POST,
            "/v1/keys/verify".to_owned(),
            json!({"key": key.text, "limits": []}),
        ),
        (
            Method::PUT,
            "/admin/plans/mine".to_owned(),
            json!({"limits": [], "name": "other"}),
        ),
        (
            Method::PUT,
            "/admin/owners/acme/limits".to_owned(),
            json!({"limits": [], "owner": "rival"}),
        ),
    ] {
        let answer = edge.tell(method, &path, &body).await;
        answer.expect_error(400, "invalid_body");
    }
    // A version says which is meant, and is never set.
    edge.patch(&key, &json!({"name": "mine", "version": 9}))
        .await
        .expect_error(409, "version_conflict");
    assert_eq!(edge.key(&key).await, before);
}

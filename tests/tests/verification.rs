//! `POST /v1/keys/verify`: what another API of the same owner is told about a key it was shown.

use e2e::edge::{Edge, Key, unknown_key};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

async fn ask(edge: &Edge, question: Value) -> Value {
    let verdict = edge.tell(Method::POST, "/v1/keys/verify", &question).await;
    verdict.expect(200).json()
}

/// What is said of a key: whether it is valid, and the code.
async fn verdict(edge: &Edge, text: &str, more: Value) -> (bool, String) {
    let mut question = json!({ "key": text });
    question
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let said = ask(edge, question).await;
    (
        said["valid"].as_bool().unwrap(),
        said["code"].as_str().unwrap().to_owned(),
    )
}

fn limits() -> Value {
    json!([{"name": "hour", "kind": "rate", "limit": 100, "window_seconds": 3600}])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verdict_is_a_200_with_its_code() {
    let edge = Edge::builder().start().await;
    let make = async |more: Value| {
        let mut wish = json!({"name": "a", "limits": limits()});
        wish.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        edge.create_key(&wish).await
    };
    let good = make(json!({})).await;
    let disabled = make(json!({"enabled": false})).await;
    let revoked = make(json!({})).await;
    edge.revoke(&revoked).await.expect(204);
    let narrow = make(json!({"scopes": ["transcribe"]})).await;
    let expired = edge_core::key_record::KeyRecord {
        id: "key_expired0expired0expi".to_owned(),
        expires_at: Some(1),
        ..edge.record(&good).await
    };
    let expired = edge.import_key(expired).await;
    let rated = make(
        json!({"limits": [{"name": "hour", "kind": "rate", "limit": 2, "window_seconds": 3600}]}),
    )
    .await;
    let quota = make(
        json!({"limits": [{"name": "month", "kind": "quota", "limit": 2, "period": "month"}]}),
    )
    .await;
    let paid = make(json!({"limits": [], "credits": {"balance": 2}})).await;
    let bound = make(json!({"allowed_ips": ["192.0.2.1"]})).await;
    let root = edge.root_key_with(&["admin:*"]).await;
    for (text, more, valid, code) in [
        (good.text.as_str(), json!({}), true, "VALID"),
        (
            &good.text,
            json!({"scope": "jobs", "cost": 50}),
            true,
            "VALID",
        ),
        (&good.text, json!({"cost": 50}), false, "RATE_LIMITED"),
        (&narrow.text, json!({"scope": "transcribe"}), true, "VALID"),
        (
            &narrow.text,
            json!({"scope": "jobs"}),
            false,
            "INSUFFICIENT_PERMISSIONS",
        ),
        (&disabled.text, json!({}), false, "DISABLED"),
        (&expired.text, json!({}), false, "EXPIRED"),
        (&revoked.text, json!({}), false, "NOT_FOUND"),
        // A key bound to addresses is good from those alone: not from an unknown one.
        (&bound.text, json!({"address": "192.0.2.1"}), true, "VALID"),
        (
            &bound.text,
            json!({"address": "192.0.2.2"}),
            false,
            "FORBIDDEN",
        ),
        (&bound.text, json!({}), false, "FORBIDDEN"),
        (&rated.text, json!({"cost": 2}), true, "VALID"),
        (&rated.text, json!({}), false, "RATE_LIMITED"),
        (&quota.text, json!({"cost": 2}), true, "VALID"),
        (&quota.text, json!({}), false, "USAGE_EXCEEDED"),
        (&paid.text, json!({"cost": 2}), true, "VALID"),
        (&paid.text, json!({}), false, "USAGE_EXCEEDED"),
        (&unknown_key(), json!({}), false, "NOT_FOUND"),
        ("", json!({}), false, "NOT_FOUND"),
        ("' OR 1=1--", json!({}), false, "NOT_FOUND"),
        // A root key is no key.
        (&root.text, json!({}), false, "NOT_FOUND"),
        (edge.root_key(), json!({}), false, "NOT_FOUND"),
    ] {
        assert_eq!(
            verdict(&edge, text, more.clone()).await,
            (valid, code.to_owned()),
            "{more}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_says_whose_the_key_is_and_what_is_left_and_of_one_that_is_gone_nothing() {
    let edge = Edge::builder().start().await;
    let wish = json!({"name": "a", "owner": "acme", "limits": limits(), "metadata": {"team": "a"}});
    let key = edge.create_key(&wish).await;
    let said = ask(&edge, json!({"key": key.text, "cost": 30})).await;
    let expected = json!({"valid": true, "code": "VALID", "key_id": key.id, "owner": "acme", "remaining": 70, "metadata": {"team": "a"}});
    assert_eq!(said, expected);
    // A question alone costs nothing.
    let said = ask(&edge, json!({"key": key.text, "cost": 0})).await;
    assert_eq!(
        (&said["code"], &said["remaining"]),
        (&json!("VALID"), &json!(70))
    );
    let said = ask(&edge, json!({"key": key.text, "cost": 71})).await;
    assert_eq!(
        (&said["code"], &said["owner"]),
        (&json!("RATE_LIMITED"), &json!("acme"))
    );
    assert!(
        (3_000..=3_660).contains(&said["retry_after"].as_u64().unwrap()),
        "{said}"
    );
    edge.revoke(&key).await.expect(204);
    let gone = ask(&edge, json!({"key": key.text})).await;
    assert_eq!(gone, json!({"valid": false, "code": "NOT_FOUND"}));
    for wrong in [
        json!({}),
        json!({"key": 7}),
        json!({"key": "k", "cost": -1}),
        json!({"key": "k", "scope": "admin:*"}),
        json!({"key": "k", "cost": 1_000_000_000_000_u64}),
    ] {
        let answer = edge.tell(Method::POST, "/v1/keys/verify", &wrong).await;
        answer.expect_error(400, "invalid_body");
    }
    let answer = edge
        .tell(
            Method::POST,
            "/v1/keys/verify",
            &json!({"key": "k", "cost": 1_000_001}),
        )
        .await;
    answer.expect_error(400, "invalid_value");
}

#[tokio::test(flavor = "multi_thread")]
async fn verifications_and_requests_use_up_the_same_limit_to_the_last_one() {
    let edge = Edge::builder().isolates(2).start().await;
    let key = edge.limited_key(40).await;
    let verify = async |key: Key| verdict(&edge, &key.text, json!({})).await.0;
    let request = async |key: Key| {
        let call = edge.call_at(1, Method::GET, "/v1/models").key(&key);
        call.send().await.status == 200
    };
    let (verified, served) = tokio::join!(
        join_all((0..60).map(|_| verify(key.clone()))),
        join_all((0..60).map(|_| request(key.clone())))
    );
    let good = verified
        .into_iter()
        .chain(served)
        .filter(|good| *good)
        .count();
    assert_eq!(good, 40);
    // Disabled at the very next question.
    let other = edge.any_key().await;
    assert!(verify(other.clone()).await);
    edge.patch(&other, &json!({"enabled": false}))
        .await
        .expect(200);
    assert_eq!(
        verdict(&edge, &other.text, json!({})).await,
        (false, "DISABLED".to_owned())
    );
}

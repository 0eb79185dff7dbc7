//! KV may be away, and a key's object may have too much to do: keys in memory go on, nothing else is let in,
//! and what was changed meanwhile reaches KV later.

use e2e::edge::{Edge, Key};
use e2e::until;
use e2e::upstream::Upstream;
use reqwest::Method;
use serde_json::json;

async fn models(edge: &Edge, key: &Key) -> (u16, String) {
    let answer = edge.get("/v1/models").key(key).send().await;
    let code = if answer.status == 200 {
        String::new()
    } else {
        assert!(answer.status != 503 || answer.number("retry-after") >= 1);
        answer.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (answer.status, code)
}

fn unavailable(what: &str) -> (u16, String) {
    (503, format!("{what}_unavailable"))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_kv_is_away_keys_in_memory_work_and_others_are_told_to_come_again() {
    let edge = Edge::builder().watch_bindings().start().await;
    let (known, unknown) = (edge.any_key().await, edge.any_key().await);
    let revoked = edge.any_key().await;
    for key in [&known, &revoked] {
        assert_eq!(models(&edge, key).await.0, 200);
    }
    edge.take_away(&["KEYS"]).await;
    assert_eq!(models(&edge, &known).await.0, 200);
    assert_eq!(models(&edge, &unknown).await, unavailable("key_store"));
    edge.revoke(&revoked).await.expect(204);
    // Memory has forgotten it, and KV can't be asked.
    assert_eq!(models(&edge, &revoked).await, unavailable("key_store"));
    let answer = edge.patch(&known, &json!({"name": "other"})).await;
    assert_eq!(answer.expect(200).json()["name"], "other");

    edge.take_away(&[]).await;
    assert_eq!(models(&edge, &unknown).await.0, 200);
    // KV has it still, and its object knows better.
    let gone = (401, "revoked_api_key".to_owned());
    assert_eq!(models(&edge, &revoked).await, gone);
    until("KV to hear what was changed", async || {
        let told = edge.record(&known).await.name == "other";
        (told && edge.record(&revoked).await.revoked_at.is_some()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_kv_could_not_be_told_of_was_not_made() {
    let edge = Edge::builder().watch_bindings().start().await;
    edge.take_away(&["KEYS"]).await;
    let wish = json!({"name": "a", "owner": "acme"});
    let made = edge.admin(Method::POST, "/admin/keys").json(&wish);
    let answer = made.send().await.expect(503);
    assert!(!answer.text().contains("wk_"), "{answer:?}");
    edge.take_away(&[]).await;
    let listed = async || edge.ask_admin("/admin/keys?owner=acme").await["data"].clone();
    assert_eq!(listed().await, json!([]));
    let made = edge.create_key(&wish).await;
    assert_eq!(models(&edge, &made).await.0, 200);
    let data = listed().await;
    assert_eq!(data.as_array().map(Vec::len), Some(1), "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_too_much_to_do_lets_nothing_in_and_says_when_to_come_again() {
    let host = Upstream::start().await.answer_all("words");
    let builder = Edge::builder().upstream(host.url());
    let edge = builder.watch_bindings().start().await;
    let key = edge.any_key().await;
    assert_eq!(models(&edge, &key).await.0, 200);
    edge.take_away(&["LIMITER"]).await;
    assert_eq!(models(&edge, &key).await, unavailable("limiter"));
    let upload = edge.transcribe(&key).upload("a little audio");
    upload.send().await.expect_error(503, "limiter_unavailable");
    let question = json!({"key": key.text});
    let asked = edge.tell(Method::POST, "/v1/keys/verify", &question).await;
    asked.expect_error(503, "limiter_unavailable");
    edge.take_away(&[]).await;
    assert_eq!(models(&edge, &key).await.0, 200);
    let upload = edge.transcribe(&key).upload("a little audio");
    upload.send().await.expect(200);
    assert_eq!(host.count().await, 1, "an upload that nobody had let in");
}

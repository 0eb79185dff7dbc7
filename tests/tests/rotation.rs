//! A key's other secret: when the old one ends, and what both have in common.

use e2e::edge::{Edge, Key};
use e2e::until;
use reqwest::Method;

async fn models_at(edge: &Edge, isolate: usize, key: &Key) -> (u16, String) {
    let call = edge.call_at(isolate, Method::GET, "/v1/models").key(key);
    let answer = call.send().await;
    let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
    (answer.status, code.unwrap_or_default())
}

async fn expect_works(edge: &Edge, isolate: usize, key: &Key) {
    assert_eq!(models_at(edge, isolate, key).await, (200, String::new()));
}

async fn expect_refused(edge: &Edge, isolate: usize, key: &Key, code: &str) {
    let refused = (401, code.to_owned());
    assert_eq!(models_at(edge, isolate, key).await, refused, "at {isolate}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_without_overlap_ends_the_old_secret_at_the_very_next_request() {
    let mut edge = Edge::builder().isolates(2).start().await;
    let old = edge.limited_key(10).await;
    for isolate in 0..2 {
        expect_works(&edge, isolate, &old).await;
    }
    let stale = edge.kv_get(&old.record_name()).await.unwrap();
    let new = edge.rotate(&old, 0).await;
    assert_eq!(new.id, old.id);
    assert_ne!(new.text, old.text);
    // Where the memory still says that it is good.
    expect_refused(&edge, 1, &old, "revoked_api_key").await;
    assert_eq!(edge.kv_get(&old.record_name()).await, None);
    expect_refused(&edge, 0, &old, "invalid_api_key").await;
    for isolate in 0..2 {
        expect_works(&edge, isolate, &new).await;
    }
    // At a location that KV's change has not reached yet.
    edge.restart().await;
    edge.kv_put(&old.record_name(), &stale).await;
    expect_refused(&edge, 0, &old, "revoked_api_key").await;
    // The key is the same: so is what it used.
    let answer = edge.get("/v1/models").key(&new).send().await.expect(200);
    assert_eq!(answer.number("x-ratelimit-remaining-requests"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_with_overlap_lets_both_secrets_work_until_it_ends_and_no_third() {
    let edge = Edge::builder().isolates(2).start().await;
    let first = edge.limited_key(1_000).await;
    expect_works(&edge, 1, &first).await;
    let second = edge.rotate(&first, 3600).await;
    for isolate in 0..2 {
        expect_works(&edge, isolate, &first).await;
        expect_works(&edge, isolate, &second).await;
    }
    assert!(edge.key(&first).await["overlap_until_ms"].is_u64());
    let third = edge.rotate(&first, 1).await;
    for isolate in 0..2 {
        assert_eq!(models_at(&edge, isolate, &first).await.0, 401);
        expect_works(&edge, isolate, &third).await;
    }
    // Two secrets and one key: what the one uses the other has used.
    let remaining = |key: &Key| {
        let call = edge.get("/v1/models").key(key);
        async {
            call.send()
                .await
                .expect(200)
                .number("x-ratelimit-remaining-requests")
        }
    };
    let left = remaining(&second).await;
    assert_eq!(remaining(&third).await, left - 1);
    until("the overlap ends", async || {
        let (status, code) = models_at(&edge, 1, &second).await;
        (status == 401).then(|| assert_eq!(code, "revoked_api_key"))
    })
    .await;
    expect_works(&edge, 1, &third).await;
    until("KV forgets the old secret", async || {
        let held = edge.kv_get(&second.record_name()).await;
        held.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_replaced_twice_leaves_nothing_in_kv() {
    let edge = Edge::builder().start().await;
    let first = edge.any_key().await;
    let second = edge.rotate(&first, 3600).await;
    let third = edge.rotate(&first, 1).await;
    expect_works(&edge, 0, &third).await;
    for old in [first, second] {
        let gone = async || {
            let held = edge.kv_get(&old.record_name()).await;
            held.is_none().then_some(())
        };
        until("KV forgets the old secrets", gone).await;
    }
}

//! A revoked key is refused at once and for good, whatever KV and the isolates still remember of it.

use e2e::edge::{Edge, Key};
use e2e::upstream::Upstream;
use reqwest::Method;

async fn expect_revoked(edge: &Edge, isolate: usize, key: &Key) {
    let models = edge.call_at(isolate, Method::GET, "/v1/models").key(key);
    models.send().await.expect_error(401, "revoked_api_key");
    let upload = edge.transcribe_at(isolate, key).upload("a little audio");
    upload.send().await.expect_error(401, "revoked_api_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_very_next_request_is_refused_although_kv_still_holds_the_old_record() {
    let mut host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url()).isolates(2);
    let mut edge = builder.start().await;
    let key = edge.any_key().await;
    // Both places have the key in their memory, and one has been refused nothing yet.
    for isolate in 0..2 {
        let models = edge.call_at(isolate, Method::GET, "/v1/models").key(&key);
        models.send().await.expect(200);
    }
    let old_record = edge.kv_get(&key.record_name()).await.unwrap();

    edge.revoke(&key).await.expect(204);
    // As at a location that KV's change has not reached yet.
    edge.kv_put(&key.record_name(), &old_record).await;

    // Where it was revoked, and the record is read anew.
    expect_revoked(&edge, 0, &key).await;
    // Where the memory still says that it is good.
    expect_revoked(&edge, 1, &key).await;
    // And where nobody has any memory.
    edge.restart().await;
    assert_eq!(edge.kv_get(&key.record_name()).await, Some(old_record));
    for isolate in 0..2 {
        expect_revoked(&edge, isolate, &key).await;
    }
    host.expect_no_more();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_over_its_limit_is_revoked_and_not_merely_limited() {
    let edge = Edge::builder().isolates(2).start().await;
    let key = edge.limited_key(1).await;
    edge.get("/v1/models").key(&key).send().await.expect(200);
    // The refusal is remembered in this isolate for an hour.
    let limited = edge.get("/v1/models").key(&key).send().await;
    limited.expect_error(429, "rate_limit_exceeded");
    edge.revoke(&key).await.expect(204);
    expect_revoked(&edge, 0, &key).await;
    expect_revoked(&edge, 1, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_twice_changes_nothing_and_other_keys_go_on() {
    let edge = Edge::builder().start().await;
    let (key, other) = (edge.any_key().await, edge.any_key().await);
    edge.revoke(&key).await.expect(204);
    let record = edge.kv_get(&key.record_name()).await;
    edge.revoke(&key).await.expect(204);
    assert_eq!(edge.kv_get(&key.record_name()).await, record);
    expect_revoked(&edge, 0, &key).await;
    edge.get("/v1/models").key(&other).send().await.expect(200);
    let nobody = Key {
        id: "key_00000000000000000000".to_owned(),
        text: String::new(),
    };
    edge.revoke(&nobody).await.expect_error(404, "not_found");
}

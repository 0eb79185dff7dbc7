//! A panic ends one request. Every other one goes on, and nothing that was counted is forgotten.

use e2e::edge::Edge;
use e2e::upstream::Upstream;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_harms_no_other_request_and_no_limiter_forgets() {
    let mut host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url()).test_routes();
    let edge = builder.start().await;
    let key = edge.limited_key(3).await;
    let other = edge.any_key().await;
    // One request waits for the host, and one has sent half of its upload.
    let under_way = tokio::spawn(edge.transcribe(&key).upload("audio").send());
    let mut arrival = host.next().await;
    assert_eq!(arrival.whole_body().await, b"audio");

    let panics = join_all((0..20).map(|_| edge.get("/__test/panic").send()));
    let honest = join_all((0..20).map(|_| edge.get("/v1/models").key(&other).send()));
    let (panics, honest) = tokio::join!(panics, honest);
    for answer in panics {
        let answer = answer.expect_error(500, "internal_error");
        assert!(!answer.text().contains("the test route"), "{answer:?}");
    }
    for answer in honest {
        answer.expect(200);
    }

    arrival.reply(200, &[("content-type", "text/plain")], "words");
    let answer = under_way.await.unwrap().expect(200);
    assert_eq!(answer.text(), "words");
    // The window goes on from where it stood.
    for left in [1, 0] {
        let answer = edge.get("/v1/models").key(&key).send().await.expect(200);
        assert_eq!(answer.number("x-ratelimit-remaining-requests"), left);
        edge.get("/__test/panic").send().await.expect(500);
    }
    let refused = edge.get("/v1/models").key(&key).send().await;
    refused.expect_error(429, "rate_limit_exceeded");
    edge.revoke(&key).await.expect(204);
    edge.create_key(&json!({"name": "after"})).await;
    assert!(edge.log().contains("\"msg\":\"panic\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_worker_has_no_route_that_panics() {
    let edge = Edge::builder().start().await;
    for method in [Method::GET, Method::POST] {
        let answer = edge.call(method, "/__test/panic").send().await;
        answer.expect_error(404, "not_found");
    }
}

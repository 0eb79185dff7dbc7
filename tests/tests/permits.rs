//! Permits taken ahead, for keys with a great many requests: never more than the limit.

use e2e::edge::{Edge, Key};
use reqwest::Method;
use serde_json::json;

/// Calls until all of a key's permits are used; how many were admitted.
async fn use_up(edge: &Edge, key: &Key, isolates: usize, calls: usize) -> usize {
    let calls = (0..calls).map(|n| {
        let call = edge.call_at(n % isolates, Method::GET, "/v1/models");
        call.key(key).send()
    });
    let answers = futures_util::future::join_all(calls).await;
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn permits_taken_ahead_in_several_isolates_never_exceed_the_limit_in_sum() {
    let edge = Edge::builder().isolates(3).start().await;
    // A window of three hours: a slice of three minutes, longer than this test.
    let limits = json!([{"name": "hours", "kind": "rate", "limit": 200, "window_seconds": 10_800}]);
    edge.put_plan("hot", &json!({"limits": limits, "permits_ahead": 25}))
        .await;
    edge.put_plan("usual", &json!({"limits": limits})).await;
    let hot = edge
        .create_key(&json!({"name": "hot", "plan": "hot"}))
        .await;
    let admitted = use_up(&edge, &hot, 3, 600).await;
    // What an isolate took and did not use within a second is lost to the key.
    assert!((1..=200).contains(&admitted), "{admitted} admitted");
    let more = use_up(&edge, &hot, 3, 600).await;
    assert!(admitted + more <= 200, "{admitted} and {more} admitted");
    // Off unless the plan says so: exact.
    let usual = edge
        .create_key(&json!({"name": "usual", "plan": "usual"}))
        .await;
    assert_eq!(use_up(&edge, &usual, 3, 600).await, 200);
}

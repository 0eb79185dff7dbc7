//! Uploads and jobs as a caller makes them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::edge::{Edge, Key};
use crate::until_in;

/// The bound on what a job may take in a test.
pub const JOB_BOUND: Duration = Duration::from_mins(2);

/// Uploads a file of one part; the upload's id.
pub async fn upload(edge: &Edge, key: &Key, name: &str, bytes: &[u8]) -> String {
    let begun = edge.call(Method::POST, "/v1/uploads").key(key);
    let begun = begun.json(&json!({"name": name, "bytes": bytes.len()}));
    let id = id_of(&begun.send().await.expect(201).json());
    let put = edge
        .call(Method::PUT, &format!("/v1/uploads/{id}"))
        .key(key);
    let done = put.body(bytes.to_vec()).send().await.expect(200);
    assert_eq!(done.json()["state"], "complete", "{done:?}");
    id
}

/// The id of what an answer shows.
pub fn id_of(view: &Value) -> String {
    let id = view["id"].as_str();
    id.unwrap_or_else(|| panic!("no id: {view}")).to_owned()
}

/// Makes a job; its id.
pub async fn create(edge: &Edge, key: &Key, wish: &Value) -> String {
    let made = edge.call(Method::POST, "/v1/jobs").key(key).json(wish);
    let made = made.send().await.expect(202);
    let id = id_of(&made.json());
    assert_eq!(made.header("location"), Some(&*format!("/v1/jobs/{id}")));
    id
}

/// A job as it stands.
pub async fn view(edge: &Edge, key: &Key, id: &str) -> Value {
    let asked = edge.get(&format!("/v1/jobs/{id}")).key(key);
    asked.send().await.expect(200).json()
}

/// Whether nothing changes any more.
pub fn is_over(job: &Value) -> bool {
    ["succeeded", "failed", "cancelled"]
        .iter()
        .any(|state| job["state"] == *state)
}

/// Waits until a job is over; how it ended.
pub async fn end(edge: &Edge, key: &Key, id: &str) -> Value {
    until_in(JOB_BOUND, "a job is over", || async {
        let job = view(edge, key, id).await;
        is_over(&job).then_some(job)
    })
    .await
}

/// Waits until a job is in this state.
pub async fn until_state(edge: &Edge, key: &Key, id: &str, state: &str) {
    until_in(JOB_BOUND, state, || async {
        let job = view(edge, key, id).await;
        assert!(
            job["state"] == state || !is_over(&job),
            "not {state}: {job}"
        );
        (job["state"] == state).then_some(())
    })
    .await;
}

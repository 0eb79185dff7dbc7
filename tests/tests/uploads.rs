//! Uploads: in parts, cut off and taken up again, and never another file than was said.

use e2e::edge::{Edge, Key};
use e2e::http::Answer;
use e2e::jobs::{create, end, id_of, upload};
use e2e::service::Service;
use e2e::speech::sample;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const PART: usize = 64 * 1024 * 1024;

async fn begin(edge: &Edge, key: &Key, wish: &Value) -> Answer {
    edge.call(Method::POST, "/v1/uploads")
        .key(key)
        .json(wish)
        .send()
        .await
}

async fn put(edge: &Edge, key: &Key, id: &str, part: &str, bytes: Vec<u8>) -> Answer {
    let path = format!("/v1/uploads/{id}{part}");
    edge.call(Method::PUT, &path)
        .key(key)
        .body(bytes)
        .send()
        .await
}

async fn view(edge: &Edge, key: &Key, id: &str) -> Value {
    edge.get(&format!("/v1/uploads/{id}"))
        .key(key)
        .send()
        .await
        .expect(200)
        .json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_comes_in_parts_and_is_taken_up_again_where_it_was_cut_off() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    let last = 1_000;
    let begun = begin(&edge, &key, &json!({"name": "a.wav", "bytes": PART + last}))
        .await
        .expect(201)
        .json();
    let id = id_of(&begun);
    assert_eq!(
        (&begun["part_bytes"], &begun["state"]),
        (&json!(PART), &json!("open"))
    );
    // The second first: their order is their sender's matter.
    put(&edge, &key, &id, "?part=2", vec![2; last])
        .await
        .expect(200);
    // A body that ends before its length does is not there.
    let cut =
        futures_util::stream::iter([Ok(vec![1; 100_000]), Err(std::io::Error::other("cut off"))]);
    let path = format!("/v1/uploads/{id}?part=1");
    let sent = edge
        .call(Method::PUT, &path)
        .key(&key)
        .header("content-length", &PART.to_string());
    let sent = sent
        .body(reqwest::Body::wrap_stream(cut))
        .into_inner()
        .send()
        .await;
    assert!(sent.is_err(), "{sent:?}");
    let there = view(&edge, &key, &id).await;
    assert_eq!(
        there["parts"],
        json!([{"part": 2, "bytes": last}]),
        "{there}"
    );
    // Not before it is complete.
    let early = edge
        .call(Method::POST, "/v1/jobs")
        .key(&key)
        .json(&json!({"upload_id": id}));
    early.send().await.expect_error(409, "upload_is_incomplete");
    // Sent again it replaces the first.
    put(&edge, &key, &id, "?part=2", vec![3; last])
        .await
        .expect(200);
    let done = put(&edge, &key, &id, "?part=1", vec![1; PART])
        .await
        .expect(200)
        .json();
    assert_eq!(done["state"], "complete", "{done}");
    let late = put(&edge, &key, &id, "?part=2", vec![4; last]).await;
    late.expect_error(409, "upload_is_complete");
    assert_eq!(edge.bucket().await.len(), 1);
    let delete = edge
        .call(Method::DELETE, &format!("/v1/uploads/{id}"))
        .key(&key);
    delete.send().await.expect(204);
    assert!(edge.bucket().await.is_empty());
    edge.get(&format!("/v1/uploads/{id}"))
        .key(&key)
        .send()
        .await
        .expect_error(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_must_be_as_long_as_was_said() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    let begun = begin(&edge, &key, &json!({"name": "a.wav", "bytes": 10}))
        .await
        .expect(201)
        .json();
    let id = id_of(&begun);
    for (part, bytes, status, code) in [
        ("", 9, 400, "invalid_value"),
        ("", 11, 400, "invalid_value"),
        // Without a byte there is no length, either.
        ("", 0, 411, "length_required"),
        ("?part=0", 10, 400, "invalid_value"),
        ("?part=2", 10, 400, "invalid_value"),
        ("?part=x", 10, 400, "invalid_value"),
        ("?part=10001", 10, 400, "invalid_value"),
    ] {
        let answer = put(&edge, &key, &id, part, vec![0; bytes]).await;
        assert_eq!(answer.status, status, "{part} {bytes}: {answer:?}");
        answer.expect_error(status, code);
    }
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![0; 10])]);
    let unknown = edge
        .call(Method::PUT, &format!("/v1/uploads/{id}"))
        .key(&key);
    let unknown = unknown
        .body(reqwest::Body::wrap_stream(chunks))
        .send()
        .await;
    unknown.expect_error(411, "length_required");
    for wish in [
        json!({"name": "a", "bytes": 0}),
        json!({"name": "a", "bytes": -1}),
        json!({"name": "a"}),
        json!({"name": "", "bytes": 1}),
        json!({"name": "a", "bytes": 1, "sha256": "x"}),
    ] {
        assert_eq!(begin(&edge, &key, &wish).await.status, 400, "{wish}");
    }
    let huge = begin(
        &edge,
        &key,
        &json!({"name": "a", "bytes": 5_368_709_121_u64}),
    )
    .await;
    huge.expect_error(413, "file_too_large");
    assert_eq!(view(&edge, &key, &id).await["parts"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_begins_one_upload() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    let call = |bytes: u64| {
        let call = edge
            .call(Method::POST, "/v1/uploads")
            .key(&key)
            .header("idempotency-key", "once");
        call.json(&json!({"name": "a.wav", "bytes": bytes})).send()
    };
    let one = call(10).await.expect(201);
    assert_eq!(call(10).await.expect(201).json(), one.json());
    call(11).await.expect_error(409, "idempotency_key_reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_other_bytes_than_was_said_is_not_heard() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let key = edge.any_key().await;
    let bytes = std::fs::read(sample().0).unwrap();
    let hash = hex::encode(Sha256::digest(&bytes));
    for (sent, state) in [
        (bytes.clone(), "succeeded"),
        (vec![0; bytes.len()], "failed"),
    ] {
        let wish = json!({"name": "a.flac", "bytes": bytes.len(), "sha256": hash});
        let id = id_of(&begin(&edge, &key, &wish).await.expect(201).json());
        put(&edge, &key, &id, "", sent).await.expect(200);
        let job = create(&edge, &key, &json!({"upload_id": id})).await;
        let job = end(&edge, &key, &job).await;
        assert_eq!(job["state"], state, "{job}");
        if state == "failed" {
            assert_eq!(job["error"]["code"], "upload_mismatch", "{job}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_an_upload_that_a_job_needs_stays_until_that_is_over() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    let id = upload(&edge, &key, "a.flac", b"some bytes").await;
    let job = create(&edge, &key, &json!({"upload_id": id})).await;
    let path = format!("/v1/uploads/{id}");
    edge.call(Method::DELETE, &path)
        .key(&key)
        .send()
        .await
        .expect(204);
    edge.get(&path)
        .key(&key)
        .send()
        .await
        .expect_error(404, "not_found");
    let again = edge.call(Method::POST, "/v1/jobs").key(&key);
    let again = again.json(&json!({"upload_id": id})).send().await;
    again.expect_error(404, "not_found");
    assert_eq!(edge.bucket().await.len(), 1);
    let end = edge.call(Method::DELETE, &format!("/v1/jobs/{job}"));
    end.key(&key).send().await.expect(200);
}

/// Parts of the upload by which memory is measured: `E2E_UPLOAD_PARTS=16` is a gigabyte.
fn parts() -> u64 {
    let given = std::env::var("E2E_UPLOAD_PARTS").ok();
    given.map_or(4, |given| given.parse().unwrap())
}

/// Most growth of the linear memory while an upload passes, in bytes.
const MOST_GROWTH: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_an_upload_stays_in_the_workers_memory() {
    let edge = Edge::builder().test_routes().start().await;
    let key = edge.any_key().await;
    let memory = || async {
        let told = edge.get("/__test/memory").send().await.expect(200);
        told.json()["bytes"].as_u64().unwrap()
    };
    let wish = json!({"name": "large.wav", "bytes": parts() * PART as u64});
    let id = id_of(&begin(&edge, &key, &wish).await.expect(201).json());
    let before = memory().await;
    for part in 1..=parts() {
        put(&edge, &key, &id, &format!("?part={part}"), vec![0; PART])
            .await
            .expect(200);
    }
    let growth = memory().await - before;
    eprintln!(
        "{} MiB uploaded: linear memory grew by {growth} bytes",
        parts() * 64
    );
    assert_eq!(view(&edge, &key, &id).await["state"], "complete");
    assert!(growth <= MOST_GROWTH, "{growth}");
}

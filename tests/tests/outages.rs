//! What lies in a key's object: little; and what happens when that can't be read: nothing is admitted.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::edge::Edge;
use serde_json::json;

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The SQLite files of the objects of this class.
fn objects_of(state: &Path, class: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(state, &mut found);
    found.retain(|path| {
        let text = path.to_string_lossy();
        text.contains(class)
            && path.extension().is_some_and(|e| e == "sqlite")
            && path
                .file_name()
                .is_some_and(|name| name != "metadata.sqlite")
    });
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_limiter_cannot_answer_is_refused_and_others_are_not() {
    let mut edge = Edge::builder().start().await;
    let damaged = edge.any_key().await;
    edge.get("/v1/models")
        .key(&damaged)
        .send()
        .await
        .expect(200);
    edge.restart_with(|state| {
        let objects = objects_of(state, "Limiter");
        assert_eq!(objects.len(), 1, "{objects:?}");
        for path in objects {
            let _ = fs::remove_file(path.with_extension("sqlite-wal"));
            fs::write(&path, [0x5a; 16_384]).unwrap();
        }
    })
    .await;
    let other = edge.any_key().await;
    let answer = edge.get("/v1/models").key(&damaged).send().await;
    let answer = answer.expect_error(503, "limiter_unavailable");
    assert!(answer.number("retry-after") >= 1);
    edge.transcribe(&damaged)
        .upload("a little audio")
        .send()
        .await
        .expect_error(503, "limiter_unavailable");
    edge.get("/v1/models").key(&other).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_object_takes_little_storage() {
    let mut edge = Edge::builder().start().await;
    let key = edge
        .create_key(&json!({"name": "a", "limits": [
            {"name": "minute", "kind": "rate", "limit": 1_000_000, "window_seconds": 60},
            {"name": "day", "kind": "quota", "unit": "audio_seconds", "limit": 100_000, "period": "day"},
        ]}))
        .await;
    for _ in 0..200 {
        edge.get("/v1/models").key(&key).send().await.expect(200);
    }
    // What stands in SQLite's log still goes into the file first.
    edge.compacted_files_holding("nothing").await;
    let mut bytes = 0;
    edge.restart_with(|state| {
        for path in objects_of(state, "Limiter") {
            bytes += fs::metadata(path).unwrap().len();
        }
    })
    .await;
    // Two pages, its schema and its table, are 8 KiB; the third is the runtime's own, for the alarm.
    assert!(bytes <= 3 * 4_096, "{bytes} bytes");
}

//! What happens when a part is out: without the limiter nothing is admitted, without the database
//! everything is, and nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::edge::Edge;
use e2e::{until, within};
use reqwest::Method;
use serde_json::{Value, json};

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
async fn without_the_database_admission_goes_on_and_what_is_to_be_told_waits() {
    let edge = Edge::builder()
        .setting("USAGE_FLUSH_SECONDS", "1")
        .start()
        .await;
    for table in ["usage", "audit"] {
        let rename = format!("ALTER TABLE {table} RENAME TO {table}_away");
        edge.sql(&rename, &[]).await.unwrap();
    }
    // A key is made, used and changed; reports are what is out.
    let key = edge.limited_key(3).await;
    for _ in 0..3 {
        edge.get("/v1/models").key(&key).send().await.expect(200);
    }
    edge.get("/v1/models")
        .key(&key)
        .send()
        .await
        .expect_error(429, "rate_limit_exceeded");
    edge.patch(&key, &json!({"name": "renamed"}))
        .await
        .expect(200);
    for path in ["/admin/usage", "/admin/audit"] {
        edge.admin(Method::GET, path)
            .send()
            .await
            .expect_error(503, "database_unavailable");
    }
    for table in ["usage", "audit"] {
        let rename = format!("ALTER TABLE {table}_away RENAME TO {table}");
        edge.sql(&rename, &[]).await.unwrap();
    }
    // Its alarm tells what waited.
    let told = until("usage and audit in the database", || async {
        let audit = edge
            .ask_admin(&format!("/admin/audit?target={}", key.id))
            .await;
        let usage = edge.ask_admin("/admin/usage").await;
        let served = usage["total"]["outcomes"]["served"].as_u64();
        (audit["data"].as_array()?.len() == 2 && served == Some(3)).then_some(audit)
    });
    let audit = within("what waited", told).await;
    let actions: Vec<&Value> = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["action"])
        .collect();
    assert_eq!(actions, ["key.patch", "key.create"]);
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
    let mut bytes = 0;
    edge.restart_with(|state| {
        for path in objects_of(state, "Limiter") {
            bytes += fs::metadata(path).unwrap().len();
        }
    })
    .await;
    // Its own table and schema; one page more is the runtime's, for the alarm.
    assert!(bytes <= 3 * 4_096, "{bytes} bytes");
}

//! keyctl as a caller's client: recordings become files, through the real edge and the real service.

use std::path::Path;
use std::process::Output;

use e2e::edge::{Edge, Key, unknown_key};
use e2e::service::Service;
use e2e::{environment, within};
use serde_json::json;

/// What the model hears in the fixture.
const WORDS: &str = "Good morning, the sun is shining.";

/// Runs `keyctl transcribe` in a folder, with an API key.
async fn transcribe(edge: &Edge, key: &str, folder: &Path, arguments: &str) -> Output {
    let output = tokio::process::Command::new(environment::keyctl_program())
        .arg("transcribe")
        .args(arguments.split_whitespace())
        .env("EDGE_URL", edge.url())
        .env("API_KEY", key)
        .current_dir(folder)
        .kill_on_drop(true)
        .output();
    within("keyctl transcribe", output).await.unwrap()
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A folder with two recordings of the same words.
fn recordings() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let speech = environment::repository().join("tests/fixtures/speech.wav");
    for name in ["a.wav", "b.wav"] {
        std::fs::copy(&speech, folder.path().join(name)).unwrap();
    }
    folder
}

async fn key(edge: &Edge) -> Key {
    let scopes = ["transcribe", "transcripts:read", "transcripts:write"];
    let limits = json!([{"name": "all", "kind": "quota", "limit": 100, "period": "month"}]);
    let key = json!({"name": "caller", "owner": "acme", "scopes": scopes, "limits": limits});
    edge.create_key(&key).await
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_become_texts_and_subtitles_beside_them_and_kept_ones_are_found_by_their_ids() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let (key, folder) = (key(&edge).await, recordings());
    let folder = folder.path();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();

    let ended = transcribe(&edge, &key.text, folder, "a.wav b.wav").await;
    assert_eq!(texts(&ended), ("a.txt\nb.txt\n".to_owned(), String::new()));
    assert_eq!((read("a.txt").trim(), read("b.txt").trim()), (WORDS, WORDS));

    let ended = transcribe(&edge, &key.text, folder, "a.wav --store --format srt").await;
    let (stdout, stderr) = texts(&ended);
    let (id, path) = stdout.trim().split_once("  ").expect(&stderr);
    assert_eq!(path, "a.srt");
    assert!(read("a.srt").starts_with("1\n00:00:0"), "{}", read("a.srt"));
    let kept = edge
        .get(&format!("/v1/transcripts/{id}?format=text"))
        .key(&key)
        .send()
        .await
        .expect(200);
    assert_eq!(kept.text().trim(), WORDS);

    let again = transcribe(&edge, &key.text, folder, "a.wav").await;
    assert_eq!(again.status.code(), Some(1));
    assert!(texts(&again).1.contains("a.txt is there already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_however_much_of_the_file_was_still_to_be_sent() {
    let edge = Edge::builder().start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("long.wav")).unwrap();
    file.set_len(25 * 1024 * 1024).unwrap();
    let ended = transcribe(&edge, &unknown_key(), folder.path(), "long.wav").await;
    let (stdout, stderr) = texts(&ended);
    assert_eq!(
        (ended.status.code(), stdout.as_str()),
        (Some(1), ""),
        "{stderr}"
    );
    assert!(stderr.contains("invalid_api_key"), "{stderr}");
}

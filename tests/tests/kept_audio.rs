//! Audio that a job keeps beside its transcript: heard by its owner and by whoever has a link, whole or in parts, and gone
//! with the transcript.

use e2e::edge::{Edge, Key};
use e2e::http::Answer;
use e2e::jobs::{create, end, upload};
use e2e::service::Service;
use e2e::speech::sample;
use reqwest::Method;
use serde_json::json;

/// A job that is over: its transcript, which has the audio if it was to be kept.
async fn transcribed(edge: &Edge, key: &Key, file: &[u8], keep_audio: bool) -> String {
    let upload = upload(edge, key, "the talk.flac", file).await;
    let wish = json!({"upload_id": upload, "keep_audio": keep_audio});
    let job = create(edge, key, &wish).await;
    let job = end(edge, key, &job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let transcript = job["transcript_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/transcripts/{transcript}");
    let detail = edge.get(&path).key(key).send().await.expect(200).json();
    assert_eq!(detail["has_audio"], keep_audio, "{detail}");
    transcript
}

async fn key_of(edge: &Edge, owner: &str) -> Key {
    let limits =
        json!([{"name": "hour", "kind": "rate", "limit": 1_000_000, "window_seconds": 3600}]);
    edge.create_key(&json!({"name": "keeps", "owner": owner, "limits": limits}))
        .await
}

async fn ask(edge: &Edge, path: &str, key: Option<&Key>, range: &str) -> Answer {
    let mut call = edge.get(path);
    if let Some(key) = key {
        call = call.key(key);
    }
    if !range.is_empty() {
        call = call.header("range", range);
    }
    call.send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_audio_is_heard_whole_or_in_parts_until_its_transcript_goes() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let key = key_of(&edge, "acme").await;
    let file = std::fs::read(sample().0).unwrap();
    let transcript = transcribed(&edge, &key, &file, true).await;
    let own = format!("/v1/transcripts/{transcript}/audio");
    let shared = edge
        .call(Method::POST, &format!("/v1/transcripts/{transcript}/share"))
        .key(&key);
    let shared = shared.send().await.expect(201).json();
    let link = shared["url"].as_str().unwrap();
    let link = link.strip_prefix(edge.url()).unwrap().to_owned();
    let page = edge.get(&link).send().await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("media-src 'self'"), "{policy}");
    let linked = format!("{link}/audio");
    assert!(page.text().contains(&format!("src=\"{linked}\"")));

    for (path, key) in [(&own, Some(&key)), (&linked, None)] {
        let whole = ask(&edge, path, key, "").await.expect(200);
        assert_eq!(whole.body, file, "other bytes");
        assert_eq!(whole.header("content-type"), Some("audio/flac"));
        assert_eq!(whole.header("accept-ranges"), Some("bytes"));
        let policy = whole.header("content-security-policy").unwrap();
        assert_eq!(policy, "default-src 'none'; sandbox");
        let name = whole.header("content-disposition").unwrap();
        assert!(name.starts_with("inline; filename=\"the talk.flac\""));
        let bytes = file.len();
        for (range, part, told) in [
            ("bytes=0-0", &file[..1], format!("bytes 0-0/{bytes}")),
            ("bytes=4-99", &file[4..100], format!("bytes 4-99/{bytes}")),
            (
                "bytes=-10",
                &file[bytes - 10..],
                format!("bytes {}-{}/{bytes}", bytes - 10, bytes - 1),
            ),
        ] {
            let answer = ask(&edge, path, key, range).await.expect(206);
            assert_eq!(answer.body, part, "{range}");
            assert_eq!(answer.header("content-range"), Some(&*told));
        }
        let nowhere = format!("bytes={bytes}-");
        assert_eq!(ask(&edge, path, key, &nowhere).await.status, 200);
    }

    let stranger = key_of(&edge, "rival").await;
    let refused = ask(&edge, &own, Some(&stranger), "").await;
    refused.expect_error(404, "not_found");
    ask(&edge, &own, None, "")
        .await
        .expect_error(401, "missing_api_key");
    let delete = edge.call(Method::DELETE, &format!("/v1/transcripts/{transcript}"));
    delete.key(&key).send().await.expect(204);
    for (path, key) in [(&own, Some(&key)), (&linked, None)] {
        ask(&edge, path, key, "")
            .await
            .expect_error(404, "not_found");
    }
    let left = edge.bucket().await;
    assert!(
        left.iter().all(|name| !name.contains(&transcript)),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_is_kept_only_where_that_was_asked_and_goes_with_its_owner() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let key = key_of(&edge, "acme").await;
    let file = std::fs::read(sample().0).unwrap();
    let without = transcribed(&edge, &key, &file, false).await;
    let path = format!("/v1/transcripts/{without}/audio");
    ask(&edge, &path, Some(&key), "")
        .await
        .expect_error(404, "not_found");
    // The same file again: its transcript is found, and gets the audio.
    let with = transcribed(&edge, &key, &file, true).await;
    assert_eq!(with, without);
    ask(&edge, &path, Some(&key), "").await.expect(200);

    let by_url = json!({"url": "https://example.com/a.flac", "keep_audio": true});
    let refused = edge.call(Method::POST, "/v1/jobs").key(&key).json(&by_url);
    assert_eq!(refused.send().await.status, 403, "addresses are off");

    let purge = edge.admin(Method::DELETE, "/admin/owners/acme");
    purge.send().await.expect(200);
    let left = edge.bucket().await;
    assert!(left.iter().all(|name| !name.contains(".audio")), "{left:?}");
}

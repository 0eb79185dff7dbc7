//! Who has no good key gets no further, and is told why in OpenAI's words.

use e2e::edge::{Edge, unknown_key};
use e2e::upstream::Upstream;
use edge_core::api_key::KeyHash;
use edge_core::key_record::KeyRecord;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_good_key_passes_in_either_header() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    for (name, value) in [
        ("authorization", format!("Bearer {}", key.text)),
        ("authorization", format!("bearer {}", key.text)),
        ("x-api-key", key.text.clone()),
    ] {
        edge.get("/v1/models")
            .header(name, &value)
            .send()
            .await
            .expect(200);
    }
    let both = edge
        .get("/v1/models")
        .key(&key)
        .header("x-api-key", &key.text);
    both.send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_different_keys_are_a_question_not_an_answer() {
    let edge = Edge::builder().start().await;
    let (one, other) = (edge.any_key().await, edge.any_key().await);
    let both = edge
        .get("/v1/models")
        .key(&one)
        .header("x-api-key", &other.text);
    both.send().await.expect_error(400, "conflicting_api_keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_or_with_garbage_nothing_opens() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    let good = key.text.as_str();
    for (name, value, code) in [
        ("accept", "*/*".to_owned(), "missing_api_key"),
        ("authorization", "Bearer".to_owned(), "missing_api_key"),
        ("authorization", good.to_owned(), "missing_api_key"),
        ("authorization", format!("Basic {good}"), "missing_api_key"),
        ("x-api-key", "  ".to_owned(), "missing_api_key"),
        ("authorization", "Bearer x".to_owned(), "invalid_api_key"),
        (
            "authorization",
            format!("Bearer {good} {good}"),
            "invalid_api_key",
        ),
        (
            "authorization",
            format!("Bearer {good}\t,"),
            "invalid_api_key",
        ),
        (
            "authorization",
            format!("Bearer {}", &good[..good.len() - 1]),
            "invalid_api_key",
        ),
        (
            "authorization",
            format!("Bearer {}", good.to_uppercase()),
            "invalid_api_key",
        ),
        (
            "authorization",
            format!("Bearer {good}{}", "A".repeat(8_000)),
            "invalid_api_key",
        ),
        (
            "authorization",
            format!("Bearer {}", unknown_key()),
            "invalid_api_key",
        ),
        ("x-api-key", unknown_key(), "invalid_api_key"),
        ("x-api-key", "' OR 1=1 --".to_owned(), "invalid_api_key"),
        ("x-api-key", "{\"key\":null}".to_owned(), "invalid_api_key"),
    ] {
        let answer = edge.get("/v1/models").header(name, &value).send().await;
        answer.expect_error(401, code);
    }
    // Bytes that are no text (obs-text of RFC 9110).
    let bytes = HeaderValue::from_bytes(b"Bearer wk_live_\xff\xfe\x80").unwrap();
    let request = edge
        .get("/v1/models")
        .into_inner()
        .header("authorization", bytes);
    assert_eq!(request.send().await.unwrap().status(), 401);
    // The key twice in one header's stead.
    let request = edge.get("/v1/models").key(&key).key(&key).into_inner();
    assert_eq!(request.send().await.unwrap().status(), 401);
    edge.get("/v1/models").key(&key).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_no_key_by_its_form_is_not_even_looked_up() {
    let edge = Edge::builder().start().await;
    let good = edge.any_key().await;
    let record = edge.kv_get(&good.record_name()).await.unwrap();
    let mut mistyped = good.text.clone();
    let last = if mistyped.pop() == Some('0') {
        '1'
    } else {
        '0'
    };
    mistyped.push(last);
    for text in [mistyped.as_str(), "wk_live_short", "password"] {
        // Were it looked up, it would be found, and open.
        let name = format!("key:{}", KeyHash::of(text).to_hex());
        edge.kv_put(&name, &record).await;
        let answer = edge.get("/v1/models").bearer(text).send().await;
        answer.expect_error(401, "invalid_api_key");
    }
    edge.get("/v1/models").key(&good).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_switched_off_expired_or_of_another_scope_is_refused_as_that() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let disabled = edge
        .create_key(&json!({"name": "off", "enabled": false}))
        .await;
    edge.get("/v1/models")
        .key(&disabled)
        .send()
        .await
        .expect_error(401, "disabled_api_key");

    let record = edge.record(&disabled).await;
    let good = KeyRecord {
        enabled: true,
        ..record
    };
    let expired = KeyRecord {
        id: "key_expired0expired0expi".to_owned(),
        expires_at: Some(good.created_at - 1),
        ..good.clone()
    };
    let expired = edge.import_key(expired).await;
    edge.get("/v1/models")
        .key(&expired)
        .send()
        .await
        .expect_error(401, "expired_api_key");
    let not_yet = KeyRecord {
        id: "key_notyet00notyet00noty".to_owned(),
        expires_at: Some(good.created_at + 3_600),
        ..good
    };
    let not_yet = edge.import_key(not_yet).await;
    edge.get("/v1/models")
        .key(&not_yet)
        .send()
        .await
        .expect(200);

    let transcribes = edge
        .create_key(&json!({"name": "t", "scopes": ["transcribe"]}))
        .await;
    let translates = edge
        .create_key(&json!({"name": "t", "scopes": ["translate"]}))
        .await;
    for (key, path) in [
        (&transcribes, "/v1/audio/translations"),
        (&translates, "/v1/audio/transcriptions"),
    ] {
        let upload = edge.call(Method::POST, path).key(key).upload("audio");
        upload.send().await.expect_error(403, "insufficient_scope");
        // What needs no scope is open to it.
        edge.get("/v1/models").key(key).send().await.expect(200);
    }
    host.expect_no_more();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_costs_no_limit_reaches_no_host_and_its_sender_hears_why() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge
        .create_key(&json!({"name": "t", "scopes": ["translate"]}))
        .await;
    // Far more than fits into any buffer on the way: whoever hangs up on it may never be heard.
    let upload = vec![7; 4 * 1024 * 1024];
    for _ in 0..5 {
        let call = edge.transcribe(&key).upload(upload.clone());
        let answer = call.send().await.expect_error(403, "insufficient_scope");
        assert_eq!(answer.header("ratelimit"), None);
        let call = edge
            .call(Method::POST, "/v1/audio/transcriptions")
            .bearer("wk_live_x");
        let answer = call.upload(upload.clone()).send().await;
        answer.expect_error(401, "invalid_api_key");
    }
    let answer = edge.get("/v1/models").key(&key).send().await.expect(200);
    assert_eq!(answer.number("x-ratelimit-remaining-requests"), 59);
    host.expect_no_more();
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_and_methods_that_are_not_there_are_refused_and_models_are_listed() {
    let edge = Edge::builder()
        .setting("MODELS", "tiny.en,base")
        .start()
        .await;
    let key = edge.any_key().await;
    edge.get("/healthz").send().await.expect(200);
    for path in [
        "/",
        "/v1",
        "/v1/audio",
        "/v1/audio/speech",
        "/v1/models/",
        "/favicon.ico",
        "/__test/panic",
        "/%2e%2e/admin",
    ] {
        edge.get(path)
            .key(&key)
            .send()
            .await
            .expect_error(404, "not_found");
    }
    for (method, path, allow) in [
        (Method::GET, "/v1/audio/transcriptions", "POST"),
        (Method::PUT, "/v1/audio/translations", "POST"),
        (Method::POST, "/v1/models", "GET"),
        (Method::DELETE, "/v1/models/base", "GET"),
        (Method::POST, "/healthz", "GET"),
        // No page of another origin gets leave to ask.
        (Method::OPTIONS, "/v1/audio/transcriptions", "POST"),
        (Method::OPTIONS, "/v1/models", "GET"),
    ] {
        let asked = edge
            .call(method, path)
            .key(&key)
            .header("origin", "https://page.example");
        let answer = asked
            .header("access-control-request-method", "POST")
            .send()
            .await;
        let answer = answer.expect_error(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }

    let list = edge
        .get("/v1/models")
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    let names = |list: &serde_json::Value| -> Vec<String> {
        let data = list["data"].as_array().unwrap();
        data.iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(list["object"], "list");
    assert_eq!(names(&list), ["whisper-1", "tiny.en", "base"]);
    let one = edge
        .get("/v1/models/base")
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(one["id"], "base");
    assert_eq!(one["object"], "model");
    let none = edge.get("/v1/models/large").key(&key).send().await;
    let none = none.expect_error(404, "model_not_found");
    assert_eq!(none.param().as_deref(), Some("model"));

    let of_base = edge
        .create_key(&json!({"name": "b", "models": ["base"]}))
        .await;
    let list = edge
        .get("/v1/models")
        .key(&of_base)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(names(&list), ["base"]);
    let hidden = edge.get("/v1/models/tiny.en").key(&of_base).send().await;
    hidden.expect_error(404, "model_not_found");
}

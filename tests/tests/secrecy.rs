//! Logs tell what happened, and no secret and nothing that was said.

use std::path::PathBuf;

use e2e::edge::{Edge, Key, random_secret};
use e2e::service::Service;
use e2e::speech::{form_of, plain, sample};
use e2e::upstream::Upstream;
use edge_core::api_key::KeyHash;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn no_key_no_secret_and_no_spoken_word_is_logged_but_every_request_is() {
    let service = Service::start_with(&[("INFERENCE_LOG", "info")]).await;
    let edge = Edge::builder().service(&service).start().await;
    let (audio, words) = sample();
    let key = edge
        .create_key(&json!({"name": "a named key", "owner": "acme"}))
        .await;
    let mut ids = Vec::new();
    let prompt = "an unmistakable prompt";
    let form = form_of(&audio)
        .text("prompt", prompt)
        .text("response_format", "text");
    let served = edge.transcribe(&key).form(form).send().await.expect(200);
    assert_eq!(plain(served.text()), words);
    ids.push((served.header("x-request-id").unwrap().to_owned(), 200, None));

    let mistyped = format!("{}x", key.text);
    for token in [mistyped.as_str(), "hunter2-the-password", key.text.as_str()] {
        let upload = edge
            .transcribe(&key)
            .header("x-api-key", token)
            .upload("no form");
        let answer = upload.send().await;
        // What the service says is told by the log of the service.
        let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
        let code = code.filter(|_| token != key.text);
        ids.push((
            answer.header("x-request-id").unwrap().to_owned(),
            answer.status,
            code,
        ));
    }
    edge.revoke(&key).await.expect(204);
    let refused = edge
        .get(&format!("/v1/models?key={}", key.text))
        .key(&key)
        .send()
        .await;
    ids.push((
        refused.header("x-request-id").unwrap().to_owned(),
        401,
        Some("revoked_api_key".to_owned()),
    ));

    // The log comes through a pipe: it is complete when the last request is in it.
    let (last, ..) = ids.last().unwrap();
    edge.until_logged(last).await;
    let (first, ..) = &ids[0];
    service.until_logged(first).await;
    let (edge_log, service_log) = (edge.log(), service.log());
    for (id, status, code) in &ids {
        let line = edge_log.lines().find(|line| line.contains(id)).unwrap();
        let json: Value = serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
        assert_eq!(json["status"], *status, "{line}");
        assert_eq!(json["code"], json!(code), "{line}");
        assert!(json["ms"].is_u64() && json["route"].is_string(), "{line}");
    }
    assert!(edge_log.contains(&key.id) && service_log.contains(&key.id));
    let spoken: Vec<&str> = words.split(' ').collect();
    let three_words: Vec<String> = spoken.windows(3).map(|words| words.join(" ")).collect();
    for log in [&edge_log, &service_log] {
        let said = plain(log);
        let heard = three_words.iter().find(|words| said.contains(*words));
        assert_eq!(heard, None, "speech was logged");
        for secret in [
            &key.text,
            "hunter2",
            prompt,
            edge.root_key(),
            edge.signing_secret(),
        ] {
            assert!(!log.contains(secret), "a secret was logged: {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_ids_of_their_own_and_times() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    let answers = join_all((0..50).map(|_| edge.get("/v1/models").key(&key).send())).await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| answer.header("x-request-id").unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    for answer in &answers {
        assert!(
            answer
                .header("server-timing")
                .unwrap()
                .starts_with("edge;dur=")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_refuses_every_request_and_is_named_in_the_log_alone() {
    for (name, value) in [
        ("DEFAULT_LIMITS", "no-json-at-all"),
        ("EDGE_SIGNING_SECRETS", "too-short"),
        ("NO_SUCH_SETTING", "whatever"),
    ] {
        let edge = Edge::builder().setting(name, value).start().await;
        let answer = edge.get("/healthz").send().await;
        let answer = answer.expect_error(500, "misconfigured");
        assert!(!answer.text().contains(name), "{answer:?}");
        edge.until_logged(answer.header("x-request-id").unwrap())
            .await;
        assert!(
            edge.log().contains(name) && !edge.log().contains(value),
            "{}",
            edge.log()
        );
    }
}

/// Keys that came to be in every way there is, by this root key.
async fn keys_of_every_origin(edge: &Edge, root: &Key) -> Vec<Key> {
    let wish = json!({"name": "a", "owner": "acme", "plan": "starter", "self_service": true});
    let made = edge.call(Method::POST, "/admin/keys").key(root);
    let made = made
        .header("idempotency-key", "once")
        .json(&wish)
        .send()
        .await;
    let key = edge.new_key(&made.expect(201));
    let rotated = edge.rotate(&key, 3600).await;
    let bulk = json!({"keys": [{"name": "1", "owner": "acme"}, {"name": "2"}]});
    let bulk = edge
        .tell(Method::POST, "/admin/keys/bulk", &bulk)
        .await
        .expect(201)
        .json();
    let bulk = bulk["data"].as_array().unwrap().iter();
    let bulk: Vec<Key> = bulk
        .map(|key| {
            let text = |name: &str| key[name].as_str().unwrap().to_owned();
            Key {
                id: text("id"),
                text: text("key"),
            }
        })
        .collect();
    let imported = Key {
        id: String::new(),
        text: random_secret("sk-"),
    };
    let hash = KeyHash::of(&imported.text).to_hex();
    let import = json!({"keys": [{"hash": hash, "start": "sk-", "key": {"name": "i"}}]});
    edge.tell(Method::POST, "/admin/keys/import", &import)
        .await
        .expect(201);
    let mut keys = vec![key, rotated, imported];
    keys.extend(bulk);
    keys
}

/// Shows keys to the edge wherever one may be, and where none belongs.
async fn show_everywhere(edge: &Edge, keys: &[Key], root: &Key) {
    for key in keys {
        for isolate in 0..2 {
            edge.transcribe_at(isolate, key)
                .upload("audio")
                .send()
                .await
                .expect(200);
        }
        let question = json!({ "key": key.text });
        edge.tell(Method::POST, "/v1/keys/verify", &question)
            .await
            .expect(200);
        // Where it does not belong.
        edge.get(&format!("/v1/models?key={}", key.text))
            .send()
            .await
            .expect(401);
        edge.get(&format!("/admin/keys/{}", key.text))
            .key(root)
            .send()
            .await
            .expect(404);
        edge.get("/v1/usage")
            .header("x-api-key", &key.text)
            .send()
            .await
            .expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_kv_of_the_database_of_the_objects_or_of_a_log_is_a_key_or_a_secret() {
    let host = Upstream::start().await.answer_all("words");
    let builder = Edge::builder().upstream(host.url()).isolates(2);
    let builder = builder.setting("IMPORTED_KEY_PREFIXES", "sk-");
    let mut edge = builder.setting("USAGE_FLUSH_SECONDS", "1").start().await;
    let limits = json!([{"name": "hour", "kind": "rate", "limit": 9, "window_seconds": 3600}]);
    edge.put_plan("starter", &json!({"limits": limits, "self_service": true}))
        .await;
    let root = edge.root_key_with(&["admin:*"]).await;
    let root_path = format!("/admin/root-keys/{}/rotate", root.id);
    let other_root = edge
        .tell(Method::POST, &root_path, &json!({"overlap_seconds": 60}))
        .await;
    let other_root = edge.new_key(&other_root.expect(200));

    let keys = keys_of_every_origin(&edge, &other_root).await;
    show_everywhere(&edge, &keys, &root).await;
    let key = &keys[0];
    edge.patch(key, &json!({"name": "b"})).await.expect(200);
    edge.revoke(key).await.expect(204);
    edge.get("/v1/models").key(key).send().await.expect(401);
    edge.admin(Method::DELETE, "/admin/owners/acme")
        .send()
        .await
        .expect(200);
    edge.restart().await;
    edge.get("/v1/models")
        .key(&keys[4])
        .send()
        .await
        .expect(200);

    let mut secrets: Vec<&str> = keys.iter().map(|key| key.text.as_str()).collect();
    secrets.extend([
        edge.root_key(),
        edge.signing_secret(),
        &root.text,
        &other_root.text,
    ]);
    let log = edge.log();
    for secret in secrets {
        assert_eq!(
            edge.files_holding(secret),
            Vec::<PathBuf>::new(),
            "{secret}"
        );
        assert!(!log.contains(secret), "{secret} was logged");
        // Nor the part of it that nobody could guess.
        let random = &secret[secret.len() - 20..];
        assert_eq!(
            edge.files_holding(random),
            Vec::<PathBuf>::new(),
            "{secret}"
        );
    }
    // Had it been there, it would have been found: what may be there is.
    let hash = KeyHash::of(&keys[2].text).to_hex();
    for text in [root.id.as_str(), "self_service", &hash] {
        assert!(!edge.files_holding(text).is_empty(), "{text}");
    }
}

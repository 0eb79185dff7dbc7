//! The same upload again under its `Idempotency-Key`: answered alike for a day, heard and charged once. What the edge
//! keeps for it: `answers.rs`.

use std::path::Path;

use e2e::edge::{Edge, Key};
use e2e::http::{Answer, Call};
use e2e::service::Service;
use e2e::speech::{form, form_of, plain, sample};
use e2e::until;
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

struct World {
    service: Service,
    edge: Edge,
}

impl World {
    async fn new() -> Self {
        let service = Service::start().await;
        let edge = Edge::builder().service(&service).start().await;
        Self { service, edge }
    }

    async fn key(&self, owner: &str, scopes: &[&str]) -> Key {
        let limits = json!([
            {"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"},
            {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 1_000, "period": "month"},
        ]);
        let key = json!({"name": "asks twice", "owner": owner, "scopes": scopes, "limits": limits});
        self.edge.create_key(&key).await
    }

    fn ask(&self, key: &Key, once: &str, form: Form) -> Call {
        let call = self.edge.transcribe(key);
        call.header("idempotency-key", once).form(form)
    }

    /// Requests that were served, and seconds of audio, as the key is charged.
    async fn charged(&self, key: &Key) -> (u64, f64) {
        let usage = self.edge.get("/v1/usage").key(key).send().await.expect(200);
        let total: Value = usage.json()["total"].take();
        let served = total["outcomes"]["served"].as_u64().unwrap_or_default();
        (served, total["audio_seconds"].as_f64().unwrap_or_default())
    }
}

/// Whether it is what the same request was answered before.
fn is_replayed(answer: &Answer) -> bool {
    match answer.header("idempotent-replayed") {
        None => false,
        Some(value) => {
            assert_eq!(value, "true", "{answer:?}");
            true
        }
    }
}

fn in_format(path: &Path, format: &'static str) -> Form {
    form_of(path).text("response_format", format)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_same_answer_and_is_heard_and_charged_once() {
    let world = World::new().await;
    let key = world.key("acme", &["transcribe"]).await;
    let (path, words) = sample();
    let first = world.ask(&key, "talk", form_of(&path)).send().await;
    let first = first.expect(200);
    assert_eq!(plain(first.json()["text"].as_str().unwrap()), words);
    assert!(!is_replayed(&first));
    // It is no kept transcript, and names none.
    assert_eq!(first.header("x-transcript-id"), None);
    assert_eq!(first.header("link"), None);
    let heard = world.service.heard().await;
    assert!(heard > 0);
    let again = world.ask(&key, "talk", form_of(&path)).send().await;
    let again = again.expect(200);
    assert!(is_replayed(&again), "{again:?}");
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(again.header("x-transcript-id"), None);
    assert_eq!(world.service.heard().await, heard);
    let (_, seconds) = until("both are counted", async || {
        Some(world.charged(&key).await).filter(|(served, _)| *served == 2)
    })
    .await;
    let of_one = world.ask(&key, "other", form_of(&path)).send().await;
    let of_one = of_one.expect(200).header("x-audio-seconds").map(str::parse);
    let of_one: f64 = of_one.unwrap().unwrap();
    assert!((seconds - of_one).abs() < 0.01, "{seconds} {of_one}");
    for (once, format) in [("t", "text"), ("s", "srt"), ("v", "verbose_json")] {
        let ask = || world.ask(&key, once, in_format(&path, format)).send();
        let (first, again) = (ask().await.expect(200), ask().await.expect(200));
        assert!(!is_replayed(&first) && is_replayed(&again), "{format}");
        assert_eq!(again.body, first.body, "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_under_the_same_key_is_refused_and_another_callers_is_his_own() {
    let world = World::new().await;
    let key = world.key("acme", &["transcribe"]).await;
    let stranger = world.key("rival", &["transcribe"]).await;
    let (path, _) = sample();
    let first = world.ask(&key, "talk", form_of(&path)).send().await;
    let first = first.expect(200);
    let heard = world.service.heard().await;
    let mut longer = std::fs::read(&path).unwrap();
    longer.extend_from_slice(&[0; 16]);
    for other in [
        form("sample.flac", longer),
        in_format(&path, "srt"),
        form_of(&path)
            .text("language", "en")
            .text("prompt", "Rain."),
    ] {
        let refused = world.ask(&key, "talk", other).send().await;
        refused.expect_error(409, "idempotency_key_reused");
    }
    assert_eq!(world.service.heard().await, heard);
    let of_another = world.ask(&stranger, "talk", form_of(&path)).send().await;
    assert!(!is_replayed(&of_another.expect(200)));
    assert!(world.service.heard().await > heard);
    let again = world.ask(&key, "talk", form_of(&path)).send().await;
    assert_eq!(again.expect(200).body, first.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_it_is_heard_again() {
    let world = World::new().await;
    let key = world.key("acme", &["transcribe"]).await;
    let (path, _) = sample();
    let ask = || world.ask(&key, "talk", form_of(&path)).send();
    ask().await.expect(200);
    let heard = world.service.heard().await;
    assert!(is_replayed(&ask().await.expect(200)));
    let over = "UPDATE answers SET expires_at=expires_at-86400001";
    world.edge.sql(over, &[]).await.unwrap();
    assert!(!is_replayed(&ask().await.expect(200)));
    assert_eq!(world.service.heard().await, 2 * heard);
    assert!(is_replayed(&ask().await.expect(200)));
}

/// The last event of an answer that streams.
fn last_event(answer: &Answer) -> Value {
    let mut lines = answer.text().lines().rev();
    let last = lines.find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(last.unwrap_or_else(|| panic!("no event: {answer:?}"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_streamed_streams_again() {
    let world = World::new().await;
    let key = world.key("acme", &["transcribe"]).await;
    let (path, words) = sample();
    let ask = || {
        let form = form_of(&path).text("stream", "true");
        world.ask(&key, "talk", form).send()
    };
    let first = ask().await.expect(200);
    let done = last_event(&first);
    assert_eq!(done["type"], "transcript.text.done");
    assert_eq!(plain(done["text"].as_str().unwrap()), words);
    let heard = world.service.heard().await;
    let again = ask().await.expect(200);
    assert!(!is_replayed(&first) && is_replayed(&again));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(last_event(&again), done);
    assert_eq!(world.service.heard().await, heard);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_that_was_kept_is_the_answer_until_it_is_deleted() {
    let world = World::new().await;
    let key = world
        .key("acme", &["transcribe", "transcripts:write"])
        .await;
    let (path, _) = sample();
    let ask = || {
        let call = world.ask(&key, "talk", form_of(&path));
        call.header("x-store", "true").send()
    };
    let first = ask().await.expect(200);
    let id = first.header("x-transcript-id").unwrap();
    let again = ask().await.expect(200);
    assert!(!is_replayed(&first) && is_replayed(&again));
    assert_eq!(again.header("x-transcript-id"), Some(id));
    assert_eq!(again.body, first.body);
    let not_kept = world.ask(&key, "talk", form_of(&path)).send().await;
    not_kept.expect_error(409, "idempotency_key_reused");
    let heard = world.service.heard().await;
    let transcript = format!("/v1/transcripts/{id}");
    let delete = world.edge.call(Method::DELETE, &transcript).key(&key);
    delete.send().await.expect(204);
    let anew = ask().await.expect(200);
    assert!(!is_replayed(&anew));
    assert_ne!(anew.header("x-transcript-id"), Some(id));
    assert_eq!(world.service.heard().await, 2 * heard);
}

//! Transcripts that are to be kept: brought to the edge before they are told, and not heard twice.

use hyper::Request;
use inference_api::claims::Claims;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::keeping::Keep;
use inference_api::signature::Secret;
use sha2::{Digest as _, Sha256};

use crate::client::{Answer, Part, TRANSCRIPTIONS, encode, field, file, form, send};
use crate::edge::{Edge, SECRET, UNTIL_MS};
use crate::signing::{claims, unix_seconds};
use crate::support::Service;
use crate::wav::{self, tone};

/// A service, an edge, and requests whose transcripts are to be kept.
struct World {
    service: Service,
    edge: Edge,
    sent: usize,
}

impl World {
    async fn new() -> Self {
        let (service, _) = Service::fake(&["--edge-signing-secrets", SECRET]).await;
        let edge = Edge::start().await;
        let sent = 0;
        Self {
            service,
            edge,
            sent,
        }
    }

    async fn send_of(&mut self, account: &str, parts: &[Part]) -> Answer {
        self.sent += 1;
        let keep = Keep {
            edge: self.edge.url.clone(),
            id: format!("tr_{}", self.sent),
            account: account.to_owned(),
            until_ms: Some(UNTIL_MS),
            listed: true,
            once: None,
        };
        self.send_claiming(keep, parts).await
    }

    async fn send_claiming(&mut self, keep: Keep, parts: &[Part]) -> Answer {
        let claims = Claims {
            keep: Some(keep),
            ..claims(&format!("request {}", self.sent))
        };
        let encoded = claims.encode();
        let secret = Secret::new(SECRET).unwrap();
        let signature = secret.sign("POST", TRANSCRIPTIONS, &encoded, unix_seconds());
        let (content_type, body) = encode(parts);
        let request = Request::post(TRANSCRIPTIONS)
            .header("content-type", content_type)
            .header(EDGE_CLAIMS, encoded)
            .header(EDGE_SIGNATURE, signature)
            .body(body)
            .unwrap();
        send(self.service.address, request).await
    }

    async fn send(&mut self, parts: &[Part]) -> Answer {
        self.send_of("owner:acme", parts).await
    }

    /// Under an `Idempotency-Key`.
    async fn send_once(&mut self, key: &str, listed: bool, parts: &[Part]) -> Answer {
        self.sent += 1;
        let keep = Keep {
            edge: self.edge.url.clone(),
            id: format!("tr_{}", self.sent),
            account: "owner:acme".to_owned(),
            until_ms: Some(UNTIL_MS),
            listed,
            once: Some(key.to_owned()),
        };
        self.send_claiming(keep, parts).await
    }

    /// How often the model ran.
    async fn runs(&self) -> f64 {
        self.service.metric("inference_piece_seconds_count").await
    }
}

fn with(name: &str, value: &str) -> Vec<Part> {
    [form(tone()), vec![field(name, value)]].concat()
}

#[tokio::test]
async fn what_is_to_be_kept_is_kept_before_the_answer_and_heard_once() {
    let mut world = World::new().await;
    let first = world.send(&form(tone())).await;
    assert_eq!(first.text(), "16000 samples");
    assert_eq!(first.header("x-transcript-id"), "tr_1");
    let link = format!(
        "<{}/v1/transcripts/tr_1>; rel=\"canonical\"",
        world.edge.url
    );
    assert_eq!(first.header("link"), link);
    assert!(!first.headers.contains_key("x-cache"));
    let kept = world.edge.kept();
    let [(brought, transcript)] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    assert_eq!(
        (brought.id.as_str(), brought.key_id.as_str()),
        ("tr_1", "key_1")
    );
    assert_eq!(brought.name.as_deref(), Some("clip.wav"));
    assert_eq!(brought.likeness.audio, hex::encode(Sha256::digest(tone())));
    assert_eq!(transcript.text(), "16000 samples");
    assert!(transcript.words.is_some());
    let runs = world.runs().await;
    assert!(runs > 0.0);
    // The form of the answer makes no other transcript, and neither does the file's name.
    let again = world.send(&form(tone())).await;
    assert_eq!(again.body, first.body);
    let renamed = vec![field("model", "tiny.en"), file("other.wav", tone())];
    assert_eq!(world.send(&renamed).await.header("x-cache"), "hit");
    let verbose = world.send(&with("response_format", "verbose_json")).await;
    assert_eq!(verbose.json()["segments"][0]["text"], " 16000 samples");
    assert!(verbose.json().get("words").is_none());
    for hit in [again, verbose] {
        assert_eq!(hit.header("x-cache"), "hit");
        assert_eq!(hit.header("x-transcript-id"), "tr_1");
        // Nothing was heard, so no audio is charged.
        assert!(!hit.headers.contains_key("x-audio-seconds"));
    }
    assert!((world.runs().await - runs).abs() < 0.5);
    world.service.until_free().await;
}

#[tokio::test]
async fn another_file_account_or_wish_is_another_transcript() {
    let mut world = World::new().await;
    world.send(&form(tone())).await;
    let longer = [tone(), vec![0; 2]].concat();
    for parts in [
        form(longer),
        with("prompt", "Names: Ada."),
        with("hotwords", "Ada"),
        with("temperature", "0.5"),
        with("include[]", "logprobs"),
        with("condition_on_previous_text", "true"),
    ] {
        let answer = world.send(&parts).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.headers.contains_key("x-cache"), "{parts:?}");
    }
    let other = world.send_of("owner:other", &form(tone())).await;
    assert!(!other.headers.contains_key("x-cache"));
    assert_eq!(world.edge.kept().len(), 8);
}

#[tokio::test]
async fn an_answer_that_streams_is_kept_before_its_last_event_and_told_again_from_there() {
    let mut world = World::new().await;
    let first = world.send(&with("stream", "true")).await;
    assert_eq!(first.header("x-transcript-id"), "tr_1");
    let done = r#""type":"transcript.text.done","text":"16000 samples""#;
    assert!(first.body.contains(done), "{}", first.body);
    assert_eq!(world.edge.kept().len(), 1);
    let again = world.send(&with("stream", "true")).await;
    assert_eq!(again.header("x-cache"), "hit");
    let events = |answer: &Answer| -> Vec<String> {
        let lines = answer.body.lines().filter(|l| l.starts_with("data: "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(events(&again), events(&first));
    assert_eq!(again.header("content-type"), first.header("content-type"));
}

#[tokio::test]
async fn an_edge_that_fails_for_a_moment_is_tried_again() {
    let mut world = World::new().await;
    world.edge.store.lock().unwrap().failures = 2;
    let answer = world.send(&form(tone())).await;
    assert_eq!(answer.text(), "16000 samples");
    assert_eq!(world.edge.kept().len(), 1);
    assert_eq!(world.edge.store.lock().unwrap().calls, 3);
    // One that does not say what it has is asked to keep all the same.
    world.edge.store.lock().unwrap().is_deaf = true;
    assert_eq!(world.send(&form(tone())).await.status, 200);
}

#[tokio::test]
async fn what_can_not_be_kept_is_no_success() {
    let mut world = World::new().await;
    world.edge.store.lock().unwrap().failures = usize::MAX;
    let answer = world.send(&form(tone())).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.code(), "store_unavailable");
    assert!(!answer.headers.contains_key("x-transcript-id"));
    let streamed = world.send(&with("stream", "true")).await;
    assert!(
        streamed.body.contains("store_unavailable"),
        "{}",
        streamed.body
    );
    assert!(!streamed.body.contains("transcript.text.done"));
    world.service.until_free().await;
}

#[tokio::test]
async fn no_other_address_than_an_edges_is_ever_called() {
    let mut world = World::new().await;
    for edge in [
        "http://169.254.169.254",
        "http://10.0.0.1",
        "file:///etc",
        "https://a/b",
    ] {
        world.sent += 1;
        let keep = Keep {
            edge: edge.to_owned(),
            id: "tr_1".to_owned(),
            account: "owner:acme".to_owned(),
            until_ms: Some(UNTIL_MS),
            listed: true,
            once: None,
        };
        let answer = world.send_claiming(keep, &form(tone())).await;
        assert_eq!(answer.code(), "store_unavailable", "{edge}");
    }
    assert!(world.runs().await < 0.5);
}

#[tokio::test]
async fn silence_is_kept_as_an_empty_text() {
    let mut world = World::new().await;
    let answer = world.send(&form(wav::of(&vec![0.0; 16_000]))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.edge.kept().len(), 1);
}

/// Headers by which a caller would know a transcript.
const NAMES: [&str; 3] = ["x-transcript-id", "link", "x-cache"];

#[tokio::test]
async fn a_request_that_comes_again_under_its_key_is_answered_again_and_not_heard() {
    let mut world = World::new().await;
    let first = world.send_once("a", false, &form(tone())).await;
    assert_eq!(first.text(), "16000 samples");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let runs = world.runs().await;
    let again = world.send_once("a", false, &form(tone())).await;
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert!((world.runs().await - runs).abs() < 0.5);
    // It is none of the account's transcripts, so it has no name.
    for name in NAMES {
        assert!(!first.headers.contains_key(name), "{name}");
        assert!(!again.headers.contains_key(name), "{name}");
    }
    // And answers nobody else.
    for other in [
        world.send(&form(tone())).await,
        world.send_once("b", false, &form(tone())).await,
    ] {
        assert_eq!(other.text(), "16000 samples");
        assert!(!other.headers.contains_key("x-cache"));
        assert!(!other.headers.contains_key("idempotent-replayed"));
    }
}

#[tokio::test]
async fn one_that_streams_is_told_again_as_it_was() {
    let mut world = World::new().await;
    let first = world.send_once("a", false, &with("stream", "true")).await;
    assert!(
        first.body.contains("transcript.text.done"),
        "{}",
        first.body
    );
    let again = world.send_once("a", false, &with("stream", "true")).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert!(
        again.body.contains("transcript.text.done"),
        "{}",
        again.body
    );
}

#[tokio::test]
async fn a_key_is_good_for_one_request_and_every_form_of_an_answer_is_another() {
    let mut world = World::new().await;
    world.send_once("a", true, &form(tone())).await;
    let longer = [tone(), vec![0; 2]].concat();
    for parts in [
        form(longer),
        with("prompt", "Names: Ada."),
        with("response_format", "text"),
        with("response_format", "verbose_json"),
        with("stream", "true"),
        with("include[]", "logprobs"),
    ] {
        let answer = world.send_once("a", true, &parts).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
        assert_eq!(answer.code(), "idempotency_key_reused");
    }
    world.service.until_free().await;
    // The same one, which is one of the account's as well.
    let again = world.send_once("a", true, &form(tone())).await;
    assert_eq!(again.header("x-transcript-id"), "tr_1");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert!(!again.headers.contains_key("x-cache"));
    // Another key finds it by what it is like.
    let like = world.send_once("b", true, &form(tone())).await;
    assert_eq!(like.header("x-cache"), "hit");
    assert!(!like.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn where_the_edge_does_not_say_what_it_has_a_key_keeps_nobody_out() {
    let mut world = World::new().await;
    world.send_once("a", false, &form(tone())).await;
    world.edge.store.lock().unwrap().is_deaf = true;
    let again = world.send_once("a", false, &form(tone())).await;
    assert_eq!(again.text(), "16000 samples");
    assert!(!again.headers.contains_key("idempotent-replayed"));
}

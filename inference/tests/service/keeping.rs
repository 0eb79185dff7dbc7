//! Transcripts that are to be kept: brought to the edge before they are told, and not heard twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hyper::Request;
use inference_api::claims::Claims;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE, TRANSCRIPT_ID};
use inference_api::keeping::{Brought, FIND_PATH, KEEP_PATH, Keep, Sought};
use inference_api::signature::{Secret, verify};
use inference_api::statement::decode;
use inference_api::transcript::Transcript;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::{Answer, Part, TRANSCRIPTIONS, encode, field, file, form, send};
use crate::signature::{claims, unix_seconds};
use crate::support::Service;
use crate::wav::{self, tone};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What an edge has, and how it behaves.
#[derive(Default)]
struct Store {
    /// Each by all that it is like.
    kept: HashMap<String, (Brought, String)>,
    /// So many calls that bring something fail first.
    failures: usize,
    calls: usize,
    is_deaf: bool,
}

/// Until when the edge wants them kept.
const UNTIL_MS: u64 = 1_790_000_000_000;

/// Plays the edge that keeps transcripts.
struct Edge {
    url: String,
    store: Arc<Mutex<Store>>,
    task: JoinHandle<()>,
}

type Shared = State<Arc<Mutex<Store>>>;

/// The statement of a call, which must be signed as it should be.
fn statement<'a>(headers: &'a HeaderMap, path: &str) -> &'a str {
    let text = |name: &str| headers[name].to_str().unwrap();
    let (encoded, signature) = (text(EDGE_CLAIMS), text(EDGE_SIGNATURE));
    let secrets = [Secret::new(SECRET).unwrap()];
    verify(&secrets, signature, "POST", path, encoded, unix_seconds()).unwrap();
    encoded
}

async fn find(State(store): Shared, headers: HeaderMap) -> Response {
    let Sought {
        likeness, until_ms, ..
    } = decode(statement(&headers, FIND_PATH)).unwrap();
    assert_eq!(until_ms, Some(UNTIL_MS));
    let store = store.lock().unwrap();
    if store.is_deaf {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match store.kept.get(&format!("{likeness:?}")) {
        Some((brought, body)) => {
            ([(TRANSCRIPT_ID, brought.id.clone())], body.clone()).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn keep(State(store): Shared, headers: HeaderMap, body: String) -> StatusCode {
    let brought: Brought = decode(statement(&headers, KEEP_PATH)).unwrap();
    assert_eq!(brought.until_ms, Some(UNTIL_MS));
    assert_eq!(brought.body, hex::encode(Sha256::digest(&body)));
    let mut store = store.lock().unwrap();
    store.calls += 1;
    if store.calls <= store.failures {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let like = format!("{:?}", brought.likeness);
    store.kept.insert(like, (brought, body));
    StatusCode::NO_CONTENT
}

impl Edge {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = Arc::<Mutex<Store>>::default();
        let router = Router::new()
            .route(FIND_PATH, post(find))
            .route(KEEP_PATH, post(keep))
            .with_state(Arc::clone(&store));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { url, store, task }
    }

    fn kept(&self) -> Vec<(Brought, Transcript)> {
        let store = self.store.lock().unwrap();
        let kept = store.kept.values().cloned();
        kept.map(|(brought, body)| (brought, serde_json::from_str(&body).unwrap()))
            .collect()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

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

//! A host that is being replaced says so before it refuses anybody, and one that registers says when it comes and goes.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE, INFERENCE_LOAD};
use inference_api::heartbeat::{Heartbeat, PATH};
use inference_api::load::Load;
use inference_api::signature::{Secret, verify};
use inference_api::statement::decode;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Answer, GUARD, form, get, transcribe};
use crate::support::Service;
use crate::wav::tone;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn load_of(answer: &Answer) -> Load {
    let load = answer.header(INFERENCE_LOAD);
    Load::parse(load).unwrap_or_else(|| panic!("no load: {load}"))
}

#[tokio::test]
async fn every_answer_says_how_full_the_service_is() {
    let (service, gate) = Service::fake(&["--queue-length", "2"]).await;
    let idle = load_of(&get(service.address, "/v1/load").await);
    assert_eq!((idle.free, idle.draining), (3, false));
    assert!(
        idle.has_model("tiny.en") && idle.has_model("whisper-1"),
        "{idle:?}"
    );
    gate.close();
    let address = service.address;
    let running = tokio::spawn(async move { transcribe(address, &form(tone())).await });
    service
        .until("running", |load| load["states_busy"] == 1)
        .await;
    // Of errors, too.
    let missing = get(address, "/nowhere").await;
    assert_eq!(missing.status, 404);
    assert_eq!(load_of(&missing).free, 2);
    gate.open();
    let answer = running.await.unwrap();
    assert_eq!(answer.status, 200);
    load_of(&answer);
}

#[tokio::test]
async fn a_service_that_is_being_replaced_says_so_and_goes_on_serving_for_a_while() {
    let (mut service, _) = Service::fake(&["--drain-delay", "600"]).await;
    let address = service.address;
    service.terminate();
    service
        .until("leaving", |load| load["draining"] == true)
        .await;
    assert_eq!(get(address, "/readyz").await.status, 503);
    let answer = transcribe(address, &form(tone())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(load_of(&answer).draining);
}

/// Plays the edge to which hosts say what they are.
struct Listener {
    url: String,
    beats: UnboundedReceiver<HeaderMap>,
    task: JoinHandle<()>,
}

async fn take(State(beats): State<UnboundedSender<HeaderMap>>, headers: HeaderMap) -> StatusCode {
    // The test may have heard enough.
    let _ = beats.send(headers);
    StatusCode::NO_CONTENT
}

impl Listener {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, beats) = unbounded_channel();
        let router = Router::new().route(PATH, post(take)).with_state(sender);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { url, beats, task }
    }

    /// The next beat, which must be signed as it should be.
    async fn next(&mut self) -> Heartbeat {
        let headers = timeout(GUARD, self.beats.recv()).await;
        let headers = headers.expect("a beat in time").unwrap();
        let text = |name: &str| headers[name].to_str().unwrap();
        let (encoded, signature) = (text(EDGE_CLAIMS), text(EDGE_SIGNATURE));
        let secrets = [Secret::new(SECRET).unwrap()];
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        verify(&secrets, signature, "POST", PATH, encoded, now).unwrap();
        decode(encoded).unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_registers_beats_at_once_when_it_comes_leaves_and_ends() {
    let mut edge = Listener::start().await;
    let own = "https://gpu-1.example";
    // A period that no test waits for: each beat is one that something caused.
    let flags = [
        "--edge-signing-secrets",
        SECRET,
        "--edge-url",
        &edge.url,
        "--public-url",
        own,
        "--heartbeat-interval",
        "60",
        "--drain-delay",
        "0.2",
    ];
    let (mut service, _) = Service::fake(&flags).await;
    let ready = edge.next().await;
    assert_eq!(
        (ready.url.as_str(), ready.every_ms, ready.stops),
        (own, 60_000, false)
    );
    assert!(!Load::parse(&ready.load).unwrap().draining);
    service.terminate();
    let leaving = edge.next().await;
    assert!(Load::parse(&leaving.load).unwrap().draining && !leaving.stops);
    let last = edge.next().await;
    assert!(last.stops);
    assert!(ready.at_ms < leaving.at_ms && leaving.at_ms < last.at_ms);
    service.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_come_again_and_again_and_an_edge_that_is_away_harms_nobody() {
    let mut edge = Listener::start().await;
    let flags = |url: &str| -> Vec<String> {
        let own = "https://gpu-1.example";
        let flags = [
            ["--edge-signing-secrets", SECRET],
            ["--edge-url", url],
            ["--public-url", own],
            ["--heartbeat-interval", "0.2"],
        ];
        // The test's own requests are not signed.
        let flags = [&["--dev-insecure"][..], &flags.concat()].concat();
        flags.into_iter().map(str::to_owned).collect()
    };
    let told = flags(&edge.url);
    let told: Vec<_> = told.iter().map(String::as_str).collect();
    let (_service, _) = Service::fake(&told).await;
    let mut before = 0;
    for _ in 0..3 {
        let beat = edge.next().await;
        assert!(beat.at_ms > before);
        before = beat.at_ms;
    }
    // Port 1 (tcpmux) refuses.
    let untold = flags("http://127.0.0.1:1");
    let untold: Vec<_> = untold.iter().map(String::as_str).collect();
    let (mut alone, _) = Service::fake(&untold).await;
    alone.assert_alive().await;
    alone.terminate();
    alone.ended().await;
}

//! Plays the edge that keeps transcripts.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE, IDEMPOTENT, TRANSCRIPT_ID};
use inference_api::keeping::{Brought, FIND_PATH, KEEP_PATH, Sought};
use inference_api::signature::{Secret, verify};
use inference_api::statement::decode;
use inference_api::transcript::Transcript;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::signing::unix_seconds;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What an edge has, and how it behaves.
#[derive(Default)]
pub(crate) struct Store {
    kept: Vec<(Brought, String)>,
    /// So many calls that bring something fail first.
    pub(crate) failures: usize,
    pub(crate) calls: usize,
    pub(crate) is_deaf: bool,
    /// How many it has.
    count: watch::Sender<usize>,
}

/// Until when the edge wants them kept.
pub(crate) const UNTIL_MS: u64 = 1_790_000_000_000;

/// An edge that keeps transcripts.
pub(crate) struct Edge {
    pub(crate) url: String,
    pub(crate) store: Arc<Mutex<Store>>,
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
        likeness,
        until_ms,
        once,
        listed,
    } = decode(statement(&headers, FIND_PATH)).unwrap();
    assert_eq!(until_ms, Some(UNTIL_MS));
    let store = store.lock().unwrap();
    if store.is_deaf {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let of_key = |brought: &Brought| {
        let (mine, theirs) = (brought.once.as_ref(), once.as_ref());
        theirs.is_some() && mine.map(|o| &o.key) == theirs.map(|o| &o.key)
    };
    if let Some((brought, body)) = store.kept.iter().find(|(brought, _)| of_key(brought)) {
        if brought.once != once {
            return StatusCode::CONFLICT.into_response();
        }
        let names = [(TRANSCRIPT_ID, brought.id.as_str()), (IDEMPOTENT, "hit")];
        return (names, body.clone()).into_response();
    }
    let is_like = |brought: &Brought| listed && brought.listed && brought.likeness == likeness;
    match store.kept.iter().find(|(brought, _)| is_like(brought)) {
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
    store.kept.retain(|(kept, _)| kept.id != brought.id);
    store.kept.push((brought, body));
    store.count.send_replace(store.kept.len());
    StatusCode::NO_CONTENT
}

impl Edge {
    pub(crate) async fn start() -> Self {
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

    /// Waits until it has so many.
    pub(crate) async fn until_kept(&self, count: usize) {
        let mut counted = self.store.lock().unwrap().count.subscribe();
        counted.wait_for(|kept| *kept >= count).await.unwrap();
    }

    pub(crate) fn kept(&self) -> Vec<(Brought, Transcript)> {
        let store = self.store.lock().unwrap();
        let kept = store.kept.iter().cloned();
        kept.map(|(brought, body)| (brought, serde_json::from_str(&body).unwrap()))
            .collect()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

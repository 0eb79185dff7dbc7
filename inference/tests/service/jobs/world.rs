//! A host, an edge that keeps transcripts, and the calls that an edge makes about jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::{Method, Request};
use inference::backend::fake::Gate;
use inference_api::claims::Claims;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::job::{Fetch, Job, PATH, Report, State};
use inference_api::keeping::Keep;
use inference_api::signature::Secret;
use inference_api::transcript::Task;
use tokio::time::timeout;

use crate::client::{Answer, GUARD, Part, encode, send};
use crate::edge::{Edge, SECRET, UNTIL_MS};
use crate::signing::{claims, unix_seconds};
use crate::support::Service;

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) gate: Arc<Gate>,
    pub(crate) edge: Edge,
    sent: AtomicUsize,
}

impl World {
    pub(crate) async fn new(flags: &[&str]) -> Self {
        let flags = [&["--edge-signing-secrets", SECRET], flags].concat();
        let (service, gate) = Service::fake(&flags).await;
        Self::of(service, gate).await
    }

    pub(crate) async fn of(service: Service, gate: Arc<Gate>) -> Self {
        Self {
            service,
            gate,
            edge: Edge::start().await,
            sent: AtomicUsize::new(0),
        }
    }

    /// What the edge vouches for; good for one call.
    pub(crate) fn claims(&self, id: &str) -> Claims {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        Claims {
            keep: Some(Keep {
                edge: self.edge.url.clone(),
                id: format!("tr_of_{id}"),
                account: "owner:acme".to_owned(),
                until_ms: Some(UNTIL_MS),
                listed: true,
                once: None,
            }),
            job: Some(Job {
                id: id.to_owned(),
                task: Task::Transcribe,
                max_file_bytes: 5_000_000_000,
                sha256: None,
                fetch: Fetch::Off,
            }),
            deadline_ms: (unix_seconds() + 3_600) * 1000,
            ..claims(&format!("call {sent}"))
        }
    }

    /// The head of a call with these claims.
    pub(crate) fn signed(
        method: &Method,
        id: &str,
        claims: &Claims,
    ) -> [(&'static str, String); 2] {
        let encoded = claims.encode();
        let path = format!("{PATH}{id}");
        let secret = Secret::new(SECRET).unwrap();
        let signature = secret.sign(method.as_str(), &path, &encoded, unix_seconds());
        [(EDGE_CLAIMS, encoded), (EDGE_SIGNATURE, signature)]
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        id: &str,
        claims: &Claims,
        parts: &[Part],
    ) -> Answer {
        let mut request = Request::builder()
            .method(&method)
            .uri(format!("{PATH}{id}"));
        for (name, value) in Self::signed(&method, id, claims) {
            request = request.header(name, value);
        }
        let (content_type, body) = if method == Method::POST {
            encode(parts)
        } else {
            ("text/plain".to_owned(), Vec::new())
        };
        let request = request.header("content-type", content_type);
        send(self.service.address, request.body(body).unwrap()).await
    }

    pub(crate) async fn post_claiming(&self, id: &str, claims: &Claims, parts: &[Part]) -> Answer {
        self.call(Method::POST, id, claims, parts).await
    }

    /// Brings a job whose claims are changed so.
    pub(crate) async fn post_as(
        &self,
        id: &str,
        parts: impl AsRef<[Part]>,
        change: impl FnOnce(&mut Job),
    ) -> Answer {
        let mut claims = self.claims(id);
        change(claims.job.as_mut().unwrap());
        self.post_claiming(id, &claims, parts.as_ref()).await
    }

    pub(crate) async fn post(&self, id: &str, parts: &[Part]) -> Answer {
        self.post_as(id, parts, |_| {}).await
    }

    pub(crate) async fn get(&self, id: &str) -> Answer {
        self.call(Method::GET, id, &self.claims(id), &[]).await
    }

    pub(crate) async fn delete(&self, id: &str) -> Answer {
        self.call(Method::DELETE, id, &self.claims(id), &[]).await
    }

    /// Asks until the job is over.
    pub(crate) async fn over(&self, id: &str) -> Report {
        let asking = async {
            loop {
                let report = report(&self.get(id).await);
                if report.state != State::Running {
                    return report;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(GUARD, asking).await.expect("an end in time")
    }

    /// The status and the code with which it failed.
    pub(crate) async fn failure(&self, id: &str) -> (u16, String) {
        let report = self.over(id).await;
        assert_eq!(report.state, State::Failed, "{report:?}");
        assert_eq!(report.transcript, None);
        let failure = report.error.expect("why");
        (failure.status, failure.error.code)
    }

    /// How often the model ran.
    pub(crate) async fn runs(&self) -> f64 {
        self.service.metric("inference_piece_seconds_count").await
    }

    /// Asks until nothing is left of any job.
    pub(crate) async fn until_free(&self) {
        self.service.until_free().await;
        let asking = async {
            while self.service.metric("inference_jobs ").await > 0.0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(GUARD, asking).await.expect("no job is left");
    }
}

/// What an answer tells of a job.
pub(crate) fn report(answer: &Answer) -> Report {
    assert!(answer.status.is_success(), "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    serde_json::from_str(&answer.body).unwrap()
}

//! A stand-in for the inference service that costs next to nothing: it reads the body to its end and
//! answers as the service would, so that only the edge is measured.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::error::Error;

const ANSWER: &str = r#"{"text":"And so my fellow Americans ask not what your country can do for you.","usage":{"type":"duration","seconds":11.0}}"#;

/// The stand-in; it ends when this is dropped.
pub(crate) struct Upstream {
    /// Its origin, `http://host:port`.
    pub(crate) origin: String,
    received: Arc<AtomicU64>,
    accepting: AbortHandle,
}

impl Upstream {
    /// Starts it on a free port.
    pub(crate) async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(Error::io("listening"))?;
        let address = listener.local_addr().map_err(Error::io("listening"))?;
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let count = Arc::clone(&count);
                let service = service_fn(move |request| answer(request, Arc::clone(&count)));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Ok(Self {
            origin: format!("http://{address}"),
            received,
            accepting: accepting.abort_handle(),
        })
    }

    /// Bytes of all bodies so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    received: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, mut body) = request.into_parts();
    // A caller who left gets no answer anyway.
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-audio-seconds", "11.000"),
        ("x-queue-ms", "0"),
        ("x-decode-ms", "9"),
        ("x-inference-ms", "120"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    if let Some(id) = head.headers.get("x-edge-request-id") {
        headers.insert("x-request-id", id.clone());
    }
    Ok(response)
}

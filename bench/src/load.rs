//! Load on keep-alive connections: each sends its next request when it has the whole answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::workerd::Workerd;

/// The request that is sent over and over.
#[derive(Clone)]
pub(crate) struct Load {
    method: Method,
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Load {
    /// A request to `path`; a body makes it a POST.
    pub(crate) fn new(
        path: &'static str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<Self, Error> {
        let host = ("host", "localhost");
        let headers = headers.iter().chain([&host]).map(|(name, value)| {
            let value = HeaderValue::from_str(value)
                .map_err(|error| Error::Unexpected(format!("header {name}: {error}")))?;
            Ok((HeaderName::from_static(name), value))
        });
        Ok(Self {
            method: if body.is_empty() {
                Method::GET
            } else {
                Method::POST
            },
            path: Uri::from_static(path),
            headers: headers.collect::<Result<_, Error>>()?,
            body,
        })
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

/// Keep-alive connections to one Worker.
pub(crate) struct Connections(Vec<SendRequest<Full<Bytes>>>);

impl Connections {
    /// Opens `concurrency` of them and sends `load` once on each.
    pub(crate) async fn open(
        workerd: &Workerd,
        concurrency: usize,
        load: &Load,
    ) -> Result<Self, Error> {
        let mut connections = Vec::with_capacity(concurrency);
        for _ in 0..concurrency {
            let mut connection = connect(&workerd.authority).await?;
            send(&mut connection, load).await?;
            connections.push(connection);
        }
        Ok(Self(connections))
    }

    /// Sends `load` on all of them for `length`, and waits for the last answer. The latency of each
    /// request.
    pub(crate) async fn send(
        &mut self,
        load: &Load,
        length: Duration,
    ) -> Result<Vec<Duration>, Error> {
        let end = Instant::now() + length;
        let mut tasks = JoinSet::new();
        for mut connection in self.0.drain(..) {
            let load = load.clone();
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < end {
                    let start = Instant::now();
                    send(&mut connection, &load).await?;
                    latencies.push(start.elapsed());
                }
                Ok::<_, Error>((connection, latencies))
            });
        }
        let mut all = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            let (connection, mut latencies) =
                joined.map_err(|error| Error::Unexpected(format!("load: {error}")))??;
            self.0.push(connection);
            all.append(&mut latencies);
        }
        Ok(all)
    }
}

async fn connect(authority: &str) -> Result<SendRequest<Full<Bytes>>, Error> {
    let stream = TcpStream::connect(authority)
        .await
        .map_err(Error::io(format!("connecting to {authority}")))?;
    stream.set_nodelay(true).map_err(Error::io("TCP_NODELAY"))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end, good or bad, shows at the sender.
    tokio::spawn(connection);
    Ok(sender)
}

/// One request and its whole answer, which must be 200.
async fn send(connection: &mut SendRequest<Full<Bytes>>, load: &Load) -> Result<(), Error> {
    connection.ready().await?;
    let response = connection.send_request(load.request()).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status == StatusCode::OK {
        Ok(())
    } else {
        let text = String::from_utf8_lossy(&body);
        Err(Error::Unexpected(format!(
            "{}: status {status}: {text}",
            load.path
        )))
    }
}

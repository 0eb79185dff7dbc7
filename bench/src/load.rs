//! Load on keep-alive connections: each sends its next request when it has the whole answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use tokio::task::JoinSet;

use crate::client::{self, Connection};
use crate::error::Error;
use crate::workerd::Workerd;

/// The request that is sent over and over.
#[derive(Clone)]
pub(crate) struct Load(Request<Bytes>);

impl Load {
    /// A request to `path`; a body makes it a POST.
    pub(crate) fn new(
        path: &'static str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<Self, Error> {
        let method = if body.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        Ok(Self(client::request(method, path, headers, body)?))
    }

    /// The request.
    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        self.0.clone().map(Full::new)
    }
}

/// Keep-alive connections to one Worker.
pub(crate) struct Connections(Vec<Connection<Full<Bytes>>>);

impl Connections {
    /// Opens `concurrency` of them and sends `load` once on each.
    pub(crate) async fn open(
        workerd: &Workerd,
        concurrency: usize,
        load: &Load,
    ) -> Result<Self, Error> {
        let mut connections = Vec::with_capacity(concurrency);
        for _ in 0..concurrency {
            let mut connection = Connection::open(&workerd.authority).await?;
            connection.send(load.request()).await?;
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
                    connection.send(load.request()).await?;
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

    /// How often the server closed one of them between two requests.
    pub(crate) fn closed(&self) -> usize {
        self.0.iter().map(Connection::closed).sum()
    }

    /// Sends so many requests on all of them together, each load in its turn.
    pub(crate) async fn send_each(&mut self, loads: &[Load], count: usize) -> Result<(), Error> {
        let mut tasks = JoinSet::new();
        let lanes = self.0.len();
        for (lane, mut connection) in self.0.drain(..).enumerate() {
            let loads = loads.to_vec();
            tasks.spawn(async move {
                for (_, load) in (0..count)
                    .zip(loads.iter().cycle())
                    .skip(lane)
                    .step_by(lanes)
                {
                    connection.send(load.request()).await?;
                }
                Ok::<_, Error>(connection)
            });
        }
        while let Some(joined) = tasks.join_next().await {
            let joined = joined.map_err(|error| Error::Unexpected(format!("load: {error}")))?;
            self.0.push(joined?);
        }
        Ok(())
    }
}

//! Inference hosts that do what a test wants: slow ones, broken ones, strangers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::http::request::Parts;
use hyper::http::response::Builder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use inference_api::claims::Claims;
use inference_api::headers::{EDGE_CLAIMS, EDGE_REQUEST_ID, REQUEST_ID};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::within;

type Body = BoxBody<Bytes, io::Error>;

/// A host whose part the test plays: it gets every request as an [`Arrival`], reads as much of it as it
/// likes, and answers when it likes. Ends when dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    server: JoinHandle<()>,
}

impl Upstream {
    /// Listens.
    pub async fn start() -> Self {
        let (listener, address) = listen().await;
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, arrived.clone()));
            }
        });
        Self {
            address,
            arrivals,
            server,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request, however long it takes; `None`: the host has ended.
    pub async fn arrival(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// The next request.
    pub async fn next(&mut self) -> Arrival {
        within("a request arrives at the host", self.arrivals.recv())
            .await
            .unwrap_or_else(|| panic!("the host has ended"))
    }

    /// A request that is already there.
    pub fn try_next(&mut self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }

    /// Asserts that nothing more has arrived.
    pub fn expect_no_more(&mut self) {
        if let Some(arrival) = self.try_next() {
            panic!("unexpected at the host: {:?}", arrival.head);
        }
    }

    /// From now on reads every request to its end and answers `200` with `text`. What comes back counts
    /// the requests when it is asked for.
    pub fn answer_all(mut self, text: &'static str) -> Answering {
        let url = self.url();
        let (asked, mut questions) = mpsc::unbounded_channel::<oneshot::Sender<usize>>();
        let task = tokio::spawn(async move {
            let mut count = 0;
            let mut answers = JoinSet::new();
            loop {
                tokio::select! {
                    biased;
                    Some(arrival) = self.arrivals.recv() => {
                        count += 1;
                        answers.spawn(arrival.read_and_answer(text));
                    }
                    Some(question) = questions.recv() => {
                        // Whoever asked may have gone.
                        let _ = question.send(count);
                    }
                    else => return,
                }
            }
        });
        Answering { url, asked, task }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A host that answers everything alike, and counts.
#[derive(Debug)]
pub struct Answering {
    url: String,
    asked: mpsc::UnboundedSender<oneshot::Sender<usize>>,
    task: JoinHandle<()>,
}

impl Answering {
    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many requests have arrived.
    pub async fn count(&self) -> usize {
        let (question, answer) = oneshot::channel();
        // An error shows below, as no answer.
        let _ = self.asked.send(question);
        within("the host counts", answer)
            .await
            .unwrap_or_else(|_| panic!("the host has ended"))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap_or_else(|error| panic!("no port: {error}"));
    let address = listener
        .local_addr()
        .unwrap_or_else(|error| panic!("no address: {error}"));
    (listener, address)
}

async fn serve(stream: TcpStream, arrived: mpsc::UnboundedSender<Arrival>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        // An edge with several hosts asks this before an upload; it is no part of what a test is about.
        let is_question = head.uri.path() == "/v1/load";
        let (answer, answered) = oneshot::channel();
        let arrival = Arrival { head, body, answer };
        if is_question {
            arrival.reply(200, &[], "{}");
        } else {
            // Nobody takes it: then nobody answers, and the connection breaks below.
            let _ = arrived.send(arrival);
        }
        async move {
            answered
                .await
                .map_err(|_| io::Error::other("the test let go of the request"))
        }
    });
    // A connection that breaks is what some tests are about.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A request at the host. Dropped without an answer, it breaks its connection.
#[derive(Debug)]
pub struct Arrival {
    /// Its head.
    pub head: Parts,
    body: Incoming,
    answer: oneshot::Sender<Response<Body>>,
}

impl Arrival {
    /// A header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// What the edge vouches for.
    pub fn claims(&self) -> Claims {
        let encoded = self.header(EDGE_CLAIMS).unwrap_or_default();
        Claims::decode(encoded).unwrap_or_else(|error| panic!("{error}: {:?}", self.head))
    }

    /// The next piece of the body; `None` at its proper end, an error where it breaks off.
    pub async fn piece(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            match within("a piece of the body", self.body.frame()).await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next `count` bytes of the body.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            match self.piece().await {
                Some(Ok(piece)) => bytes.extend_from_slice(&piece),
                end => panic!("the body ends after {} bytes: {end:?}", bytes.len()),
            }
        }
        bytes
    }

    /// Reads the body to its proper end.
    pub async fn whole_body(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await {
            let piece = piece.unwrap_or_else(|error| panic!("the body broke off: {error}"));
            bytes.extend_from_slice(&piece);
        }
        bytes
    }

    /// Waits until nobody waits for the answer any longer.
    pub async fn abandoned(&mut self) {
        within("the edge lets go of the request", self.answer.closed()).await;
    }

    /// The head of an answer as the service gives it: with the id of the request.
    fn head(&self, status: u16, headers: &[(&str, &str)]) -> Builder {
        let id = self.header(EDGE_REQUEST_ID).unwrap_or_default();
        let mut builder = Response::builder().status(status).header(REQUEST_ID, id);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder
    }

    fn send(self, head: Builder, body: Body) {
        let response = head
            .body(body)
            .unwrap_or_else(|error| panic!("no response: {error}"));
        // The edge may have gone; the test sees that at its other end.
        let _ = self.answer.send(response);
    }

    /// Answers in one piece.
    pub fn reply(self, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let head = self.head(status, headers);
        self.send(head, whole(body));
    }

    /// Answers in one piece, as a stranger does: without the id of the request.
    pub fn reply_as_stranger(self, status: u16, body: impl Into<Bytes>) {
        let head = Response::builder().status(status);
        self.send(head, whole(body));
    }

    /// Answers in pieces; chunked, unless the headers give a length.
    pub fn reply_in_pieces(self, status: u16, headers: &[(&str, &str)]) -> Pieces {
        let (pieces, mut received) = mpsc::channel(1);
        let stream = futures_util::stream::poll_fn(move |context| received.poll_recv(context));
        let head = self.head(status, headers);
        self.send(head, BodyExt::boxed(StreamBody::new(stream)));
        Pieces(pieces)
    }

    async fn read_and_answer(mut self, text: &'static str) {
        self.whole_body().await;
        self.reply(200, &[("content-type", "text/plain")], text);
    }
}

fn whole(body: impl Into<Bytes>) -> Body {
    let never = |never: Infallible| match never {};
    BodyExt::boxed(Full::new(body.into()).map_err(never))
}

/// The body of an answer under way. Dropped, it ends properly.
#[derive(Debug)]
pub struct Pieces(mpsc::Sender<io::Result<Frame<Bytes>>>);

impl Pieces {
    /// Sends a piece.
    pub async fn send(&self, piece: impl Into<Bytes>) {
        let sent = self.0.send(Ok(Frame::data(piece.into())));
        within("the edge takes a piece", sent)
            .await
            .unwrap_or_else(|_| panic!("the edge has gone"));
    }

    /// Breaks off: the connection ends without the end of the body.
    pub async fn break_off(self) {
        let broken = self.0.send(Err(io::Error::other("broken off")));
        // The edge may have gone by itself.
        let _ = within("the edge takes a piece", broken).await;
    }

    /// Sends `piece` again and again until nobody reads any longer.
    pub async fn send_until_abandoned(&self, piece: &'static str) {
        let sent = async { while self.0.send(Ok(Frame::data(piece.into()))).await.is_ok() {} };
        within("the edge lets go of the answer", sent).await;
    }
}

/// A program that listens where a host should, reads a request and says `words`, whatever they are;
/// then it hangs up.
#[derive(Debug)]
pub struct Babbler {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Babbler {
    /// Listens.
    pub async fn start(words: &'static [u8]) -> Self {
        let (listener, address) = listen().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 16 * 1024];
                // A caller who leaves is no matter here.
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(words).await;
                let _ = stream.shutdown().await;
            }
        });
        Self {
            address,
            asked,
            server,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were made to it.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Babbler {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A program that accepts connections and never says anything.
#[derive(Debug)]
pub struct Hung {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Hung {
    /// Listens.
    pub async fn start() -> Self {
        let (listener, address) = listen().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let server = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                held.push(stream);
            }
        });
        Self {
            address,
            asked,
            server,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were made to it.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An address at which nobody listens, held so that nobody else can.
#[derive(Debug)]
pub struct Down(TcpSocket);

impl Down {
    /// Takes a port. A program that sets `SO_REUSEADDR`, as the service does, may listen on it all the same.
    pub fn new() -> Self {
        let taken = TcpSocket::new_v4().and_then(|socket| {
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            Ok(socket)
        });
        Self(taken.unwrap_or_else(|error| panic!("no port: {error}")))
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        let address = self.0.local_addr();
        address.unwrap_or_else(|error| panic!("no address: {error}"))
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

impl Default for Down {
    fn default() -> Self {
        Self::new()
    }
}

/// Names of a request's headers, sorted.
pub fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers
        .keys()
        .map(hyper::header::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    names
}

//! An HTTP server on a free port that records what it was asked, and answers one request at a time.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::gate::Gate;

/// The root key that the tests use.
pub(crate) const ROOT_KEY: &str = "wkroot_live_test";
/// The API key that the tests use.
pub(crate) const API_KEY: &str = "wk_live_test";
/// How long a test waits for what must come at once.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, still encoded.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// The body, which is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Method and target, as one line.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The value of a query parameter, decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let pair = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pair.into_iter().find(|(key, _)| *key == name)?;
        Some(
            percent_decode_str(value)
                .decode_utf8()
                .unwrap()
                .into_owned(),
        )
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// A whole answer.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// A head, and then a body until the client hangs up.
    Endless,
    /// Nothing, until the client hangs up.
    Silence,
    /// Server-sent events, each a chunk of its own, and then how it ends.
    Events(Vec<String>, Ending),
    /// That answer, once so many have come to the gate.
    Behind(Arc<Gate>, Box<Reply>),
}

/// How a stream ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// As HTTP has it.
    Whole,
    /// The connection goes, in the middle of a chunk.
    Broken,
    /// Not before the client hangs up.
    Held,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.into(),
        }
    }

    /// With another header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value.into()));
        }
        self
    }

    /// A transcript that is no JSON.
    pub(crate) fn text(body: &str) -> Self {
        Self::new(200, body).with("content-type", "text/plain; charset=utf-8")
    }

    /// A refusal in the API's envelope.
    pub(crate) fn refused(status: u16, code: &str) -> Self {
        let kind = if status == 429 {
            "rate_limit_error"
        } else {
            "server_error"
        };
        let error = serde_json::json!({
            "message": format!("because of {code}"), "type": kind, "param": null, "code": code,
        });
        Self::new(status, serde_json::json!({ "error": error }).to_string())
    }
}

/// A running server; ends with its owner.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(handle: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let ending = Arc::new(AtomicBool::new(false));
        let (seen, end) = (Arc::clone(&requests), Arc::clone(&ending));
        let handle = Mutex::new(handle);
        let thread = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for connection in listener.incoming() {
                    if end.load(Ordering::SeqCst) {
                        return;
                    }
                    scope.spawn(|| serve(connection.unwrap(), &seen, &handle));
                }
            });
        });
        Self {
            address,
            requests,
            ending,
            thread: Some(thread),
        }
    }

    /// The server that always gives the same answer.
    pub(crate) fn answering(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::start(move |_| Reply::new(status, body.clone()))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until so many have been asked.
    pub(crate) fn wait_for(&self, count: usize) {
        let begun = std::time::Instant::now();
        while self.requests().len() < count {
            assert!(begun.elapsed() < LONG, "{:?}", self.lines());
            std::thread::yield_now();
        }
    }

    /// Methods and targets of everything asked so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }

    /// The only request.
    pub(crate) fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes `accept`, if the thread still stands there.
        let _ = TcpStream::connect(self.address);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn serve(
    connection: TcpStream,
    seen: &Mutex<Vec<Request>>,
    handle: &Mutex<impl FnMut(&Request) -> Reply>,
) {
    let Some(request) = read(&connection) else {
        return;
    };
    let reply = {
        // In one step: what a test finds recorded in an order was answered in that order.
        let mut handle = handle.lock().unwrap();
        seen.lock().unwrap().push(request.clone());
        handle(&request)
    };
    answer(connection, reply);
}

fn answer(mut connection: TcpStream, reply: Reply) {
    match reply {
        Reply::Answer {
            status,
            headers,
            body,
        } => {
            let mut head = Vec::new();
            write!(head, "HTTP/1.1 {status} Answer\r\nconnection: close\r\n").unwrap();
            if status != 204 {
                write!(head, "content-length: {}\r\n", body.len()).unwrap();
            }
            for (name, value) in headers {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
            head.extend(b"\r\n");
            connection.write_all(&head).unwrap();
            connection.write_all(&body).unwrap();
        }
        // A client may hang up on these at any byte: that is what the test is about.
        Reply::Bytes(bytes) => drop(connection.write_all(&bytes)),
        Reply::Endless => {
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            while connection.write_all(&[b' '; 8_192]).is_ok() {}
        }
        Reply::Silence => drop(connection.read_to_end(&mut Vec::new())),
        Reply::Events(parts, ending) => events(connection, &parts, ending),
        Reply::Behind(gate, reply) => {
            gate.pass();
            answer(connection, *reply);
        }
    }
}

fn events(mut connection: TcpStream, parts: &[String], ending: Ending) {
    let mut text = Vec::from(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
        transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
    );
    for part in parts {
        write!(text, "{:x}\r\n{part}\r\n", part.len()).unwrap();
    }
    match ending {
        Ending::Whole => text.extend(b"0\r\n\r\n"),
        Ending::Broken => text.extend(b"ffff\r\ndata: {\"ty"),
        Ending::Held => {}
    }
    // The client may have gone once it knows enough.
    let _ = connection.write_all(&text);
    if matches!(ending, Ending::Held) {
        let _ = connection.read_to_end(&mut Vec::new());
    }
}

/// Reads one request, or nothing of a connection that ends without one.
fn read(connection: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(0) => return None,
        Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
        read => read.unwrap(),
    };
    let (method, rest) = line.split_once(' ').unwrap();
    let (target, _) = rest.split_once(' ').unwrap();
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    request.body.resize(length, 0);
    // A client that gives up in the middle of its body has asked for nothing.
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// The answer of another server to the same request, as it comes over the wire.
pub(crate) fn passed_on(address: &str, request: &Request) -> Vec<u8> {
    let mut connection = TcpStream::connect(address).unwrap();
    let mut head = Vec::new();
    write!(head, "{} {} HTTP/1.1\r\n", request.method, request.target).unwrap();
    for (name, value) in &request.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head.extend(b"\r\n");
    connection.write_all(&head).unwrap();
    connection.write_all(&request.body).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    answer
}

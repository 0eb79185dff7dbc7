//! An HTTP server that answers each connection as the test wrote down, then ends.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// What one request said.
pub(crate) struct Request {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }
}

/// One answer: whatever bytes it writes.
pub(crate) type Answer = Box<dyn FnOnce(&mut TcpStream) + Send>;

/// A server on a port of its own.
pub(crate) struct Server {
    url: String,
    thread: JoinHandle<Vec<Request>>,
}

impl Server {
    /// Starts a server that gives these answers, one a connection.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let serve = |answer: Answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = read_request(&stream);
                answer(&mut stream);
                request
            };
            answers.into_iter().map(serve).collect()
        });
        Self { url, thread }
    }

    /// Where its files are.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it after its last answer; what it was asked.
    pub(crate) fn requests(self) -> Vec<Request> {
        self.thread.join().unwrap()
    }
}

fn read_request(stream: &TcpStream) -> Request {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let line = lines.next().unwrap();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect();
    Request { line, headers }
}

/// An answer of these headers and this body; `Content-Length` says what the test says.
pub(crate) fn answer(status: &str, headers: &[&str], body: Vec<u8>) -> Answer {
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\n{}\r\n",
        lines(headers)
    );
    Box::new(move |stream| {
        // A client that refuses the answer hangs up within it.
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&body));
    })
}

/// A body that goes on until the client has had enough.
pub(crate) fn endless(headers: &[&str]) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n{}\r\n",
        lines(headers)
    );
    Box::new(move |stream| {
        stream.write_all(head.as_bytes()).unwrap();
        while stream.write_all(&[0x55; 4096]).is_ok() {}
    })
}

fn lines(headers: &[&str]) -> String {
    let mut lines = headers.join("\r\n");
    if !lines.is_empty() {
        lines.push_str("\r\n");
    }
    lines
}

//! A client that says exactly what a test wants said.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A guard against tests that hang; no test waits for it.
pub(crate) const GUARD: Duration = Duration::from_mins(3);

pub(crate) const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
pub(crate) const TRANSLATIONS: &str = "/v1/audio/translations";
const BOUNDARY: &str = "a-boundary-of-the-tests";

/// A part of a form.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Field(String, String),
    File(String, Vec<u8>),
}

pub(crate) fn field(name: &str, value: &str) -> Part {
    Part::Field(name.to_owned(), value.to_owned())
}

pub(crate) fn file(name: &str, bytes: Vec<u8>) -> Part {
    Part::File(name.to_owned(), bytes)
}

/// A form with the file and the default model.
pub(crate) fn form(bytes: Vec<u8>) -> Vec<Part> {
    vec![field("model", "whisper-1"), file("clip.wav", bytes)]
}

/// The multipart body, and the `Content-Type` that goes with it.
pub(crate) fn encode(parts: &[Part]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for part in parts {
        body.extend(format!("--{BOUNDARY}\r\n").bytes());
        match part {
            Part::Field(name, value) => {
                body.extend(
                    format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}")
                        .bytes(),
                );
            }
            Part::File(name, bytes) => {
                body.extend(
                    format!(
                        "Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                         Content-Type: application/octet-stream\r\n\r\n"
                    )
                    .bytes(),
                );
                body.extend(bytes);
            }
        }
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
            .to_str()
            .unwrap()
    }

    /// The code of an error, after a look at its envelope.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        let error = json["error"].as_object().expect("an error's envelope");
        let mut keys: Vec<_> = error.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "message", "param", "type"], "{json}");
        assert!(self.headers.contains_key("x-request-id"));
        error["code"].as_str().expect("a code").to_owned()
    }

    pub(crate) fn param(&self) -> Option<String> {
        self.json()["error"]["param"].as_str().map(str::to_owned)
    }

    pub(crate) fn text(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["text"].as_str().expect("a text").to_owned()
    }
}

/// One request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: Request<Vec<u8>>) -> Answer {
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let (mut parts, body) = request.into_parts();
        parts
            .headers
            .insert("host", address.to_string().parse().unwrap());
        let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    };
    timeout(GUARD, exchange).await.expect("an answer in time")
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    let request = Request::get(path).body(Vec::new()).unwrap();
    send(address, request).await
}

/// Posts a form.
pub(crate) async fn post(address: SocketAddr, path: &str, parts: &[Part]) -> Answer {
    let (content_type, body) = encode(parts);
    let request = Request::post(path)
        .header("content-type", content_type)
        .body(body)
        .unwrap();
    send(address, request).await
}

pub(crate) async fn transcribe(address: SocketAddr, parts: &[Part]) -> Answer {
    post(address, TRANSCRIPTIONS, parts).await
}

/// The head of a request whose body the test writes itself.
pub(crate) fn head(method: &Method, path: &str, lines: &[String]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Head and body of a good upload.
pub(crate) fn upload(bytes: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let (content_type, body) = encode(&form(bytes));
    let lines = [
        format!("content-type: {content_type}"),
        format!("content-length: {}", body.len()),
    ];
    (head(&Method::POST, TRANSCRIPTIONS, &lines), body)
}

/// A connection on which the test writes bytes.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        timeout(GUARD, self.0.write_all(bytes))
            .await
            .expect("written in time")
            .unwrap();
    }

    /// Everything until the server closes; an answer may stand before a reset.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut out = Vec::new();
        let read = async {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = self.0.read(&mut buffer).await {
                out.extend_from_slice(&buffer[..n]);
            }
        };
        timeout(GUARD, read).await.expect("closed in time");
        String::from_utf8(out).unwrap()
    }
}

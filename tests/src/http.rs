//! Requests to the edge, and answers, each held to what is promised of every answer.

use bytes::Bytes;
use inference_api::envelope::Envelope;
use reqwest::header::HeaderMap;
use reqwest::{Body, Client, Method, RequestBuilder, Response};
use serde_json::Value;

use crate::edge::Key;
use crate::within;

/// A request that is being put together.
#[derive(Debug)]
pub struct Call(RequestBuilder);

impl Call {
    pub(crate) fn new(client: &Client, method: Method, url: String) -> Self {
        Self(client.request(method, url))
    }

    /// With this key, the usual way.
    #[must_use]
    pub fn key(self, key: &Key) -> Self {
        self.bearer(&key.text)
    }

    /// With this text as a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// With a form.
    #[must_use]
    pub fn form(self, form: reqwest::multipart::Form) -> Self {
        Self(self.0.multipart(form))
    }

    /// With a body; one of unknown length goes out chunked, unless a `Content-Length` is set.
    #[must_use]
    pub fn body(self, body: impl Into<Body>) -> Self {
        Self(self.0.body(body))
    }

    /// With a body that only looks like an upload: where nobody reads the form.
    #[must_use]
    pub fn upload(self, body: impl Into<Body>) -> Self {
        self.header("content-type", "multipart/form-data; boundary=b")
            .body(body)
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Answer {
        let response = self.start().await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = within("the body of an answer", response.bytes())
            .await
            .unwrap_or_else(|error| panic!("the answer broke off: {error:?}"));
        let answer = Answer {
            status,
            headers,
            body,
        };
        if status >= 400 && !answer.is_page() {
            answer.check_envelope();
        }
        answer
    }

    /// Sends it and gives the answer once its head is there; the body is still to be read.
    pub async fn start(self) -> Response {
        let response = within("an answer", self.0.send())
            .await
            .unwrap_or_else(|error| panic!("no answer: {error:?}"));
        check_head(response.status().as_u16(), response.headers());
        response
    }

    /// The request itself, for a test that will not wait for an answer.
    pub fn into_inner(self) -> RequestBuilder {
        self.0
    }
}

/// What is promised of the head of every answer.
fn check_head(status: u16, headers: &HeaderMap) {
    let said = || format!("{status} {headers:?}");
    let id = text(headers, "x-request-id").unwrap_or_default();
    assert_eq!(id.len(), 36, "no request id: {}", said());
    for name in headers.keys() {
        // Closed by default: no browser page may read an answer.
        let cors = name.as_str().starts_with("access-control-");
        assert!(!cors, "CORS is open: {}", said());
        let private = name.as_str().starts_with("x-edge-");
        assert!(!private, "a private header came out: {}", said());
    }
    // RFC 9110, 11.6.1 and RFC 6750, 3.
    let challenge = text(headers, "www-authenticate");
    let due = (status == 401).then_some("Bearer");
    assert_eq!(challenge, due, "the challenge belongs to 401: {}", said());
    if status == 429 || status == 503 {
        let seconds = text(headers, "retry-after").and_then(|s| s.parse::<u64>().ok());
        assert!(seconds >= Some(1), "no Retry-After: {}", said());
    }
    let allow = text(headers, "allow").is_some();
    assert_eq!(allow, status == 405, "Allow belongs to 405: {}", said());
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The number in a header.
    pub fn number(&self, name: &str) -> u64 {
        self.header(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no number in {name}: {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("no text: {self:?}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Asserts a status; for what went well.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Asserts an error's status and code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Self {
        let said = (self.status, self.envelope().error.code);
        assert_eq!(said, (status, code.to_owned()), "{self:?}");
        self
    }

    /// The field an error is about.
    pub fn param(&self) -> Option<String> {
        self.envelope().error.param
    }

    fn envelope(&self) -> Envelope {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no envelope: {self:?}"))
    }

    /// Whether it is the page of a link that leads nowhere: that is read by people.
    pub fn is_page(&self) -> bool {
        self.status == 404 && self.header("content-type") == Some("text/html; charset=utf-8")
    }

    /// Every error is OpenAI's envelope, with all four keys.
    fn check_envelope(&self) {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{self:?}"
        );
        let body = self.json();
        let keys = |value: &Value| -> Vec<String> {
            let mut keys: Vec<_> = value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(k, _)| k.clone())
                .collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&body), ["error"], "{self:?}");
        assert_eq!(
            keys(&body["error"]),
            ["code", "message", "param", "type"],
            "{self:?}"
        );
        assert!(!self.envelope().error.message.is_empty(), "{self:?}");
    }
}

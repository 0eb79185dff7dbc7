//! The calls of the API: JSON to and fro, and bodies of any length. No redirects, no retries.

use std::io::{Read, Write};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Response};
use ureq::{Body, SendBody};

use crate::connection::Connection;
use crate::error::{Error, Repeat};
use crate::exchange::{Exchange, Head, Pace};
use crate::path::ApiPath;

const JSON: &str = "application/json";

/// A good answer: its JSON as it came, and what it says.
pub(crate) struct Answer<T> {
    pub(crate) json: String,
    pub(crate) value: T,
}

/// A body that is sent while it is read.
pub(crate) struct Stream<'a> {
    pub(crate) content_type: &'a str,
    /// Its length, which it must have.
    pub(crate) bytes: u64,
    pub(crate) body: &'a mut dyn Read,
    pub(crate) idempotency: Option<&'a str>,
    /// How long to wait for the answer once it is sent.
    pub(crate) patience: Duration,
}

/// Speaks with one edge.
#[derive(Debug)]
pub(crate) struct Client {
    exchange: Exchange,
}

impl Client {
    /// A client that waits `timeout` for each answer, all in all.
    pub(crate) fn new(connection: Connection, timeout: Duration) -> Self {
        Self {
            exchange: Exchange::new(connection, timeout),
        }
    }

    /// Reads.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &ApiPath) -> Result<Answer<T>, Error> {
        self.read(self.send(&Method::GET, path, Head::PLAIN, ())?)
    }

    /// Sends a body that may be sent again without harm.
    pub(crate) fn send_json<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &ApiPath,
        body: &impl Serialize,
    ) -> Result<Answer<T>, Error> {
        self.read(self.send(method, path, json_head(None), written(body)?)?)
    }

    /// Asks for something to be done that needs no body.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &ApiPath) -> Result<Answer<T>, Error> {
        self.read(self.send(&Method::POST, path, Head::PLAIN, "")?)
    }

    /// Sends a body whose effect must not be had twice, under an idempotency key.
    pub(crate) fn post_under<T: DeserializeOwned>(
        &self,
        path: &ApiPath,
        body: &impl Serialize,
        idempotency: &str,
    ) -> Result<Answer<T>, Error> {
        let head = json_head(Some(idempotency));
        self.read(self.send(&Method::POST, path, head, written(body)?)?)
    }

    /// The same of a call that a person repeats: where it may have been carried out without a good
    /// answer, the error says how.
    pub(crate) fn post_once<T: DeserializeOwned>(
        &self,
        path: &ApiPath,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Result<Answer<T>, Error> {
        let answer = self.post_under(path, body, &repeat.header());
        answer.map_err(|error| {
            if error.leaves_doubt() {
                Error::Unconfirmed {
                    cause: Box::new(error),
                    repeat,
                }
            } else {
                error
            }
        })
    }

    /// Deletes: the body as it came, none as a rule.
    pub(crate) fn delete(&self, path: &ApiPath) -> Result<String, Error> {
        self.send(&Method::DELETE, path, Head::PLAIN, ())
    }

    /// Deletes, and is told what.
    pub(crate) fn delete_told<T: DeserializeOwned>(
        &self,
        path: &ApiPath,
    ) -> Result<Answer<T>, Error> {
        self.read(self.delete(path)?)
    }

    /// Sends a body of any length, and has the head of its answer.
    pub(crate) fn send_stream(
        &self,
        method: &Method,
        path: &ApiPath,
        stream: Stream<'_>,
    ) -> Result<Response<Body>, Error> {
        let Stream {
            content_type,
            bytes,
            body,
            idempotency,
            patience,
        } = stream;
        let head = Head {
            content_type: Some(content_type),
            bytes: Some(bytes),
            idempotency,
            pace: Pace::Sending(patience),
        };
        self.exchange
            .answered(method, path, head, SendBody::from_reader(body))
    }

    /// Reads something long; so long may pass until it begins, and until it ends.
    pub(crate) fn get_long(
        &self,
        path: &ApiPath,
        patience: Duration,
    ) -> Result<Response<Body>, Error> {
        let head = Head {
            pace: Pace::Sending(patience),
            ..Head::PLAIN
        };
        self.exchange.answered(&Method::GET, path, head, ())
    }

    /// Listens to what comes, as long as something comes within `idle`.
    pub(crate) fn listen(&self, path: &ApiPath, idle: Duration) -> Result<Response<Body>, Error> {
        let head = Head {
            pace: Pace::Listening(idle),
            ..Head::PLAIN
        };
        self.exchange.answered(&Method::GET, path, head, ())
    }

    /// A JSON answer that is there.
    pub(crate) fn read_answer<T: DeserializeOwned>(
        &self,
        response: Response<Body>,
    ) -> Result<Answer<T>, Error> {
        self.read(self.exchange.text(response)?)
    }

    /// Writes a long answer as it comes, at most `max` bytes of it.
    pub(crate) fn save(
        &self,
        response: Response<Body>,
        max: u64,
        to: &mut impl Write,
    ) -> Result<(), Error> {
        self.exchange.save(response, max, to)
    }

    /// The body of a 2xx answer.
    fn send(
        &self,
        method: &Method,
        path: &ApiPath,
        head: Head<'_>,
        body: impl ureq::AsSendBody,
    ) -> Result<String, Error> {
        let response = self.exchange.answered(method, path, head, body)?;
        self.exchange.text(response)
    }

    fn read<T: DeserializeOwned>(&self, json: String) -> Result<Answer<T>, Error> {
        match serde_json::from_str(&json) {
            Ok(value) => Ok(Answer { json, value }),
            // serde's message may quote the body, and the body may hold a key: its place alone is told.
            Err(e) => {
                let problem = format!(
                    "unexpected body at line {}, column {}",
                    e.line(),
                    e.column()
                );
                Err(self.exchange.not_the_api(200, problem))
            }
        }
    }

    /// A good answer whose content makes no sense.
    pub(crate) fn unexpected(&self, problem: &str) -> Error {
        self.exchange.not_the_api(200, problem.to_owned())
    }
}

const fn json_head(idempotency: Option<&str>) -> Head<'_> {
    Head {
        content_type: Some(JSON),
        idempotency,
        ..Head::PLAIN
    }
}

/// A body, within what the API reads.
fn written(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    let body = serde_json::to_vec(body).map_err(|e| Error::Usage(e.to_string()))?;
    if body.len() > edge_core::admin::MAX_BODY_BYTES {
        return Err(Error::Usage(format!(
            "this makes {} bytes of JSON, and the API reads {} at most",
            body.len(),
            edge_core::admin::MAX_BODY_BYTES
        )));
    }
    Ok(body)
}

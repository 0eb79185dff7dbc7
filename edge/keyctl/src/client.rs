//! The admin API over HTTP: bounded in time and size, no redirects, no retries.

use std::time::Duration;

use inference_api::envelope::Envelope;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use ureq::{Agent, AsSendBody, Proxy};

use crate::connection::Connection;
use crate::edge_url::EdgeUrl;
use crate::error::{Error, Refusal, Repeat};
use crate::path::ApiPath;
use crate::secret::RootKey;

/// Longest answer: that to the longest body of a call that makes a thousand keys, which says each wish
/// and its limits once more, eight times.
const MAX_ANSWER_BYTES: u64 = 8 * edge_core::admin::MAX_BODY_BYTES as u64;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A good answer: its JSON as it came, and what it says.
pub(crate) struct Answer<T> {
    pub(crate) json: String,
    pub(crate) value: T,
}

/// Speaks with one edge.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    url: EdgeUrl,
    root_key: RootKey,
}

impl Client {
    /// A client that waits `timeout` for each answer, all in all.
    pub(crate) fn new(connection: Connection, timeout: Duration) -> Self {
        let Connection { url, root_key } = connection;
        // What stays on this machine has no business with a proxy; what leaves it goes through one in
        // a TLS tunnel only.
        let proxy = if url.is_loopback() {
            None
        } else {
            Proxy::try_from_env()
        };
        let agent = Agent::config_builder()
            .timeout_global(Some(timeout))
            .https_only(url.is_https())
            .proxy(proxy)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("keyctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self {
            agent,
            url,
            root_key,
        }
    }

    /// Reads.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &ApiPath) -> Result<Answer<T>, Error> {
        self.read(self.send(&Method::GET, path, None, ())?)
    }

    /// Sends a body that may be sent again without harm.
    pub(crate) fn send_json<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &ApiPath,
        body: &impl Serialize,
    ) -> Result<Answer<T>, Error> {
        self.read(self.send(method, path, None, written(body)?)?)
    }

    /// Sends a body whose effect must not be had twice, under an idempotency key. Where it may have been
    /// carried out without a good answer, the error says how to repeat it.
    pub(crate) fn post_once<T: DeserializeOwned>(
        &self,
        path: &ApiPath,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Result<Answer<T>, Error> {
        let header = HeaderValue::try_from(repeat.header())
            .map_err(|_| Error::Usage("the idempotency key fits no HTTP header".to_owned()))?;
        let answer = self
            .send(&Method::POST, path, Some(header), written(body)?)
            .and_then(|json| self.read(json));
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
        self.send(&Method::DELETE, path, None, ())
    }

    /// Deletes, and is told what.
    pub(crate) fn delete_told<T: DeserializeOwned>(
        &self,
        path: &ApiPath,
    ) -> Result<Answer<T>, Error> {
        self.read(self.delete(path)?)
    }

    /// The body of a 2xx answer.
    fn send(
        &self,
        method: &Method,
        path: &ApiPath,
        idempotency: Option<HeaderValue>,
        body: impl AsSendBody,
    ) -> Result<String, Error> {
        let url = format!("{}{path}", self.url);
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.root_key.reveal()))
            .map_err(|_| Error::Usage("the root key fits no HTTP header".to_owned()))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(&url)
            .header(AUTHORIZATION, bearer);
        if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = idempotency {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let request = request
            .body(body)
            .map_err(|e| Error::Usage(format!("no request can be made of that: {e}")))?;

        let unreachable = |cause: ureq::Error| Error::Unreachable {
            url: self.url.to_string(),
            cause: Box::new(cause),
        };
        let mut response = self.agent.run(request).map_err(unreachable)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(Error::Redirected {
                url: self.url.to_string(),
                location: text_header(response.headers(), &LOCATION).unwrap_or_default(),
            });
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES)
            .read_to_vec()
            .map_err(|cause| match cause {
                ureq::Error::BodyExceedsLimit(bytes) => {
                    self.not_the_api(status.as_u16(), format!("more than {bytes} bytes"))
                }
                cause => unreachable(cause),
            })?;
        let body = String::from_utf8(body)
            .map_err(|_| self.not_the_api(status.as_u16(), "no UTF-8".to_owned()))?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(self.refusal(status.as_u16(), response.headers(), body))
        }
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
                Err(self.not_the_api(200, problem))
            }
        }
    }

    fn refusal(&self, status: u16, headers: &HeaderMap, json: String) -> Error {
        match serde_json::from_str::<Envelope>(&json) {
            Ok(envelope) => Error::Refused(Box::new(Refusal {
                status,
                error: envelope.error,
                request_id: text_header(headers, &REQUEST_ID),
                retry_after: text_header(headers, &RETRY_AFTER).and_then(|s| s.parse().ok()),
                json,
            })),
            Err(_) => self.not_the_api(status, "no error of its form".to_owned()),
        }
    }

    /// A good answer whose content makes no sense.
    pub(crate) fn unexpected(&self, problem: &str) -> Error {
        self.not_the_api(200, problem.to_owned())
    }

    fn not_the_api(&self, status: u16, problem: String) -> Error {
        Error::NotTheApi {
            url: self.url.to_string(),
            status,
            problem,
        }
    }
}

fn text_header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_key_is_not_in_the_clients_debug() {
        let connection = Connection {
            url: EdgeUrl::parse("https://edge.example").unwrap(),
            root_key: RootKey::parse("s3cr3t", "test").unwrap(),
        };
        let client = Client::new(connection, Duration::from_secs(1));
        assert!(!format!("{client:?}").contains("s3cr3t"));
    }
}

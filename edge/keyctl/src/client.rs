//! The admin API over HTTP: bounded in time and size, no redirects, no retries.

use std::time::Duration;

use inference_api::envelope::Envelope;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use ureq::{Agent, AsSendBody, Proxy};

use crate::connection::Connection;
use crate::edge_url::EdgeUrl;
use crate::error::{Error, Refusal};
use crate::secret::RootKey;
use crate::wire::{CreatedKey, KeyPage, NewKey};

/// Longest answer: a page of [`edge_core::admin::MAX_PAGE`] entries of at most 1 KiB, four times.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What stands unencoded in a path segment and a query value: "unreserved" of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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

    /// `POST /admin/keys`.
    pub(crate) fn create(&self, wish: &NewKey) -> Result<Answer<CreatedKey>, Error> {
        let body = serde_json::to_vec(wish).map_err(|e| Error::Usage(e.to_string()))?;
        let answer = self
            .send(&Method::POST, "/admin/keys", body)
            .and_then(|json| self.read(json));
        answer.map_err(|error| {
            if error.leaves_doubt() {
                Error::CreationUnconfirmed(Box::new(error))
            } else {
                error
            }
        })
    }

    /// `GET /admin/keys`, one page.
    pub(crate) fn list(
        &self,
        owner: Option<&str>,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Answer<KeyPage>, Error> {
        let limit = limit.map(|limit| limit.to_string());
        let query: Vec<String> = [
            ("owner", owner),
            ("cursor", cursor),
            ("limit", limit.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}={}", encoded(value))))
        .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let path = format!("/admin/keys{mark}{}", query.join("&"));
        self.read(self.send(&Method::GET, &path, ())?)
    }

    /// `GET /admin/keys/{id}`.
    pub(crate) fn show<T: DeserializeOwned>(&self, id: &str) -> Result<Answer<T>, Error> {
        self.read(self.send(&Method::GET, &key_path(id)?, ())?)
    }

    /// `DELETE /admin/keys/{id}`: the body as it came, none as a rule.
    pub(crate) fn revoke(&self, id: &str) -> Result<String, Error> {
        self.send(&Method::DELETE, &key_path(id)?, ())
    }

    /// The body of a 2xx answer.
    fn send(&self, method: &Method, path: &str, body: impl AsSendBody) -> Result<String, Error> {
        let url = format!("{}{path}", self.url);
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.root_key.reveal()))
            .map_err(|_| Error::Usage("the root key fits no HTTP header".to_owned()))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(&url)
            .header(AUTHORIZATION, bearer);
        if *method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
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

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The path of one key. An id is one segment whatever it holds; `.` and `..` would be taken for steps
/// through the tree even when encoded (WHATWG URL, "double-dot path segment"), so they are no ids.
fn key_path(id: &str) -> Result<String, Error> {
    if id.is_empty() || id == "." || id == ".." {
        return Err(Error::Usage(format!("{id:?} is no id of a key")));
    }
    Ok(format!("/admin/keys/{}", encoded(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        for (id, path) in [
            ("key_0aZ", "/admin/keys/key_0aZ"),
            ("../audit", "/admin/keys/..%2Faudit"),
            ("a?b=c#d", "/admin/keys/a%3Fb%3Dc%23d"),
            ("a b\r\n%2e", "/admin/keys/a%20b%0D%0A%252e"),
            ("ü", "/admin/keys/%C3%BC"),
        ] {
            assert_eq!(key_path(id).unwrap(), path);
        }
        for id in ["", ".", ".."] {
            assert!(matches!(key_path(id), Err(Error::Usage(_))), "{id:?}");
        }
    }

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

//! One request and its answer: bounded in time and size, to one address and with one key.

use std::io::{self, Read as _, Write};
use std::time::Duration;

use inference_api::envelope::Envelope;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use ureq::{Agent, AsSendBody, Body, Proxy, RequestExt as _};

use crate::connection::Connection;
use crate::edge_url::EdgeUrl;
use crate::error::{Error, Refusal};
use crate::path::ApiPath;
use crate::secret::Credential;

/// Longest answer that is read at once: that to the longest body of a call that makes a thousand keys,
/// which says each wish and its limits once more, eight times.
const MAX_ANSWER_BYTES: u64 = 8 * edge_core::admin::MAX_BODY_BYTES as u64;
/// What is read and written at a time.
const CHUNK_BYTES: usize = 64 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a call may take.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// All in all as long as the flag says.
    Whole,
    /// As long as it goes on; so long for the answer, then.
    Sending(Duration),
    /// As long as something comes every so often.
    Listening(Duration),
}

/// What a request has beside its method, path and body.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) content_type: Option<&'a str>,
    pub(crate) bytes: Option<u64>,
    pub(crate) idempotency: Option<&'a str>,
    pub(crate) pace: Pace,
}

impl Head<'_> {
    pub(crate) const PLAIN: Self = Self {
        content_type: None,
        bytes: None,
        idempotency: None,
        pace: Pace::Whole,
    };
}

/// Asks one edge.
#[derive(Debug)]
pub(crate) struct Exchange {
    agent: Agent,
    url: EdgeUrl,
    key: Credential,
    timeout: Duration,
}

impl Exchange {
    /// One that waits `timeout` for each answer, all in all.
    pub(crate) fn new(connection: Connection, timeout: Duration) -> Self {
        let Connection { url, key } = connection;
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
            key,
            timeout,
        }
    }

    /// A 2xx answer, its body still to be read.
    pub(crate) fn answered(
        &self,
        method: &Method,
        path: &ApiPath,
        head: Head<'_>,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, Error> {
        let unfit = |what: &str| Error::Usage(format!("the {what} fits no HTTP header"));
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.key.reveal()))
            .map_err(|_| unfit("key"))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, bearer);
        if let Some(kind) = head.content_type {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(bytes) = head.bytes {
            request = request.header(CONTENT_LENGTH, bytes);
        }
        if let Some(key) = head.idempotency {
            let key = HeaderValue::try_from(key).map_err(|_| unfit("idempotency key"))?;
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let request = request
            .body(body)
            .map_err(|e| Error::Usage(format!("no request can be made of that: {e}")))?;

        let mut response = self.run(request, head.pace).map_err(|e| self.gone(e))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(Error::Redirected {
                url: self.url.to_string(),
                location: text_header(response.headers(), &LOCATION).unwrap_or_default(),
            });
        }
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(&mut response)?;
        Err(self.refusal(status.as_u16(), response.headers(), body))
    }

    fn run(
        &self,
        request: Request<impl AsSendBody>,
        pace: Pace,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = request.with_agent(&self.agent).configure();
        let some = Some(self.timeout);
        let paced = match pace {
            Pace::Whole => request,
            Pace::Sending(patience) => request
                .timeout_global(None)
                .timeout_connect(some)
                .timeout_per_write(some)
                .timeout_recv_response(Some(patience))
                .timeout_recv_body(Some(patience)),
            Pace::Listening(idle) => request
                .timeout_global(None)
                .timeout_connect(some)
                .timeout_recv_response(some)
                .timeout_per_read(Some(idle)),
        };
        paced.build().run()
    }

    /// A body that is read at once.
    pub(crate) fn text(&self, mut response: Response<Body>) -> Result<String, Error> {
        self.body(&mut response)
    }

    fn body(&self, response: &mut Response<Body>) -> Result<String, Error> {
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES)
            .read_to_vec()
            .map_err(|cause| self.unread(status, cause))?;
        String::from_utf8(body).map_err(|_| self.not_the_api(status, "no UTF-8".to_owned()))
    }

    /// Why a body could not be read to its end.
    fn unread(&self, status: u16, cause: ureq::Error) -> Error {
        match cause {
            ureq::Error::BodyExceedsLimit(bytes) => {
                self.not_the_api(status, format!("more than {bytes} bytes"))
            }
            cause => self.gone(cause),
        }
    }

    fn gone(&self, cause: ureq::Error) -> Error {
        Error::Unreachable {
            url: self.url.to_string(),
            cause: Box::new(cause),
        }
    }

    /// Writes a long answer as it comes, at most `max` bytes of it.
    pub(crate) fn save(
        &self,
        mut response: Response<Body>,
        max: u64,
        to: &mut impl Write,
    ) -> Result<(), Error> {
        let status = response.status().as_u16();
        let mut body = response.body_mut().with_config().limit(max).reader();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match body.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(length) => to.write_all(&chunk[..length])?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.unread(status, e.into())),
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

    /// An answer that makes no sense.
    pub(crate) fn not_the_api(&self, status: u16, problem: String) -> Error {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::KeyKind;

    #[test]
    fn the_key_is_not_in_the_exchanges_debug() {
        let connection = Connection {
            url: EdgeUrl::parse("https://edge.example").unwrap(),
            key: Credential::parse(KeyKind::Root, "s3cr3t", "test").unwrap(),
        };
        let exchange = Exchange::new(connection, Duration::from_secs(1));
        assert!(!format!("{exchange:?}").contains("s3cr3t"));
    }
}

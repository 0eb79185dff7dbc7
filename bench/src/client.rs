//! HTTP to what is measured, on connections that are kept alive.

use std::error;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::Error;

/// A request to `path` of whatever the connection leads to. It goes to the host `localhost` if `headers` name none.
pub(crate) fn request<B>(
    method: Method,
    path: &str,
    headers: &[(&'static str, &str)],
    body: B,
) -> Result<Request<B>, Error> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() =
        Uri::try_from(path).map_err(|error| Error::Unexpected(format!("path {path}: {error}")))?;
    for (name, value) in [&("host", "localhost")].into_iter().chain(headers) {
        let value = HeaderValue::from_str(value)
            .map_err(|error| Error::Unexpected(format!("header {name}: {error}")))?;
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

async fn connect<B>(authority: &str) -> Result<SendRequest<B>, Error>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(authority)
        .await
        .map_err(Error::io(format!("connecting to {authority}")))?;
    stream.set_nodelay(true).map_err(Error::io("TCP_NODELAY"))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end, good or bad, shows at the sender.
    tokio::spawn(connection);
    Ok(sender)
}

/// A connection for requests with bodies of one kind.
pub(crate) struct Connection<B> {
    sender: SendRequest<B>,
    authority: String,
    /// How often the server closed it between two requests.
    closed: usize,
}

impl<B> Connection<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    /// To `host:port`.
    pub(crate) async fn open(authority: &str) -> Result<Self, Error> {
        Ok(Self {
            sender: connect(authority).await?,
            authority: authority.to_owned(),
            closed: 0,
        })
    }

    /// How often the server closed it between two requests.
    pub(crate) const fn closed(&self) -> usize {
        self.closed
    }

    /// One request and its whole answer, which must be 200.
    pub(crate) async fn send(&mut self, request: Request<B>) -> Result<Response<Bytes>, Error> {
        let path = request.uri().path().to_owned();
        let answer = self.ask(request).await?;
        let status = answer.status();
        if status == StatusCode::OK {
            Ok(answer)
        } else {
            let text = String::from_utf8_lossy(answer.body());
            Err(Error::Unexpected(format!(
                "{path}: status {status}: {text}"
            )))
        }
    }

    /// One request and its whole answer, whatever its status.
    pub(crate) async fn ask(&mut self, request: Request<B>) -> Result<Response<Bytes>, Error> {
        if self.sender.ready().await.is_err() {
            // A server may close a connection that waits (RFC 9112, 9.5); no request is lost by it.
            self.sender = connect(&self.authority).await?;
            self.sender.ready().await?;
            self.closed += 1;
        }
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

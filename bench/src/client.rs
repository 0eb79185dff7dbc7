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

/// A request to `path` of whatever the connection leads to.
pub(crate) fn request<B>(
    method: Method,
    path: &'static str,
    headers: &[(&'static str, &str)],
    body: B,
) -> Result<Request<B>, Error> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_static(path);
    for (name, value) in headers.iter().chain([&("host", "localhost")]) {
        let value = HeaderValue::from_str(value)
            .map_err(|error| Error::Unexpected(format!("header {name}: {error}")))?;
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// A connection for requests with bodies of one kind.
pub(crate) struct Connection<B>(SendRequest<B>);

impl<B> Connection<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    /// To `host:port`.
    pub(crate) async fn open(authority: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(authority)
            .await
            .map_err(Error::io(format!("connecting to {authority}")))?;
        stream.set_nodelay(true).map_err(Error::io("TCP_NODELAY"))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its end, good or bad, shows at the sender.
        tokio::spawn(connection);
        Ok(Self(sender))
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
        self.0.ready().await?;
        let (head, body) = self.0.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

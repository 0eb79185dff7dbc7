//! Reads a multipart upload under bounds: of bytes, of fields, of their names and values, of time.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use multer::{Field, Multipart};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout, timeout_at};

use crate::admission::Upload;
use crate::error::Error;
use crate::form::Form;
use crate::spool::Spool;

/// Bytes of a body that are not the file: the form's other fields and the boundaries.
const FORM_BYTES: u64 = 256 * 1024;
/// Bytes in which a part's head must be complete.
const PART_HEAD_BYTES: u64 = 16 * 1024;
/// Most parts.
const MAX_FIELDS: usize = 64;
/// RFC 2046, 5.1.1.
const MAX_BOUNDARY_BYTES: usize = 70;
/// How much of an unwanted body is read, and how long, so that its sender gets to see the answer.
const DRAIN_BYTES: u64 = 128 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// How long an answer waits for the rest of a body that nobody needs.
const ANSWER_WAITS: Duration = Duration::from_secs(1);

/// The bounds of one upload.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_file_bytes: u64,
    /// Longest pause between two pieces of the body.
    pub(crate) stall: Duration,
    /// When the upload must be complete.
    pub(crate) total: Duration,
    pub(crate) spool_dir: PathBuf,
}

/// A request's body, which several parties hold: the parser while it reads, and whoever drains what
/// was not read.
#[derive(Clone)]
pub(crate) struct Incoming {
    body: Arc<Mutex<Body>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Bytes read so far.
    bytes: AtomicU64,
    /// Whether a part's head is being read, and how many bytes came for it.
    in_head: AtomicBool,
    head_bytes: AtomicU64,
}

impl Incoming {
    pub(crate) fn new(body: Body) -> Self {
        Self {
            body: Arc::new(Mutex::new(body)),
            shared: Arc::default(),
        }
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Whether nothing is left to be read.
    pub(crate) fn is_complete(&self) -> bool {
        self.body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream()
    }

    /// Reads on for a bounded time, and returns when the body has ended or the answer can wait no longer;
    /// then it goes on beside the answer. A connection closed while its peer still sends is reset, and
    /// the reset may overtake the answer (RFC 9112, 9.6); a proxy between may do so as soon as it has
    /// the answer.
    pub(crate) async fn drain(self) {
        let reading = tokio::spawn(async move {
            let mut body =
                std::mem::take(&mut *self.body.lock().unwrap_or_else(PoisonError::into_inner));
            let mut drained = 0;
            let read = async {
                while let Some(Ok(frame)) = body.frame().await {
                    drained += frame.data_ref().map_or(0, |d| d.len() as u64);
                    if drained > DRAIN_BYTES {
                        break;
                    }
                }
            };
            // What is left after the time is the sender's loss.
            let _ = timeout(DRAIN_TIME, read).await;
        });
        let _ = timeout(ANSWER_WAITS, reading).await;
    }
}

/// Why the stream of a body ended early; carried through the parser.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("a part's head is too long")]
    HeadTooLong,
    #[error("the connection failed")]
    Connection,
}

impl Stream for Incoming {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(frame) = std::task::ready!(Pin::new(&mut *body).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            let Ok(frame) = frame else {
                return Poll::Ready(Some(Err(BodyError::Connection)));
            };
            // Trailers are of no interest.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if data.is_empty() {
                continue;
            }
            let length = data.len() as u64;
            self.shared.bytes.fetch_add(length, Ordering::Relaxed);
            if self.shared.in_head.load(Ordering::Relaxed) {
                let before = self.shared.head_bytes.fetch_add(length, Ordering::Relaxed);
                if before > PART_HEAD_BYTES {
                    return Poll::Ready(Some(Err(BodyError::HeadTooLong)));
                }
            }
            return Poll::Ready(Some(Ok(data)));
        }
    }
}

/// How long a body says that it is.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses by its headers what needs no reading; gives the multipart boundary.
pub(crate) fn check_headers(headers: &HeaderMap, bounds: &Bounds) -> Result<String, Error> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .ok_or(Error::UnsupportedMediaType)?;
    let boundary = multer::parse_boundary(content_type).map_err(|_| Error::UnsupportedMediaType)?;
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY_BYTES {
        return Err(Error::MalformedMultipart {
            problem: "the boundary must have 1 to 70 characters",
        });
    }
    if announced(headers).is_some_and(|bytes| bytes > bounds.max_file_bytes + FORM_BYTES) {
        return Err(Error::FileTooLarge {
            limit: bounds.max_file_bytes,
        });
    }
    Ok(boundary)
}

/// Reads the whole form; with the hash of its file, where that is wanted. One that has an `upload` gives its permit up
/// when it stalls and another needs it.
pub(crate) async fn read(
    incoming: &Incoming,
    boundary: String,
    bounds: &Bounds,
    upload: Option<&Upload>,
    hashes: bool,
) -> Result<Form, Error> {
    let limits = multer::Constraints::new()
        .size_limit(multer::SizeLimit::new().whole_stream(bounds.max_file_bytes + FORM_BYTES));
    let reader = Reader {
        shared: Arc::clone(&incoming.shared),
        bounds,
        upload,
        hashes,
        deadline: Instant::now() + bounds.total,
    };
    let parts = Multipart::with_constraints(incoming.clone(), boundary, limits);
    let whole = async {
        let form = reader.form(parts).await?;
        reader.epilogue(incoming.clone()).await?;
        Ok(form)
    };
    let evicted = async {
        match upload {
            Some(upload) => upload.evicted().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        form = whole => form,
        // A newcomer needs the permit of this silent upload.
        () = evicted => Err(Error::RequestTimeout),
    }
}

struct Reader<'a> {
    shared: Arc<Shared>,
    bounds: &'a Bounds,
    upload: Option<&'a Upload>,
    /// Whether the file's hash is wanted.
    hashes: bool,
    deadline: Instant,
}

impl Reader<'_> {
    async fn form(&self, mut parts: Multipart<'_>) -> Result<Form, Error> {
        let mut form = Form::default();
        let mut fields = 0;
        while let Some(field) = self.next_field(&mut parts).await? {
            fields += 1;
            if fields > MAX_FIELDS {
                return Err(Error::TooManyFields { limit: MAX_FIELDS });
            }
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                self.file(field, &mut form).await?;
            } else {
                self.text(&name, field, &mut form).await?;
            }
        }
        Ok(form)
    }

    /// Reads what follows the last boundary, so that the connection can be used again.
    async fn epilogue(&self, mut incoming: Incoming) -> Result<(), Error> {
        self.shared.head_bytes.store(0, Ordering::Relaxed);
        self.shared.in_head.store(true, Ordering::Relaxed);
        let rest = async {
            while let Some(piece) = incoming.next().await {
                piece.map_err(|e| multer::Error::StreamReadFailed(e.into()))?;
            }
            Ok(())
        };
        self.in_time(rest).await
    }

    async fn next_field<'p>(&self, parts: &mut Multipart<'p>) -> Result<Option<Field<'p>>, Error> {
        self.shared.head_bytes.store(0, Ordering::Relaxed);
        self.shared.in_head.store(true, Ordering::Relaxed);
        let field = self.in_time(parts.next_field()).await;
        self.shared.in_head.store(false, Ordering::Relaxed);
        field
    }

    async fn file(&self, mut field: Field<'_>, form: &mut Form) -> Result<(), Error> {
        if form.file.is_some() {
            return Err(Error::DuplicateParameter { param: "file" });
        }
        let limit = self.bounds.max_file_bytes;
        form.file_name = field.file_name().map(str::to_owned);
        let mut hash = self.hashes.then(Sha256::new);
        let mut spool = Spool::new(self.bounds.spool_dir.clone());
        while let Some(chunk) = self.in_time(field.chunk()).await? {
            if spool.bytes() + chunk.len() as u64 > limit {
                return Err(Error::FileTooLarge { limit });
            }
            if let Some(hash) = &mut hash {
                hash.update(&chunk);
            }
            spool.write(&chunk).await.map_err(Error::spooling)?;
        }
        form.file_sha256 = hash.map(|hash| hash.finalize().into());
        form.file_bytes = spool.bytes();
        form.file = Some(spool.finish().await.map_err(Error::spooling)?);
        Ok(())
    }

    async fn text(&self, name: &str, mut field: Field<'_>, form: &mut Form) -> Result<(), Error> {
        let limit = Form::value_limit(name);
        let mut value = Vec::new();
        while let Some(chunk) = self.in_time(field.chunk()).await? {
            let Some(limit) = limit else { continue };
            if value.len() + chunk.len() > limit {
                return Err(Form::value_too_long(name, limit));
            }
            value.extend_from_slice(&chunk);
        }
        if limit.is_some() {
            form.set(name, value)?;
        }
        Ok(())
    }

    /// Waits for the parser, but no longer than a stall or the upload's time.
    async fn in_time<T>(&self, step: impl Future<Output = multer::Result<T>>) -> Result<T, Error> {
        tokio::pin!(step);
        loop {
            let before = self.shared.bytes.load(Ordering::Relaxed);
            let until = self.deadline.min(Instant::now() + self.bounds.stall);
            let result = timeout_at(until, &mut step).await;
            let progressed = self.shared.bytes.load(Ordering::Relaxed) > before;
            if progressed && let Some(upload) = self.upload {
                upload.progressed();
            }
            match result {
                Ok(result) => return result.map_err(|e| self.explain(&e)),
                // Bytes came, only not enough for the step.
                Err(_) if progressed && Instant::now() < self.deadline => {}
                Err(_) => return Err(Error::RequestTimeout),
            }
        }
    }

    fn explain(&self, error: &multer::Error) -> Error {
        let malformed = |problem| Error::MalformedMultipart { problem };
        match error {
            multer::Error::StreamSizeExceeded { .. } => Error::FileTooLarge {
                limit: self.bounds.max_file_bytes,
            },
            multer::Error::StreamReadFailed(cause) => match cause.downcast_ref::<BodyError>() {
                Some(BodyError::HeadTooLong) => malformed("a part's head is too long"),
                _ => malformed("the body ended early"),
            },
            multer::Error::IncompleteFieldData { .. }
            | multer::Error::IncompleteHeaders
            | multer::Error::IncompleteStream => malformed("it ends before its last boundary"),
            _ => malformed("a part's head can't be read"),
        }
    }
}

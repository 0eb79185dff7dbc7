//! An answer that streams: server-sent events from the first finished piece on.
//!
//! Nothing is made before it is asked for: hyper polls the body when the socket has room, and a piece that was not
//! taken holds the next ones back (see [`crate::queue`]). So a slow reader costs a bounded amount of memory.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use inference_api::render::{EVENT_STREAM, done_event, error_event, heard_comment, segment_events};
use inference_api::transcript::{Task, Transcript};
use tokio::time::{Instant, timeout_at};

use crate::error::Error;
use crate::form::Asked;
use crate::keeping::{Keeping, Patience};
use crate::telemetry::Meter;
use crate::ticket::{Failed, Part, Ticket};

/// A transcription that is told as it is made.
struct Telling {
    ticket: Ticket,
    /// What was told so far.
    transcript: Transcript,
    meter: Meter,
    deadline: Instant,
    /// Where it is kept before its end is told.
    keeping: Option<Keeping>,
    /// The part that was waited for before the answer began.
    first: First,
    is_over: bool,
}

enum First {
    /// Nothing is said in the audio.
    None,
    Part(Part),
    Told,
}

/// The answer, once the first piece is done: what fails before is an error with its status.
pub(super) async fn answer(
    mut ticket: Ticket,
    task: Task,
    asked: &Asked,
    meter: Meter,
    deadline: Instant,
    keeping: Option<Keeping>,
) -> Result<Response, Error> {
    let first = ticket.part().await.transpose();
    meter.set(ticket.measured());
    let telling = Telling {
        first: first?.map_or(First::None, First::Part),
        transcript: asked.empty_transcript(task),
        ticket,
        meter,
        deadline,
        keeping,
        is_over: false,
    };
    let events = stream::unfold(telling, |mut telling| async move {
        let events = telling.next().await?;
        Some((Ok::<_, std::convert::Infallible>(events), telling))
    });
    Ok(events_of(Body::from_stream(events)))
}

/// The answer from a transcript that is there already.
pub(super) fn retell(transcript: &Transcript) -> Response {
    let segments: String = transcript.segments.iter().map(segment_events).collect();
    events_of(Body::from(segments + &done_event(transcript)))
}

fn events_of(body: Body) -> Response {
    let headers = [(CONTENT_TYPE, EVENT_STREAM), (CACHE_CONTROL, "no-cache")];
    (headers, body).into_response()
}

impl Telling {
    /// The next events; none after the last.
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        let part = match std::mem::replace(&mut self.first, First::Told) {
            First::Part(part) => Ok(Some(part)),
            First::None => Ok(None),
            First::Told => self.wait().await,
        };
        self.meter.set(self.ticket.measured());
        Some(match part {
            Ok(Some(part)) => {
                let known = self.transcript.segments.len();
                part.append_to(&mut self.transcript);
                let new = &self.transcript.segments[known..];
                let events: String = new.iter().map(segment_events).collect();
                events + &heard_comment(self.ticket.measured().heard)
            }
            Ok(None) => {
                self.is_over = true;
                self.ticket.complete(&mut self.transcript);
                heard_comment(self.ticket.measured().charged()) + &self.end().await
            }
            Err(error) => {
                self.is_over = true;
                self.broke_off(&error)
            }
        })
    }

    /// The last event. What is to be kept is kept before anybody reads that it is complete.
    async fn end(&mut self) -> String {
        let kept = match self.keeping.take() {
            Some(keeping) => keeping.bring(&self.transcript, Patience::Waiting).await,
            None => Ok(()),
        };
        match kept {
            Ok(()) => done_event(&self.transcript),
            Err(error) => self.broke_off(&error),
        }
    }

    fn broke_off(&mut self, error: &Error) -> String {
        self.meter.fail(error.kind().code, error.cause());
        error_event(&error.envelope())
    }

    async fn wait(&mut self) -> Result<Option<Part>, Error> {
        match timeout_at(self.deadline, self.ticket.part()).await {
            Ok(part) => Ok(part.transpose()?),
            Err(_) => Err(Error::DeadlineExceeded),
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        use crate::backend::BackendError;
        match failed {
            Failed::Audio(error) => error.into(),
            Failed::Model(why) => why.into(),
            Failed::Backend(BackendError::Aborted) => Self::DeadlineExceeded,
            Failed::Backend(error) => Self::internal(error),
        }
    }
}

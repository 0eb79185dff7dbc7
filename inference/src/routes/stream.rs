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
use crate::telemetry::Meter;
use crate::ticket::{Failed, Part, Ticket};

/// A transcription that is told as it is made.
struct Telling {
    ticket: Ticket,
    /// What was told so far.
    transcript: Transcript,
    meter: Meter,
    deadline: Instant,
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
) -> Result<Response, Error> {
    let first = ticket.part().await.transpose();
    meter.set(ticket.measured());
    let telling = Telling {
        first: first?.map_or(First::None, First::Part),
        transcript: asked.empty_transcript(task),
        ticket,
        meter,
        deadline,
        is_over: false,
    };
    let events = stream::unfold(telling, |mut telling| async move {
        let events = telling.next().await?;
        Some((Ok::<_, std::convert::Infallible>(events), telling))
    });
    let headers = [(CONTENT_TYPE, EVENT_STREAM), (CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(events)).into_response())
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
                heard_comment(self.ticket.measured().charged()) + &done_event(&self.transcript)
            }
            Err(error) => {
                self.is_over = true;
                self.meter.fail(error.kind().code, error.cause());
                error_event(&error.envelope())
            }
        })
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

//! A session's WebSocket: read as fast as a client may send, and closed in due form whoever ends it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use inference_api::claims::Claims;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite;

use super::conversation::Conversation;
use super::session::{Rules, Session};
use super::settings::Settings;
use crate::admission::Permit;
use crate::error::Error;
use crate::scheduler::Flow;
use crate::service::{CountedConnection, Service};
use crate::telemetry::Record;

/// Most that a client may have sent ahead of what is heard, in bytes: about a minute of audio. Whoever sends more is
/// let go. He is not made to wait: an edge between would keep what he sends, and nobody would notice him leave.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;
/// What a message counts at least towards that.
const LEAST_BYTES: usize = 1024;
/// Time for a client to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);

/// A session that is admitted.
pub(crate) struct Call {
    pub(crate) service: Arc<Service>,
    pub(crate) claims: Claims,
    pub(crate) settings: Settings,
    pub(crate) record: Record,
    pub(crate) permit: Permit,
    /// How long an utterance may be.
    pub(crate) longest: Duration,
    /// When the session ends at the latest.
    pub(crate) deadline: Instant,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed, or has gone.
    Left,
    /// A message was longer than it may be.
    TooLarge,
    /// A message was none of WebSocket's.
    Malformed,
    /// The client is too far ahead.
    TooFarAhead,
    /// The client sent nothing for too long.
    Idle,
    /// The session's time is over.
    TimeOver,
    /// The service is shutting down.
    Drained,
    /// The service failed.
    Failed,
}

impl End {
    /// Whether the service ends it, with a client that did nothing wrong.
    fn is_ours(self) -> bool {
        !matches!(self, Self::Left) && !self.leaves_unread()
    }

    /// Whether the client may still be sending what nobody reads.
    fn leaves_unread(self) -> bool {
        matches!(self, Self::TooLarge | Self::Malformed | Self::TooFarAhead)
    }

    /// How it is told to the client.
    fn close(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Left => return None,
            Self::TooLarge => (close_code::SIZE, "the message is too long"),
            Self::Malformed => (close_code::PROTOCOL, "the message is malformed"),
            Self::TooFarAhead => (close_code::POLICY, "too much was sent ahead"),
            Self::Idle => (close_code::POLICY, "nothing was sent for too long"),
            Self::TimeOver => (close_code::POLICY, "the session's time is over"),
            Self::Drained => (close_code::AWAY, "the service is shutting down"),
            Self::Failed => (close_code::ERROR, "the service failed"),
        };
        Some(CloseFrame {
            code,
            reason: reason.into(),
        })
    }

    /// The error that goes before the close, and into the log.
    pub(super) fn error(self) -> Option<Error> {
        match self {
            Self::Left => None,
            Self::TooLarge | Self::Malformed | Self::TooFarAhead => Some(Error::InvalidEvent {
                problem: "it is too long, too far ahead, or none of WebSocket's".to_owned(),
            }),
            Self::Idle => Some(Error::RequestTimeout),
            Self::TimeOver => Some(Error::DeadlineExceeded),
            Self::Drained => Some(Error::ShuttingDown),
            Self::Failed => Some(Error::internal("the session failed")),
        }
    }
}

/// Serves a session to its end.
pub(crate) async fn serve(call: Call, socket: WebSocket) {
    let Call {
        service,
        claims,
        settings,
        mut record,
        permit,
        longest,
        deadline,
    } = call;
    let _counted = CountedConnection::upgraded(&service);
    let (mut sink, mut stream) = socket.split();
    let (inbox, received) = mpsc::unbounded_channel();
    let rules = Rules {
        registry: &service.registry,
        claims: &claims,
        ear: service.ear,
        longest,
    };
    let mut random = [0; 8];
    // Without randomness an id is merely not unique; no security rests on it.
    let _ = getrandom::fill(&mut random);
    let id = hex::encode(random);
    let expires_at = unix_seconds() + deadline.duration_since(Instant::now()).as_secs();
    let flow = Flow {
        caller: claims.caller().to_owned(),
        priority: claims.priority,
    };
    let session = Session::new(rules, &id, expires_at, settings);
    let conversation = Conversation::new(&service, flow, session, &mut sink, &mut record, id);
    // Whichever ends first ends the other: with the client all that is under way for him goes.
    let end = tokio::select! {
        end = read(&mut stream, &inbox) => end,
        end = conversation.run(received, deadline) => end,
    };
    record.answered(101, end.error().map_or("ok", |error| error.kind().code));
    record.sent();
    // A client that has gone, or broke the rules, has no place any more.
    let permit = Some(permit).filter(|_| end.is_ours());
    farewell(end, &mut sink, &mut stream).await;
    drop(permit);
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Ends the connection as WebSocket has it (RFC 6455, 7): with a close in both directions.
async fn farewell(
    end: End,
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
) {
    let goodbye = async {
        if let Some(frame) = end.close()
            && sink.send(Message::Close(Some(frame))).await.is_err()
        {
            return;
        }
        while let Some(Ok(_)) = stream.next().await {}
        if end.leaves_unread() {
            // What can't be read stays unread, and the system answers that with a reset, which would overtake the
            // close: the client has the time to hear of it.
            std::future::pending::<()>().await;
        }
    };
    let _ = timeout(FAREWELL, goodbye).await;
}

/// A client's message, and its part of what may be sent ahead.
pub(super) struct Received {
    pub(super) message: Message,
    _ahead: OwnedSemaphorePermit,
}

/// Reads on while the session works, so that a client's leaving is noticed at once.
async fn read(stream: &mut SplitStream<WebSocket>, inbox: &mpsc::UnboundedSender<Received>) -> End {
    let ahead = Arc::new(Semaphore::new(AHEAD_BYTES));
    loop {
        let message = match stream.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => message,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_))) | None => return End::Left,
            Some(Err(error)) => return broken(error),
        };
        let length = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        let cost = length.clamp(LEAST_BYTES, AHEAD_BYTES);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&ahead).try_acquire_many_owned(cost) else {
            return End::TooFarAhead;
        };
        let received = Received {
            message,
            _ahead: permit,
        };
        if inbox.send(received).is_err() {
            return End::Failed;
        }
    }
}

fn broken(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => End::TooLarge,
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => End::Left,
        Some(tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_)) => End::Malformed,
        _ => End::Left,
    }
}

//! A session on its WebSocket: what waits for the client, for the transcripts and for the clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use inference_api::claims::Claims;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite;

use super::protocol::{Refused, ServerEvent};
use super::session::{Output, Rules, Session};
use super::settings::Settings;
use super::utterance::Utterance;
use crate::admission::Permit;
use crate::error::Error;
use crate::scheduler::Flow;
use crate::service::{CountedConnection, Service};
use crate::telemetry::Record;
use crate::ticket::{Failed, Measured, Part};

/// Most that a client may have sent ahead of what is heard, in bytes. Beyond it nothing more is read.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;
/// What a message counts at least towards that.
const LEAST_BYTES: usize = 1024;
/// Utterances that are complete and not transcribed. Beyond it nothing more is heard.
const MAX_WAITING: usize = 4;
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
enum End {
    /// The client closed, or has gone.
    Left,
    /// A message was longer than it may be.
    TooLarge,
    /// A message was none of WebSocket's.
    Malformed,
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
        !matches!(self, Self::Left | Self::TooLarge | Self::Malformed)
    }

    /// How it is told to the client.
    fn close(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Left => return None,
            Self::TooLarge => (close_code::SIZE, "the message is too long"),
            Self::Malformed => (close_code::PROTOCOL, "the message is malformed"),
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
    fn error(self) -> Option<Error> {
        match self {
            Self::Left => None,
            Self::TooLarge | Self::Malformed => Some(Error::InvalidEvent {
                problem: "it is too long, or none of WebSocket's".to_owned(),
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
    let conversation = Conversation {
        service: &service,
        flow: Flow {
            caller: claims.owner.as_ref().unwrap_or(&claims.key_id).clone(),
            priority: claims.priority,
        },
        session: Session::new(rules, &id, expires_at, settings),
        sink: &mut sink,
        record: &mut record,
        id,
        events: 0,
        todo: VecDeque::new(),
        open: None,
        waiting: VecDeque::new(),
        total: Measured::default(),
        active: Instant::now(),
        is_draining: false,
    };
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
        if matches!(end, End::TooLarge | End::Malformed) {
            // What can't be read stays unread, and the system answers that with a reset, which would overtake the
            // close: the client has the time to hear of it.
            std::future::pending::<()>().await;
        }
    };
    let _ = timeout(FAREWELL, goodbye).await;
}

/// A client's message, and its part of what may be sent ahead.
struct Received {
    message: Message,
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
        let Ok(permit) = Arc::clone(&ahead).acquire_many_owned(cost).await else {
            return End::Failed;
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

/// What is held for a session while it lasts.
struct Conversation<'a> {
    service: &'a Service,
    flow: Flow,
    session: Session<'a>,
    sink: &'a mut SplitSink<WebSocket, Message>,
    record: &'a mut Record,
    id: String,
    /// Events said.
    events: u64,
    /// What is to be done before anything more is read.
    todo: VecDeque<Output>,
    /// The utterance that is being spoken.
    open: Option<Utterance>,
    /// Those that are complete, in their order.
    waiting: VecDeque<Utterance>,
    total: Measured,
    /// When something was sent or transcribed last.
    active: Instant,
    is_draining: bool,
}

/// What there was to wait for.
enum Next {
    Message(Option<Received>),
    Part(Option<Result<Part, Failed>>),
    /// There is room for audio again.
    Room,
    Drain,
    End(End),
}

impl Conversation<'_> {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Received>, deadline: Instant) -> End {
        let created = self.session.created();
        let Err(end) = self.converse(created, &mut inbox, deadline).await;
        if let Some(error) = end.error() {
            let refused = Refused {
                event_id: None,
                error,
            };
            // Whoever is to hear of it may have gone.
            let _ = self.say(refused.into()).await;
        }
        end
    }

    async fn converse(
        &mut self,
        created: ServerEvent,
        inbox: &mut mpsc::UnboundedReceiver<Received>,
        deadline: Instant,
    ) -> Result<std::convert::Infallible, End> {
        self.say(created).await?;
        loop {
            self.work().await?;
            let is_idle = self.todo.is_empty() && self.waiting.is_empty();
            if self.is_draining && is_idle && !self.session.is_open() {
                return Err(End::Drained);
            }
            match self.wait(inbox, deadline).await {
                Next::Message(Some(received)) => self.take(received),
                // Only with the reader, which has said why.
                Next::Message(None) => return Err(End::Left),
                Next::Part(part) => self.part(part).await?,
                Next::Room => {}
                Next::Drain => {
                    self.is_draining = true;
                    self.session.close();
                }
                Next::End(end) => return Err(end),
            }
        }
    }

    async fn wait(
        &mut self,
        inbox: &mut mpsc::UnboundedReceiver<Received>,
        deadline: Instant,
    ) -> Next {
        let may_read = self.todo.is_empty() && self.waiting.len() < MAX_WAITING;
        let may_idle = may_read && self.waiting.is_empty();
        let idle = self.active + self.service.realtime_idle_timeout;
        let full = self.open.as_ref().and_then(Utterance::audio).cloned();
        let first = self.waiting.front_mut().or(self.open.as_mut());
        tokio::select! {
            biased;
            () = sleep_until(deadline) => Next::End(End::TimeOver),
            () = self.service.drain_begun(), if !self.is_draining => Next::Drain,
            part = part_of(first) => Next::Part(part),
            received = inbox.recv(), if may_read => Next::Message(received),
            () = room(full), if !self.todo.is_empty() => Next::Room,
            () = sleep_until(idle), if may_idle => Next::End(End::Idle),
        }
    }

    fn take(&mut self, received: Received) {
        self.active = Instant::now();
        if let Message::Text(text) = received.message {
            self.record.bytes += text.len() as u64;
            self.todo.extend(self.session.receive(&text));
            return;
        }
        let refused = Refused {
            event_id: None,
            error: Error::InvalidEvent {
                problem: "events are text; audio goes as base64".to_owned(),
            },
        };
        self.todo.push_back(Output::Say(refused.into()));
    }

    /// Does what is to be done, up to where there is no room for audio.
    async fn work(&mut self) -> Result<(), End> {
        loop {
            while let Some(output) = self.todo.pop_front() {
                if let Some(blocked) = self.carry_out(output).await? {
                    self.todo.push_front(blocked);
                    return Ok(());
                }
            }
            if !self.session.has_unheard() {
                return Ok(());
            }
            self.todo.extend(self.session.hear_on());
            // To listen takes its time: others on this thread are not to wait for all of it.
            tokio::task::yield_now().await;
        }
    }

    /// Does it, or gives it back.
    async fn carry_out(&mut self, output: Output) -> Result<Option<Output>, End> {
        match output {
            Output::Say(event) => self.say(event).await?,
            Output::Begin { item, wanted } => {
                self.session.model_name().clone_into(&mut self.record.model);
                let begun = Utterance::begin(self.service, self.flow.clone(), item, wanted);
                self.open = Some(begun.map_err(|_| End::Failed)?);
            }
            Output::Hear(samples) => {
                let Some(open) = &mut self.open else {
                    return Ok(None);
                };
                let length = samples.len();
                match open.audio().map(|audio| audio.try_send(samples)) {
                    Some(Err(TrySendError::Full(samples))) => {
                        return Ok(Some(Output::Hear(samples)));
                    }
                    // Closed where the model failed on what came before: that is told in its turn.
                    _ => open.heard(length),
                }
            }
            Output::End => {
                let Some(mut complete) = self.open.take() else {
                    return Ok(None);
                };
                for event in complete.commit() {
                    self.say(event).await?;
                }
                if complete.is_over() {
                    self.account(&complete);
                } else {
                    self.waiting.push_back(complete);
                }
            }
            Output::Discard => self.open = None,
        }
        Ok(None)
    }

    /// The first utterance has a part, or is over.
    async fn part(&mut self, part: Option<Result<Part, Failed>>) -> Result<(), End> {
        self.active = Instant::now();
        let Some(first) = self.waiting.front_mut().or(self.open.as_mut()) else {
            return Ok(());
        };
        for event in first.take(part) {
            self.say(event).await?;
        }
        if self.waiting.front().is_some_and(Utterance::is_over)
            && let Some(over) = self.waiting.pop_front()
        {
            self.account(&over);
        }
        Ok(())
    }

    /// Adds what was measured of an utterance to the session's.
    fn account(&mut self, over: &Utterance) {
        let of_it = over.measured();
        let total = &mut self.total;
        total.audio = Some(total.audio.unwrap_or_default() + of_it.charged());
        total.heard += of_it.heard;
        total.waited = total.waited.or(of_it.waited);
        total.ran += of_it.ran;
        total.fell_back |= of_it.fell_back;
        self.record.meter.set(*total);
    }

    async fn say(&mut self, event: ServerEvent) -> Result<(), End> {
        self.events += 1;
        let id = format!("event_{}{:06x}", self.id, self.events);
        let message = Message::Text(event.to_json(&id).into());
        self.sink.send(message).await.map_err(|_| End::Left)
    }
}

async fn part_of(utterance: Option<&mut Utterance>) -> Option<Result<Part, Failed>> {
    match utterance {
        Some(utterance) => utterance.part().await,
        None => std::future::pending().await,
    }
}

/// Waits until there is room for audio, or nobody who wants any.
async fn room(audio: Option<mpsc::Sender<Vec<f32>>>) {
    if let Some(audio) = audio {
        // Where nobody wants it, whoever sends it learns that.
        drop(audio.reserve().await);
    }
}

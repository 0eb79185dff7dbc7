//! What a session does from its first event to its end: it takes messages, carries out what they lead to, and waits
//! for whatever comes next.

use std::collections::VecDeque;

use axum::extract::ws::{Message, WebSocket};
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep_until};

use super::connection::{End, Received};
use super::protocol::{Refused, ServerEvent};
use super::session::{Output, Session};
use super::utterance::Utterance;
use crate::error::Error;
use crate::scheduler::Flow;
use crate::service::Service;
use crate::telemetry::Record;
use crate::ticket::{Failed, Measured, Part};

/// Utterances that are complete and not transcribed. Beyond it nothing more is heard.
const MAX_WAITING: usize = 4;

/// What is held for a session while it lasts.
pub(super) struct Conversation<'a> {
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

impl<'a> Conversation<'a> {
    /// `id` is a random text of few letters.
    pub(super) fn new(
        service: &'a Service,
        flow: Flow,
        session: Session<'a>,
        sink: &'a mut SplitSink<WebSocket, Message>,
        record: &'a mut Record,
        id: String,
    ) -> Self {
        Self {
            service,
            flow,
            session,
            sink,
            record,
            id,
            events: 0,
            todo: VecDeque::new(),
            open: None,
            waiting: VecDeque::new(),
            total: Measured::default(),
            active: Instant::now(),
            is_draining: false,
        }
    }

    /// Converses until there is a reason to end.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Received>,
        deadline: Instant,
    ) -> End {
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

//! What waits for a session, shared by those who bring work and the threads that do it. Which piece is next says
//! [`Scheduler`]; this gives it a lock, a clock and somebody to wake.
//!
//! How many requests there are is bounded by the permits of [`crate::admission`] and the places of [`crate::jobs`], which
//! are taken before a body is read, and the pieces of each by [`Queue::push`], which makes its decoder wait. So memory is, too. It makes it wait
//! for the model as well, where that is being loaded: no session ever does.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use inference_api::language::Language;
use inference_audio::{AudioError, Decoded as DecodedAudio};
use prometheus::Histogram;
use tokio::sync::mpsc;

use crate::backend::{Abort, BackendError, DecodeOptions, Decoded, last_bytes};
use crate::models::{Unavailable, Use};
use crate::scheduler::{Flow, Scheduler};
use crate::telemetry::PieceSpans;
use crate::ticket::{Feeder, Ticket};

/// Weight of the newest in a mean time; about the last ten count.
const NEWEST: f64 = 0.2;
/// Pieces of a request that are decoded and not transcribed yet, beside one for each session: so that none waits
/// for a decoder.
const AHEAD: u32 = 1;

/// What is kept of what was said, in bytes: more than the model reads.
const MOST_SAID_BYTES: usize = 2048;

/// What all pieces of a request share.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Stays in memory while this is held.
    pub(crate) model: Use,
    pub(crate) options: DecodeOptions,
    /// Whether the language is to be found out from the first piece.
    pub(crate) finds_language: bool,
    /// Whether a piece is told what was said before it, and has to wait until that is known.
    pub(crate) carries_text: bool,
}

/// What pieces tell those after them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// The language, where it was found out.
    pub(crate) language: Option<Language>,
    /// What was said last, where that is carried on.
    pub(crate) said: String,
}

/// A piece of a request's audio.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) wanted: Arc<Wanted>,
    /// In samples from the start of the audio.
    pub(crate) start: u64,
    /// 16 kHz mono.
    pub(crate) samples: Vec<f32>,
    /// How many of them there are until the last that may be speech.
    pub(crate) spoken: usize,
    /// Whether it is all of the audio.
    pub(crate) is_whole: bool,
    pub(crate) known: Known,
    pub(crate) spans: PieceSpans,
}

impl Piece {
    /// What a session is to do with it.
    pub(crate) fn options(&self) -> DecodeOptions {
        let mut options = self.wanted.options.clone();
        options.language = options.language.or(self.known.language);
        if !self.known.said.is_empty() {
            let prompt = options.prompt.get_or_insert_default();
            prompt.push_str(&self.known.said);
        }
        options
    }
}

/// What a session made of a [`Piece`].
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) decoded: Decoded,
    /// Where the piece starts, in samples from the start of the audio.
    pub(crate) start: u64,
    /// From entering the queue to a session's taking it.
    pub(crate) waited: Duration,
    /// In the session.
    pub(crate) ran: Duration,
}

pub(crate) type Outcome = Result<Finished, BackendError>;

/// What a request hears of its pieces.
#[derive(Debug)]
pub(crate) enum News {
    /// A piece is transcribed, or was not.
    Ended(u32, Outcome),
    /// There is no model to transcribe them.
    Unavailable(Unavailable),
    /// All pieces of the audio have entered, so many; or the rest can't be decoded.
    Decoded(Result<(DecodedAudio, Duration), AudioError>, u32),
}

/// A piece that a session is to transcribe.
pub(crate) struct Task {
    pub(crate) piece: Piece,
    pub(crate) abort: Abort,
    pub(crate) entered: Instant,
    request: u64,
    number: u32,
    news: mpsc::UnboundedSender<News>,
}

impl Task {
    /// Tells the request how it went; who sent it may have gone.
    pub(crate) fn ended(self, queue: &Queue, outcome: Outcome) {
        let ran = outcome.as_ref().ok().map(|finished| finished.ran);
        let Self {
            piece,
            request,
            number,
            news,
            ..
        } = self;
        // Before the request hears of it: by its last news nothing of it holds its model any more.
        drop(piece);
        queue.done(request, number, ran);
        if let (Some(counted), Some(ran)) = (queue.piece_seconds.get(), ran) {
            counted.observe(ran.as_secs_f64());
        }
        let _ = news.send(News::Ended(number, outcome));
    }
}

/// The queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// There is work.
    work: Condvar,
    /// A request may push again, or knows its language, or is over, or its model is loaded.
    room: Condvar,
    /// Most pieces of a request that are pushed and not yet in its answer.
    window: u32,
    epoch: Instant,
    /// Seconds that each piece was in a session.
    piece_seconds: OnceLock<Histogram>,
}

struct State {
    scheduler: Scheduler<(Piece, Instant)>,
    requests: HashMap<u64, Request>,
    closed: bool,
    mean_service: Option<Duration>,
    mean_piece: Option<Duration>,
}

struct Request {
    news: mpsc::UnboundedSender<News>,
    abort: Abort,
    is_job: bool,
    pushed: u32,
    /// Whether a session took the first piece.
    started: bool,
    /// Pieces whose transcript its answer has taken.
    taken: u32,
    known: Known,
    carries_text: bool,
}

/// How full the queue is at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Pieces.
    pub(crate) waiting: usize,
    /// Their audio.
    pub(crate) waiting_audio: Duration,
    pub(crate) running: usize,
    /// Requests of which no piece was taken by a session yet, without jobs.
    pub(crate) unstarted: usize,
    /// Mean time in sessions of the last requests; zero before the first.
    pub(crate) mean_service: Duration,
    /// And of the last pieces.
    pub(crate) mean_piece: Duration,
}

/// The request is over; nothing more of it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// Why a piece does not enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The request is over.
    Gone,
    /// There is no model for it.
    Unavailable(Unavailable),
}

impl Queue {
    /// For so many sessions.
    pub(crate) fn new(sessions: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                scheduler: Scheduler::new(sessions),
                requests: HashMap::new(),
                closed: false,
                mean_service: None,
                mean_piece: None,
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            window: u32::try_from(sessions)
                .unwrap_or(u32::MAX)
                .saturating_add(AHEAD),
            epoch: Instant::now(),
            piece_seconds: OnceLock::new(),
        })
    }

    /// Where it is counted from now on how long each piece is in a session.
    pub(crate) fn count_in(&self, piece_seconds: Histogram) {
        // Whoever comes second is not listened to; there is one service a queue.
        let _ = self.piece_seconds.set(piece_seconds);
    }

    /// A request enters. Dropping the [`Ticket`] takes it out, and stops what runs of it.
    pub(crate) fn open(self: &Arc<Self>, flow: Flow, wanted: Wanted) -> (Ticket, Feeder) {
        self.enter(flow, wanted, false)
    }

    /// The same for which nobody waits: it counts as long from its first piece on, and newcomers are not judged by it.
    pub(crate) fn open_job(self: &Arc<Self>, flow: Flow, wanted: Wanted) -> (Ticket, Feeder) {
        self.enter(flow, wanted, true)
    }

    fn enter(self: &Arc<Self>, flow: Flow, wanted: Wanted, is_job: bool) -> (Ticket, Feeder) {
        let (news, heard) = mpsc::unbounded_channel();
        let abort = Abort::default();
        let mut state = self.lock();
        let id = state.scheduler.open(flow, self.now_ms());
        if is_job {
            state.scheduler.count_as_long(id);
        }
        let request = Request {
            is_job,
            news: news.clone(),
            abort: abort.clone(),
            pushed: 0,
            started: false,
            taken: 0,
            known: Known::default(),
            carries_text: wanted.carries_text,
        };
        state.requests.insert(id, request);
        drop(state);
        (
            Ticket::new(Arc::clone(self), id, heard),
            Feeder::new(Arc::clone(self), id, news, abort, wanted),
        )
    }

    /// The next piece of a request; waits until there is room for it, for what it is to know, and for the model.
    pub(crate) fn push(
        &self,
        id: u64,
        wanted: &Wanted,
        piece: impl FnOnce(Known) -> Piece,
    ) -> Result<(), Refused> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(Refused::Gone);
            }
            let request = state.requests.get_mut(&id).ok_or(Refused::Gone)?;
            let is_loaded = match wanted.model.loaded() {
                Some(Err(why)) => return Err(Refused::Unavailable(why.clone())),
                loaded => loaded.is_some(),
            };
            let ahead = request.pushed - request.taken;
            let knows = if wanted.carries_text {
                ahead == 0
            } else {
                !wanted.finds_language || request.pushed == 0 || request.known.language.is_some()
            };
            if is_loaded && knows && ahead < self.window {
                request.pushed += 1;
                let piece = piece(request.known.clone());
                let cost_ms =
                    piece.samples.len() as u64 * 1000 / u64::from(inference_audio::SAMPLE_RATE);
                let entry = (piece, Instant::now());
                let pushed = state.scheduler.push(id, cost_ms, entry);
                pushed.ok_or(Refused::Gone)?;
                self.work.notify_one();
                return Ok(());
            }
            state = wait(&self.room, state);
        }
    }

    /// A model was loaded, or could not be: whoever waits for it looks again.
    pub(crate) fn models_changed(&self) {
        // Whoever saw it missing under the lock waits by now.
        drop(self.lock());
        self.room.notify_all();
    }

    /// No further piece of the request will come; how many did.
    pub(crate) fn close_request(&self, id: u64) -> u32 {
        let mut state = self.lock();
        state.scheduler.close(id, self.now_ms());
        state.requests.get(&id).map_or(0, |r| r.pushed)
    }

    /// The request's answer has taken its next transcript.
    pub(crate) fn taken(&self, id: u64, decoded: &Decoded) {
        if let Some(request) = self.lock().requests.get_mut(&id) {
            request.taken += 1;
            request.known.language.get_or_insert(decoded.language);
            if request.carries_text {
                request.known.said = said_last(&request.known.said, decoded);
            }
        }
        self.room.notify_all();
    }

    /// The request is over: whatever is left of it goes.
    pub(crate) fn leave(&self, id: u64, service: Option<Duration>) {
        let mut state = self.lock();
        let left = state.requests.remove(&id);
        if let Some(request) = &left {
            request.abort.abort();
        }
        let given_up = state.scheduler.cancel(id);
        // Of a job it says nothing about when somebody who waits is served.
        let is_job = left.is_some_and(|request| request.is_job);
        if let Some(service) = service.filter(|_| !is_job) {
            state.mean_service = Some(mean(state.mean_service, service));
        }
        drop(state);
        // Not under the lock: it is megabytes.
        drop(given_up);
        self.room.notify_all();
    }

    /// Waits for the next piece; none once the queue is closed and empty. Its end must be told by [`Task::ended`].
    pub(crate) fn take(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if let Some(given) = state.scheduler.next(self.now_ms()) {
                let (piece, entered) = given.work;
                let Some(request) = state.requests.get_mut(&given.request) else {
                    state.scheduler.done(given.request, given.number);
                    continue;
                };
                request.started = true;
                return Some(Task {
                    piece,
                    abort: request.abort.clone(),
                    entered,
                    request: given.request,
                    number: given.number,
                    news: request.news.clone(),
                });
            }
            if state.closed && state.scheduler.waiting() == 0 {
                return None;
            }
            state = if state.scheduler.waiting() == 0 {
                wait(&self.work, state)
            } else {
                // Something waits that is kept back for now: time alone may let it go.
                let patience = Duration::from_millis(100);
                let woken = self.work.wait_timeout(state, patience);
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    fn done(&self, request: u64, number: u32, ran: Option<Duration>) {
        let mut state = self.lock();
        state.scheduler.done(request, number);
        if let Some(ran) = ran {
            state.mean_piece = Some(mean(state.mean_piece, ran));
        }
        drop(state);
        // What was kept back while this ran may run now.
        self.work.notify_one();
    }

    /// Nothing enters from now on; what waits is still served.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    pub(crate) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            waiting: state.scheduler.waiting(),
            waiting_audio: Duration::from_millis(state.scheduler.waiting_ms()),
            running: state.scheduler.running(),
            unstarted: state
                .requests
                .values()
                .filter(|r| !r.started && !r.is_job)
                .count(),
            mean_service: state.mean_service.unwrap_or_default(),
            mean_piece: state.mean_piece.unwrap_or_default(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mean, with the newest counted in.
fn mean(before: Option<Duration>, newest: Duration) -> Duration {
    before.map_or(newest, |mean| {
        mean.mul_f64(1.0 - NEWEST) + newest.mul_f64(NEWEST)
    })
}

/// What the next piece is told: the end of all that was said, or nothing after a doubtful text, which would lead it
/// astray (openai/whisper, `transcribe.py`: `prompt_reset_since`).
fn said_last(before: &str, decoded: &Decoded) -> String {
    if decoded.fell_back {
        return String::new();
    }
    let segments = decoded.segments.iter().map(|s| s.text.as_str());
    let said: String = std::iter::once(before).chain(segments).collect();
    last_bytes(&said, MOST_SAID_BYTES).to_owned()
}

fn wait<'a>(woken: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    woken.wait(state).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;

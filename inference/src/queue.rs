//! What waits for a session, shared by those who bring work and the threads that do it. Which piece is next says
//! [`Scheduler`]; this gives it a lock, a clock and somebody to wake.
//!
//! How many requests there are is bounded by the permits of [`crate::admission`], which are taken before a body is
//! read, and the pieces of each by [`Queue::push`], which makes its decoder wait. So memory is, too.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use inference_api::language::Language;
use inference_audio::{AudioError, Decoded as DecodedAudio};
use prometheus::Histogram;
use tokio::sync::mpsc;

use crate::backend::{Abort, BackendError, DecodeOptions, Decoded};
use crate::scheduler::{Flow, Scheduler};
use crate::telemetry::PieceSpans;
use crate::ticket::{Feeder, Ticket};

/// Weight of the newest request in the mean service time; about the last ten count.
const NEWEST: f64 = 0.2;
/// Pieces of a request that are decoded and not transcribed yet, beside one for each session: so that none waits
/// for a decoder.
const AHEAD: u32 = 1;

/// What all pieces of a request share.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Which of the pool's models.
    pub(crate) model: usize,
    pub(crate) options: DecodeOptions,
    /// Whether the language is to be found out from the first piece.
    pub(crate) finds_language: bool,
}

/// A piece of a request's audio.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) wanted: Arc<Wanted>,
    /// In samples from the start of the audio.
    pub(crate) start: u64,
    /// 16 kHz mono.
    pub(crate) samples: Vec<f32>,
    /// Whether it is all of the audio.
    pub(crate) is_whole: bool,
    /// That of the audio, where it was found out.
    pub(crate) language: Option<Language>,
    pub(crate) spans: PieceSpans,
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
        queue.done(self.request, self.number);
        if let (Some(counted), Ok(finished)) = (queue.piece_seconds.get(), &outcome) {
            counted.observe(finished.ran.as_secs_f64());
        }
        let _ = self.news.send(News::Ended(self.number, outcome));
    }
}

/// The queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// There is work.
    work: Condvar,
    /// A request may push again, or knows its language, or is over.
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
}

struct Request {
    news: mpsc::UnboundedSender<News>,
    abort: Abort,
    pushed: u32,
    /// Pieces whose transcript its answer has taken.
    taken: u32,
    language: Option<Language>,
}

/// How full the queue is at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Pieces.
    pub(crate) waiting: usize,
    /// Their audio.
    pub(crate) waiting_audio: Duration,
    pub(crate) running: usize,
    /// Mean time in sessions of the last requests; zero before the first.
    pub(crate) mean_service: Duration,
}

/// The request is over; nothing more of it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Queue {
    /// For so many sessions.
    pub(crate) fn new(sessions: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                scheduler: Scheduler::new(sessions),
                requests: HashMap::new(),
                closed: false,
                mean_service: None,
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
        let (news, heard) = mpsc::unbounded_channel();
        let abort = Abort::default();
        let mut state = self.lock();
        let id = state.scheduler.open(flow, self.now_ms());
        let request = Request {
            news: news.clone(),
            abort: abort.clone(),
            pushed: 0,
            taken: 0,
            language: None,
        };
        state.requests.insert(id, request);
        drop(state);
        (
            Ticket::new(Arc::clone(self), id, heard),
            Feeder::new(Arc::clone(self), id, news, abort, wanted),
        )
    }

    /// The next piece of a request; waits until there is room for it, and for the language where that is asked.
    pub(crate) fn push(
        &self,
        id: u64,
        finds_language: bool,
        piece: impl FnOnce(Option<Language>) -> Piece,
    ) -> Result<(), Gone> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(Gone);
            }
            let request = state.requests.get_mut(&id).ok_or(Gone)?;
            let knows = !finds_language || request.pushed == 0 || request.language.is_some();
            if knows && request.pushed - request.taken < self.window {
                request.pushed += 1;
                let piece = piece(request.language);
                let cost_ms =
                    piece.samples.len() as u64 * 1000 / u64::from(inference_audio::SAMPLE_RATE);
                let entry = (piece, Instant::now());
                state.scheduler.push(id, cost_ms, entry).ok_or(Gone)?;
                self.work.notify_one();
                return Ok(());
            }
            state = wait(&self.room, state);
        }
    }

    /// No further piece of the request will come; how many did.
    pub(crate) fn close_request(&self, id: u64) -> u32 {
        let mut state = self.lock();
        state.scheduler.close(id, self.now_ms());
        state.requests.get(&id).map_or(0, |r| r.pushed)
    }

    /// The request's answer has taken its next transcript.
    pub(crate) fn taken(&self, id: u64, language: Language) {
        if let Some(request) = self.lock().requests.get_mut(&id) {
            request.taken += 1;
            request.language.get_or_insert(language);
        }
        self.room.notify_all();
    }

    /// The request is over: whatever is left of it goes.
    pub(crate) fn leave(&self, id: u64, service: Option<Duration>) {
        let mut state = self.lock();
        if let Some(request) = state.requests.remove(&id) {
            request.abort.abort();
        }
        let given_up = state.scheduler.cancel(id);
        if let Some(service) = service {
            state.mean_service = Some(match state.mean_service {
                Some(mean) => mean.mul_f64(1.0 - NEWEST) + service.mul_f64(NEWEST),
                None => service,
            });
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
                let Some(request) = state.requests.get(&given.request) else {
                    state.scheduler.done(given.request, given.number);
                    continue;
                };
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

    fn done(&self, request: u64, number: u32) {
        self.lock().scheduler.done(request, number);
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
            mean_service: state.mean_service.unwrap_or_default(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(woken: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    woken.wait(state).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;

//! The line before the sessions: first in, first out, and nobody stands in it who has gone.
//!
//! Its length is bounded by the permits of [`crate::admission`], which are taken before a body is
//! read; the queue itself refuses nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::backend::{Abort, BackendError, DecodeOptions, Decoded};

/// Weight of the newest run in the mean service time; about the last ten runs count.
const NEWEST: f64 = 0.2;

/// One piece of audio to be transcribed.
#[derive(Debug)]
pub(crate) struct Job {
    /// Which of the pool's models.
    pub(crate) model: usize,
    /// 16 kHz mono.
    pub(crate) samples: Vec<f32>,
    pub(crate) options: DecodeOptions,
}

/// What a session made of a [`Job`].
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) decoded: Decoded,
    /// From entering the queue to a session's taking it.
    pub(crate) waited: Duration,
    /// In the session.
    pub(crate) ran: Duration,
}

pub(crate) type Outcome = Result<Finished, BackendError>;

/// A [`Job`] in the queue.
pub(crate) struct Task {
    pub(crate) job: Job,
    pub(crate) abort: Abort,
    pub(crate) reply: oneshot::Sender<Outcome>,
    pub(crate) entered: Instant,
    id: u64,
}

/// The queue, shared by those who submit and the threads that serve.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    running: usize,
    next_id: u64,
    closed: bool,
    mean_run: Option<Duration>,
}

/// How full the queue is at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    /// Mean time of the last runs; zero before the first.
    pub(crate) mean_run: Duration,
}

impl Queue {
    /// Enters the queue. Dropping the [`Ticket`] leaves it, or stops the run.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Ticket {
        let (reply, outcome) = oneshot::channel();
        let abort = Abort::default();
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        // After `close` the reply is dropped with the task, and the ticket reports it.
        if !state.closed {
            state.waiting.push_back(Task {
                job,
                abort: abort.clone(),
                reply,
                entered: Instant::now(),
                id,
            });
            self.changed.notify_one();
        }
        drop(state);
        Ticket {
            queue: Arc::clone(self),
            id,
            abort,
            outcome,
        }
    }

    /// Waits for the next task; none once the queue is closed and empty. The caller must report
    /// its end by [`Queue::finished`].
    pub(crate) fn take(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.waiting.pop_front() {
                state.running += 1;
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A taken task has ended; `ran` counts towards the mean where the run was whole.
    pub(crate) fn finished(&self, ran: Option<Duration>) {
        let mut state = self.lock();
        state.running -= 1;
        if let Some(ran) = ran {
            state.mean_run = Some(match state.mean_run {
                Some(mean) => mean.mul_f64(1.0 - NEWEST) + ran.mul_f64(NEWEST),
                None => ran,
            });
        }
    }

    /// Nothing enters from now on; what waits is still served.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            waiting: state.waiting.len(),
            running: state.running,
            mean_run: state.mean_run.unwrap_or_default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue, and later a run. Dropping it gives up either.
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    id: u64,
    abort: Abort,
    outcome: oneshot::Receiver<Outcome>,
}

impl Ticket {
    /// Waits for the run's end.
    pub(crate) async fn outcome(mut self) -> Outcome {
        (&mut self.outcome).await.unwrap_or_else(|_| {
            Err(BackendError::SessionLost(
                "the queue is closed or the run was lost".into(),
            ))
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.abort.abort();
        let mut state = self.queue.lock();
        if let Some(place) = state.waiting.iter().position(|t| t.id == self.id) {
            state.waiting.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inference_api::transcript::Task as Asked;

    fn job(model: usize) -> Job {
        Job {
            model,
            samples: vec![0.0; 16],
            options: DecodeOptions {
                task: Asked::Transcribe,
                language: None,
                prompt: None,
                temperature: 0.0,
                words: false,
                logprobs: false,
            },
        }
    }

    #[test]
    fn whoever_came_first_is_served_first() {
        let queue = Arc::new(Queue::default());
        let _tickets: Vec<_> = (0..3).map(|i| queue.submit(job(i))).collect();
        let order: Vec<_> = (0..3).map(|_| queue.take().unwrap().job.model).collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn a_caller_who_has_gone_leaves_the_queue_at_once() {
        let queue = Arc::new(Queue::default());
        let first = queue.submit(job(0));
        let _second = queue.submit(job(1));
        drop(first);
        assert_eq!(queue.load().waiting, 1);
        assert_eq!(queue.take().unwrap().job.model, 1);
    }

    #[test]
    fn a_running_task_whose_caller_has_gone_is_told_to_stop() {
        let queue = Arc::new(Queue::default());
        let ticket = queue.submit(job(0));
        let task = queue.take().unwrap();
        assert!(!task.abort.is_aborted());
        drop(ticket);
        assert!(task.abort.is_aborted());
    }

    #[tokio::test]
    async fn a_closed_queue_serves_what_waits_and_refuses_the_rest() {
        let queue = Arc::new(Queue::default());
        let _before = queue.submit(job(0));
        queue.close();
        let after = queue.submit(job(1));
        assert!(queue.take().is_some());
        assert!(queue.take().is_none());
        assert!(after.outcome().await.is_err());
    }

    #[test]
    fn the_mean_follows_the_runs() {
        let queue = Arc::new(Queue::default());
        for ran in [
            Some(Duration::from_secs(1)),
            None,
            Some(Duration::from_secs(2)),
        ] {
            let _ticket = queue.submit(job(0));
            queue.take().unwrap();
            queue.finished(ran);
        }
        let load = queue.load();
        assert_eq!(load.running, 0);
        assert_eq!(load.mean_run, Duration::from_millis(1200));
    }
}

//! The threads that run the models, so many for each device; which model is next says the queue.
//!
//! There are as many threads as cores (less where a session uses several), whatever the number of
//! models: whisper.cpp's threads spin at their barriers, so that one too many costs far more than
//! its share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use inference_audio::SAMPLE_RATE;

use crate::backend::{BackendError, Speech};
use crate::queue::{Finished, Outcome, Queue, Task};

/// Room for whisper.cpp's recursion over a prompt, and then some.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// The threads. Dropping the pool closes the queue and waits for them.
pub(crate) struct Pool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts the threads. Each has a number, by which every model has a session for it.
    pub(crate) fn start(threads: usize) -> Result<Self, BackendError> {
        let mut pool = Self {
            queue: Queue::new(threads),
            threads: Vec::with_capacity(threads),
        };
        for number in 0..threads {
            let queue = Arc::clone(&pool.queue);
            let thread = std::thread::Builder::new()
                .name(format!("session-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    while let Some(mut task) = queue.take() {
                        let outcome = run(&mut task, number);
                        task.ended(&queue, outcome);
                    }
                })
                .map_err(|e| BackendError::Load(format!("no thread: {e}")))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A worker catches what panics in a session; there is nothing left to report.
            let _ = thread.join();
        }
    }
}

/// Transcribes a piece on the thread of this number.
fn run(task: &mut Task, thread: usize) -> Outcome {
    #[expect(clippy::cast_precision_loss, reason = "seconds of audio")]
    let seconds = task.piece.samples.len() as f64 / f64::from(SAMPLE_RATE);
    let running = task.piece.spans.enter_model(seconds);
    let piece = &task.piece;
    let asked = &piece.wanted;
    // Nothing enters the queue before its model is loaded.
    let Some(Ok(model)) = asked.model.loaded() else {
        return Err(BackendError::Load("it is not loaded".into()));
    };
    let options = piece.options();
    let speech = Speech {
        samples: &piece.samples,
        spoken: piece.spoken,
        is_whole: piece.is_whole,
    };
    let waited = task.entered.elapsed();
    let started = Instant::now();
    let decoded = model.run(thread, |session| {
        // A panic costs this run and this session, no other.
        catch_unwind(AssertUnwindSafe(|| {
            session.transcribe(speech, &options, &task.abort)
        }))
        .unwrap_or_else(|_| Err(BackendError::SessionLost("a panic".into())))
    });
    drop(running);
    if let Err(BackendError::SessionLost(cause)) = &decoded {
        tracing::error!(cause, model = ?asked.model, "a session is lost");
    }
    Ok(Finished {
        decoded: decoded?,
        start: piece.start,
        waited,
        ran: started.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fake::FakeBackend;
    use crate::backend::{Abilities, Abort, Backend, DecodeOptions, Decoded, Session};
    use crate::models::Use;
    use crate::models::testing::use_of;
    use crate::queue::tests::{chunk, flow, wanted, wanted_of};
    use crate::ticket::Failed;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// One piece of so many samples for a model; what the queue says of it.
    async fn run(pool: &Pool, model: Use, samples: usize) -> Result<String, Failed> {
        let (mut ticket, mut feeder) = pool.queue().open(flow("a"), wanted_of(model));
        feeder.push(chunk(0, samples)).unwrap();
        let part = ticket.part().await.unwrap()?;
        Ok(part.segments[0].text.clone())
    }

    #[derive(Default)]
    struct Panicking {
        sessions: AtomicUsize,
    }

    impl Backend for Panicking {
        fn abilities(&self) -> Abilities {
            Abilities::ENGLISH
        }
        fn session(&self) -> Result<Box<dyn Session>, BackendError> {
            self.sessions.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(PanickingSession))
        }
    }

    struct PanickingSession;

    impl Session for PanickingSession {
        fn transcribe(
            &mut self,
            _: Speech<'_>,
            _: &DecodeOptions,
            _: &Abort,
        ) -> Result<Decoded, BackendError> {
            panic!("in the model");
        }
    }

    #[tokio::test]
    async fn a_panic_in_a_model_costs_one_run_and_the_session_is_replaced() {
        let bad = Arc::new(Panicking::default());
        let pool = Pool::start(1).unwrap();
        let model = wanted_of(use_of(bad.clone(), 1));
        let (mut ticket, mut feeder) = pool.queue().open(flow("a"), model);
        for _ in 0..2 {
            feeder.push(chunk(0, 10)).unwrap();
            let outcome = ticket.part().await.unwrap();
            let lost = matches!(outcome, Err(Failed::Backend(BackendError::SessionLost(_))));
            assert!(lost, "{outcome:?}");
        }
        assert_eq!(bad.sessions.load(Ordering::Relaxed), 2);
        let good = use_of(Arc::new(FakeBackend::default()), 1);
        assert_eq!(run(&pool, good, 10).await.unwrap(), " 10 samples");
        assert_eq!(pool.queue().load().running, 0);
    }

    #[tokio::test]
    async fn dropping_the_pool_serves_what_waits_first() {
        let pool = Pool::start(2).unwrap();
        let mut tickets = Vec::new();
        for _ in 0..8 {
            let (ticket, mut feeder) = pool.queue().open(flow("a"), wanted());
            feeder.push(chunk(0, 5)).unwrap();
            tickets.push((ticket, feeder));
        }
        drop(pool);
        for (mut ticket, _feeder) in tickets {
            assert!(ticket.part().await.unwrap().is_ok());
        }
    }
}

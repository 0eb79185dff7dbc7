//! The threads that run the models: one session of each model on each, made before the first
//! request.
//!
//! There are as many threads as cores (less where a session uses several), whatever the number of
//! models: whisper.cpp's threads spin at their barriers, so that one too many costs far more than
//! its share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use inference_audio::SAMPLE_RATE;

use crate::backend::{Backend, BackendError, Session, Speech};
use crate::queue::{Finished, Outcome, Queue};

/// Room for whisper.cpp's recursion over a prompt, and then some.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// The threads. Dropping the pool closes the queue and waits for them.
pub(crate) struct Pool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads with a session of each backend on each; fails if any session can't
    /// be made.
    pub(crate) fn start(
        backends: &[Arc<dyn Backend>],
        threads: usize,
    ) -> Result<Self, BackendError> {
        let mut pool = Self {
            queue: Queue::new(threads),
            threads: Vec::with_capacity(threads),
        };
        for number in 0..threads {
            let (ready, started) = mpsc::channel();
            let backends = backends.to_vec();
            let queue = Arc::clone(&pool.queue);
            let thread = std::thread::Builder::new()
                .name(format!("session-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    // Sessions are made on their own thread, so that their memory is near it.
                    match Worker::new(backends) {
                        Ok(mut worker) => {
                            if ready.send(Ok(())).is_ok() {
                                worker.serve(&queue);
                            }
                        }
                        Err(error) => drop(ready.send(Err(error))),
                    }
                })
                .map_err(|e| BackendError::Load(format!("no thread: {e}")))?;
            pool.threads.push(thread);
            started
                .recv()
                .unwrap_or_else(|_| Err(BackendError::Load("a session's thread died".into())))?;
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

/// One thread's sessions.
struct Worker {
    backends: Vec<Arc<dyn Backend>>,
    sessions: Vec<Option<Box<dyn Session>>>,
}

impl Worker {
    fn new(backends: Vec<Arc<dyn Backend>>) -> Result<Self, BackendError> {
        let sessions = backends
            .iter()
            .map(|b| b.session().map(Some))
            .collect::<Result<_, _>>()?;
        Ok(Self { backends, sessions })
    }

    fn serve(&mut self, queue: &Queue) {
        while let Some(mut task) = queue.take() {
            #[expect(clippy::cast_precision_loss, reason = "seconds of audio")]
            let seconds = task.piece.samples.len() as f64 / f64::from(SAMPLE_RATE);
            let running = task.piece.spans.enter_model(seconds);
            let piece = &task.piece;
            let model = piece.wanted.model;
            let mut options = piece.wanted.options.clone();
            options.language = options.language.or(piece.language);
            let speech = Speech {
                samples: &piece.samples,
                is_whole: piece.is_whole,
            };
            let waited = task.entered.elapsed();
            let started = Instant::now();
            let outcome: Outcome = self
                .session(model)
                .and_then(|session| {
                    // A panic costs this run and this session, no other.
                    catch_unwind(AssertUnwindSafe(|| {
                        session.transcribe(speech, &options, &task.abort)
                    }))
                    .unwrap_or_else(|_| Err(BackendError::SessionLost("a panic".into())))
                })
                .map(|decoded| Finished {
                    decoded,
                    start: piece.start,
                    waited,
                    ran: started.elapsed(),
                });
            drop(running);
            if let Err(BackendError::SessionLost(cause)) = &outcome {
                tracing::error!(cause, model, "a session is lost");
                self.sessions[model] = None;
            }
            task.ended(queue, outcome);
        }
    }

    /// The model's session, made anew if it was lost.
    fn session(&mut self, model: usize) -> Result<&mut Box<dyn Session>, BackendError> {
        let slot = &mut self.sessions[model];
        if slot.is_none() {
            *slot = Some(self.backends[model].session()?);
        }
        slot.as_mut()
            .ok_or_else(|| BackendError::SessionLost("no session".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fake::{FakeBackend, Gate};
    use crate::backend::{Abort, DecodeOptions, Decoded};
    use crate::queue::tests::{chunk, flow, wanted};
    use crate::ticket::Failed;
    use inference_api::language::Language;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// One piece of so many samples for a model; what the queue says of it.
    async fn run(pool: &Pool, model: usize, samples: usize) -> Result<String, Failed> {
        let (mut ticket, mut feeder) = pool.queue().open(flow("a"), wanted(model));
        feeder.push(chunk(0, samples)).unwrap();
        let part = ticket.part().await.unwrap()?;
        Ok(part.segments[0].text.clone())
    }

    #[derive(Default)]
    struct Panicking {
        sessions: AtomicUsize,
    }

    impl Backend for Panicking {
        fn is_multilingual(&self) -> bool {
            false
        }
        fn knows(&self, _: Language) -> bool {
            true
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
        let good = Arc::new(FakeBackend::new(Arc::new(Gate::default())));
        let backends: [Arc<dyn Backend>; 2] = [bad.clone(), good];
        let pool = Pool::start(&backends, 1).unwrap();
        for _ in 0..2 {
            let outcome = run(&pool, 0, 10).await;
            let lost = matches!(outcome, Err(Failed::Backend(BackendError::SessionLost(_))));
            assert!(lost, "{outcome:?}");
        }
        assert_eq!(bad.sessions.load(Ordering::Relaxed), 2);
        assert_eq!(run(&pool, 1, 10).await.unwrap(), " 10 samples");
        assert_eq!(pool.queue().load().running, 0);
    }

    #[tokio::test]
    async fn dropping_the_pool_serves_what_waits_first() {
        let backends: [Arc<dyn Backend>; 1] =
            [Arc::new(FakeBackend::new(Arc::new(Gate::default())))];
        let pool = Pool::start(&backends, 2).unwrap();
        let mut tickets = Vec::new();
        for _ in 0..8 {
            let (ticket, mut feeder) = pool.queue().open(flow("a"), wanted(0));
            feeder.push(chunk(0, 5)).unwrap();
            tickets.push((ticket, feeder));
        }
        drop(pool);
        for (mut ticket, _feeder) in tickets {
            assert!(ticket.part().await.unwrap().is_ok());
        }
    }
}

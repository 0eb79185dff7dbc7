//! A backend for tests, whose runs last as long as the test says.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inference_api::language::Language;
use inference_audio::chunks::{FRAME, Voice};

use super::segments::{RawSegment, RawToken, assemble};
use super::{Abilities, Abort, Backend, BackendError, DecodeOptions, Decoded, Session, Speech};

/// How often a held run looks whether it was aborted.
const ABORT_POLL: Duration = Duration::from_millis(5);

/// Holds the runs of a [`FakeBackend`] back until it is opened.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    closed: bool,
    running: usize,
    aborted: usize,
}

impl Gate {
    /// Runs that start from now on wait.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// Every run goes on.
    pub fn open(&self) {
        self.lock().closed = false;
        self.changed.notify_all();
    }

    /// Runs that were told to stop.
    pub fn aborted(&self) -> usize {
        self.lock().aborted
    }

    /// Runs going on now.
    pub fn running(&self) -> usize {
        self.lock().running
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, abort: &Abort) -> Result<(), BackendError> {
        let mut state = self.lock();
        state.running += 1;
        while state.closed && !abort.is_aborted() {
            state = self
                .changed
                .wait_timeout(state, ABORT_POLL)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.running -= 1;
        if abort.is_aborted() {
            state.aborted += 1;
            return Err(BackendError::Aborted);
        }
        Ok(())
    }
}

/// Takes everything for speech.
#[derive(Debug)]
pub struct HearsAll;

impl Voice for HearsAll {
    fn probability(&mut self, _: &[f32; FRAME]) -> f32 {
        1.0
    }
}

/// An English-only backend that "hears" how many samples it was given.
#[derive(Debug, Default)]
pub struct FakeBackend {
    gate: Arc<Gate>,
}

impl FakeBackend {
    /// A backend whose runs pass through `gate`.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }
}

impl Backend for FakeBackend {
    fn abilities(&self) -> Abilities {
        Abilities::ENGLISH
    }

    fn session(&self) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(FakeSession {
            gate: Arc::clone(&self.gate),
        }))
    }
}

struct FakeSession {
    gate: Arc<Gate>,
}

impl Session for FakeSession {
    fn transcribe(
        &mut self,
        speech: Speech<'_>,
        options: &DecodeOptions,
        abort: &Abort,
    ) -> Result<Decoded, BackendError> {
        self.gate.pass(abort)?;
        let raw = RawSegment {
            times: (0, 100),
            no_speech_prob: 0.0,
            tokens: vec![RawToken {
                id: 1,
                bytes: format!(" {} samples", speech.samples.len()).into_bytes(),
                logprob: -0.1,
                times: (0, 100),
            }],
        };
        Ok(assemble(
            &[raw],
            speech.samples.len(),
            Language::ENGLISH,
            options,
        ))
    }
}

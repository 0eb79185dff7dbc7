//! How far a job has come: by the share of its file that was read when a piece was cut, once that piece is heard. So it
//! needs no length of the audio, which most files do not say and none is believed.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inference_api::job::{Report, State};

use crate::ticket::Measured;

/// What a job that is not over shows at most.
const NEARLY: f64 = 0.99;

/// How far a job has come, shared by those who do it and those who ask.
#[derive(Default)]
pub(crate) struct Progress {
    /// Of the file; 0 until it is there.
    total: AtomicU64,
    /// What the decoder read of it.
    read: AtomicU64,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// The share that was read, for each piece that was cut and not heard yet.
    cut: VecDeque<f64>,
    /// It never falls.
    share: f64,
    audio_seconds: f64,
    duration: Option<f64>,
}

impl Progress {
    /// Counts what is read of the file of so many bytes.
    pub(super) fn count<R>(self: &Arc<Self>, file: R, bytes: u64) -> Counted<R> {
        self.total.store(bytes, Ordering::Relaxed);
        Counted {
            file,
            progress: Arc::clone(self),
        }
    }

    /// A piece is cut, and is about to wait for its turn.
    pub(super) fn cut(&self) {
        let share = self.share_read();
        self.lock().cut.push_back(share);
    }

    /// The next piece is heard.
    pub(super) fn heard(&self, measured: Measured) {
        let mut heard = self.lock();
        if let Some(share) = heard.cut.pop_front() {
            heard.share = heard.share.max(share);
        }
        heard.measure(measured);
    }

    /// All of it is.
    pub(super) fn complete(&self, measured: Measured) {
        let mut heard = self.lock();
        heard.share = 1.0;
        heard.measure(measured);
    }

    /// How the job stands, if its state is this one.
    pub(crate) fn report(&self, state: State) -> Report {
        let read = self.share_read();
        let mut heard = self.lock();
        if heard.cut.is_empty() {
            // Nothing that was read waits: it was heard, or nobody speaks in it.
            heard.share = heard.share.max(read);
        }
        Report {
            state,
            progress: heard.share.min(NEARLY),
            audio_seconds: heard.audio_seconds,
            duration: heard.duration,
            transcript: None,
            cached: false,
            error: None,
        }
    }

    /// What demuxers read twice counts twice: of what is bounded anyhow, and little in practice.
    #[expect(clippy::cast_precision_loss, reason = "a share is no exact number")]
    fn share_read(&self) -> f64 {
        let total = self.total.load(Ordering::Relaxed).max(1);
        let read = self.read.load(Ordering::Relaxed);
        (read as f64 / total as f64).min(1.0)
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn measure(&mut self, measured: Measured) {
        self.audio_seconds = measured.heard.as_secs_f64();
        self.duration = measured.audio.map(|audio| audio.as_secs_f64());
    }
}

/// A file of which it is counted what is read.
pub(super) struct Counted<R> {
    file: R,
    progress: Arc<Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::time::Duration;

    fn close_to(progress: &Progress, share: f64) {
        let shown = progress.report(State::Running).progress;
        assert!((shown - share).abs() < 1e-9, "{shown}, not {share}");
    }

    #[test]
    fn what_is_heard_counts_and_what_waits_does_not() {
        let progress = Arc::<Progress>::default();
        close_to(&progress, 0.0);
        let mut file = progress.count(Cursor::new(vec![0; 100]), 100);
        let mut read = |bytes: usize| file.read_exact(&mut vec![0; bytes]).unwrap();
        read(10);
        // Before the first piece all that was read is silence.
        close_to(&progress, 0.1);
        progress.cut();
        read(30);
        progress.cut();
        read(60);
        close_to(&progress, 0.1);
        let measured = |seconds, audio| Measured {
            heard: Duration::from_secs(seconds),
            audio,
            ..Measured::default()
        };
        progress.heard(measured(3, None));
        close_to(&progress, 0.1);
        progress.heard(measured(9, Some(Duration::from_secs(9))));
        close_to(&progress, NEARLY);
        let report = progress.report(State::Running);
        assert!((report.audio_seconds - 9.0).abs() < 1e-9);
        assert_eq!(report.duration, Some(9.0));
    }

    #[test]
    fn it_never_falls_nor_passes_one_however_often_a_file_is_read() {
        let progress = Arc::<Progress>::default();
        let mut file = progress.count(Cursor::new(vec![0; 100]), 100);
        let mut last = 0.0;
        for _ in 0..5 {
            file.rewind().unwrap();
            file.read_to_end(&mut Vec::new()).unwrap();
            progress.cut();
            progress.heard(Measured::default());
            let now = progress.report(State::Running).progress;
            assert!((last..=NEARLY).contains(&now), "{now} after {last}");
            last = now;
        }
    }
}

//! A request's two ends in the queue: its decoder's, which feeds it piece by piece, and its answer's, which hears
//! of them in their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inference_api::language::Language;
use inference_api::transcript::{Segment, TokenLogprob, Transcript, Word};
use inference_audio::chunks::Chunk;
use inference_audio::{AudioError, Decoded as DecodedAudio, SAMPLE_RATE};
use tokio::sync::mpsc;
use tracing::Span;

use crate::backend::{Abort, BackendError};
use crate::models::Unavailable;
use crate::queue::{Finished, Gone, News, Outcome, Piece, Queue, Refused, Wanted};
use crate::telemetry::PieceSpans;

/// Frames a second in which Whisper counts `seek`.
const SEEKS_PER_SECOND: u64 = 100;

/// Why a request's transcript ends before its audio.
#[derive(Debug)]
pub(crate) enum Failed {
    Audio(AudioError),
    Model(Unavailable),
    Backend(BackendError),
}

/// What was measured of a request so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Audio transcribed, or left out as silence before what was.
    pub(crate) heard: Duration,
    /// All of the audio, once it is decoded.
    pub(crate) audio: Option<Duration>,
    /// Until a session took the first piece.
    pub(crate) waited: Option<Duration>,
    /// Decoding, but for the time in which it had to wait.
    pub(crate) decoding: Option<Duration>,
    /// In sessions, all pieces together.
    pub(crate) ran: Duration,
    /// Whether a piece was decoded again with the full window.
    pub(crate) fell_back: bool,
}

impl Measured {
    /// What the request is accounted for: all of its audio, or what was heard of it where it ended early.
    pub(crate) fn charged(&self) -> Duration {
        self.audio.unwrap_or(self.heard)
    }
}

/// The transcript of a piece, with times from the start of the audio.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) segments: Vec<Segment>,
    pub(crate) words: Option<Vec<Word>>,
    pub(crate) logprobs: Option<Vec<TokenLogprob>>,
}

/// The answer's end. Dropping it gives up what waits and stops what runs.
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    id: u64,
    news: mpsc::UnboundedReceiver<News>,
    /// Pieces that ended before one that comes before them.
    early: BTreeMap<u32, Outcome>,
    next: u32,
    segments: u32,
    /// How many pieces there are.
    pieces: Option<u32>,
    /// Found by the first piece, and how sure the model was.
    language: Option<(Language, Option<f64>)>,
    measured: Measured,
    is_over: bool,
}

impl Ticket {
    pub(crate) fn new(queue: Arc<Queue>, id: u64, news: mpsc::UnboundedReceiver<News>) -> Self {
        Self {
            queue,
            id,
            news,
            early: BTreeMap::new(),
            next: 0,
            segments: 0,
            pieces: None,
            language: None,
            measured: Measured::default(),
            is_over: false,
        }
    }

    /// The next part of the transcript, in the order of the audio; `None` after the last.
    pub(crate) async fn part(&mut self) -> Option<Result<Part, Failed>> {
        loop {
            if let Some(outcome) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(match outcome {
                    Ok(finished) => Ok(self.accept(finished)),
                    Err(error) => Err(Failed::Backend(error)),
                });
            }
            if self.pieces.is_some_and(|pieces| self.next >= pieces) {
                self.is_over = true;
                return None;
            }
            match self.news.recv().await {
                Some(News::Ended(number, outcome)) => {
                    self.early.insert(number, outcome);
                }
                Some(News::Decoded(Ok((audio, decoding)), pieces)) => {
                    self.measured.audio = Some(audio.duration);
                    self.measured.decoding = Some(decoding);
                    self.pieces = Some(pieces);
                }
                Some(News::Unavailable(why)) => return Some(Err(Failed::Model(why))),
                Some(News::Decoded(Err(error), _)) => return Some(Err(Failed::Audio(error))),
                None => {
                    let lost = BackendError::SessionLost("the run was lost".into());
                    return Some(Err(Failed::Backend(lost)));
                }
            }
        }
    }

    /// What is known of the whole, after the last part.
    pub(crate) fn complete(&self, transcript: &mut Transcript) {
        let audio = self.measured.charged().as_secs_f64();
        transcript.duration = (audio * 1000.0).round() / 1000.0;
        if let Some((language, probability)) = self.language {
            transcript.language = language;
            transcript.language_probability = probability;
        }
    }

    pub(crate) fn measured(&self) -> Measured {
        self.measured
    }

    fn accept(&mut self, finished: Finished) -> Part {
        let Finished {
            decoded,
            start,
            waited,
            ran,
        } = finished;
        self.queue.taken(self.id, &decoded);
        let language = (decoded.language, decoded.language_probability);
        self.language.get_or_insert(language);
        let measured = &mut self.measured;
        measured.waited.get_or_insert(waited);
        measured.ran += ran;
        measured.fell_back |= decoded.fell_back;
        measured.heard = duration_of(start) + decoded.audio;
        let mut part = Part {
            segments: decoded.segments,
            words: decoded.words,
            logprobs: decoded.logprobs,
        };
        part.shift(start, self.segments);
        self.segments = self
            .segments
            .saturating_add(u32::try_from(part.segments.len()).unwrap_or(u32::MAX));
        part
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let service = self.is_over.then_some(self.measured.ran);
        self.queue.leave(self.id, service);
    }
}

fn duration_of(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(SAMPLE_RATE))
}

impl Part {
    /// Puts it behind what the transcript has.
    pub(crate) fn append_to(self, transcript: &mut Transcript) {
        transcript.segments.extend(self.segments);
        if let (Some(all), Some(more)) = (&mut transcript.words, self.words) {
            all.extend(more);
        }
        if let (Some(all), Some(more)) = (&mut transcript.logprobs, self.logprobs) {
            all.extend(more);
        }
    }

    /// Moves a piece's transcript to where the piece stands in the audio, in samples, behind so many segments.
    fn shift(&mut self, start: u64, segments: u32) {
        let seconds = duration_of(start).as_secs_f64();
        let later = |time: f64| ((time + seconds) * 100.0).round() / 100.0;
        let seek = start * SEEKS_PER_SECOND / u64::from(SAMPLE_RATE);
        let seek = u32::try_from(seek).unwrap_or(u32::MAX);
        for segment in &mut self.segments {
            segment.id = segment.id.saturating_add(segments);
            segment.seek = segment.seek.saturating_add(seek);
            segment.start = later(segment.start);
            segment.end = later(segment.end);
        }
        for word in self.words.iter_mut().flatten() {
            word.start = later(word.start);
            word.end = later(word.end);
        }
    }
}

/// The decoder's end. To be used on a thread that may wait.
pub(crate) struct Feeder {
    queue: Arc<Queue>,
    id: u64,
    news: mpsc::UnboundedSender<News>,
    abort: Abort,
    /// Until the end of the audio.
    wanted: Option<Arc<Wanted>>,
    /// Of the request, which opened the queue within it.
    span: Span,
    began: Instant,
    waited: Duration,
    is_over: bool,
}

impl Feeder {
    pub(crate) fn new(
        queue: Arc<Queue>,
        id: u64,
        news: mpsc::UnboundedSender<News>,
        abort: Abort,
        wanted: Wanted,
    ) -> Self {
        Self {
            queue,
            id,
            news,
            abort,
            wanted: Some(Arc::new(wanted)),
            span: Span::current(),
            began: Instant::now(),
            waited: Duration::ZERO,
            is_over: false,
        }
    }

    /// Brings the next piece of the audio; waits while enough of it waits already.
    pub(crate) fn push(&mut self, chunk: Chunk) -> Result<(), Gone> {
        let before = Instant::now();
        let wanted = self.wanted.as_ref().ok_or(Gone)?;
        let pushed = self.queue.push(self.id, wanted, |known| Piece {
            wanted: Arc::clone(wanted),
            start: chunk.start,
            samples: chunk.samples,
            spoken: chunk.spoken,
            is_whole: chunk.is_whole,
            known,
            spans: PieceSpans::enter_queue(&self.span),
        });
        self.waited += before.elapsed();
        pushed.map_err(|refused| {
            if let Refused::Unavailable(why) = refused {
                // Before what the decoder will say of its being stopped.
                let _ = self.news.send(News::Unavailable(why));
            }
            Gone
        })
    }

    /// Set when nobody wants the transcript any more.
    pub(crate) fn abort(&self) -> Abort {
        self.abort.clone()
    }

    /// Says that this was all, or why there is no more.
    pub(crate) fn finish(mut self, audio: Result<DecodedAudio, AudioError>) {
        let decoding = self.began.elapsed().saturating_sub(self.waited);
        self.end(audio.map(|audio| (audio, decoding)));
    }

    fn end(&mut self, audio: Result<(DecodedAudio, Duration), AudioError>) {
        self.is_over = true;
        // Before the request hears of it, as with its pieces.
        self.wanted = None;
        let pieces = self.queue.close_request(self.id);
        // Whoever asked may have gone.
        let _ = self.news.send(News::Decoded(audio, pieces));
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(Err(AudioError::Malformed("the decoder was lost")));
        }
    }
}

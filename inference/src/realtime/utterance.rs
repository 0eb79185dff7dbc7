//! What was said, on its way through the queue: cut into pieces and brought like an upload, while it is spoken.

use std::time::Duration;

use inference_api::transcript::TokenLogprob;
use inference_audio::chunks::{Chunker, Voice};
use inference_audio::{AudioError, Container, Decoded, SAMPLE_RATE, SourceFormat};
use tokio::sync::mpsc;

use super::protocol::{ServerEvent, Usage};
use super::settings::SOURCE_RATE;
use crate::error::Error;
use crate::queue::{Gone, Wanted};
use crate::scheduler::Flow;
use crate::service::Service;
use crate::ticket::{Failed, Feeder, Measured, Part, Ticket};

/// Stretches of audio between who listens and who cuts, of 100 ms each at most.
const AHEAD: usize = 16;

/// An utterance, from its first sample to its transcript.
pub(super) struct Utterance {
    // Before the audio: when both are dropped, nothing more is to be made of it.
    ticket: Ticket,
    audio: Option<mpsc::Sender<Vec<f32>>>,
    item: String,
    samples: u64,
    is_committed: bool,
    told: Told,
    /// What is to be said of it as soon as it is committed.
    early: Vec<ServerEvent>,
    is_over: bool,
}

/// What was transcribed so far.
#[derive(Default)]
struct Told {
    transcript: String,
    logprobs: Option<Vec<TokenLogprob>>,
}

impl Utterance {
    /// Puts an utterance in line, of which nothing is there yet.
    pub(super) fn begin(
        service: &Service,
        flow: Flow,
        item: String,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let logprobs = wanted.options.logprobs.then(Vec::new);
        let (ticket, feeder) = service.pool.queue().open(flow, wanted);
        let (audio, heard) = mpsc::channel(AHEAD);
        let (longest, ear) = (service.longest_piece, service.ear);
        // A thread of its own, as an upload's: it waits for the sessions.
        std::thread::Builder::new()
            .name("utterance".to_owned())
            .spawn(move || feed(heard, Chunker::new(ear(), longest), feeder))
            .map_err(Error::internal)?;
        Ok(Self {
            ticket,
            audio: Some(audio),
            item,
            samples: 0,
            is_committed: false,
            told: Told {
                transcript: String::new(),
                logprobs,
            },
            early: Vec::new(),
            is_over: false,
        })
    }

    /// Where its audio goes, until it is complete.
    pub(super) fn audio(&self) -> Option<&mpsc::Sender<Vec<f32>>> {
        self.audio.as_ref()
    }

    /// So many samples were sent there.
    pub(super) fn heard(&mut self, samples: usize) {
        self.samples += samples as u64;
    }

    /// No more comes of it; what is to be said by now.
    pub(super) fn commit(&mut self) -> Vec<ServerEvent> {
        self.audio = None;
        self.is_committed = true;
        std::mem::take(&mut self.early)
    }

    /// Whether everything of it is said.
    pub(super) fn is_over(&self) -> bool {
        self.is_over && self.is_committed
    }

    /// Waits for the next part of the transcript; for ever, when that was the last.
    pub(super) async fn part(&mut self) -> Option<Result<Part, Failed>> {
        if self.is_over {
            return std::future::pending().await;
        }
        self.ticket.part().await
    }

    /// Takes a part; what is to be said by now.
    pub(super) fn take(&mut self, part: Option<Result<Part, Failed>>) -> Vec<ServerEvent> {
        let item_id = self.item.clone();
        let event = match part {
            Some(Ok(part)) => {
                let delta: String = part.segments.iter().map(|s| s.text.as_str()).collect();
                // The transcript has no space before its first word.
                let delta = if self.told.transcript.is_empty() {
                    delta.trim_start().to_owned()
                } else {
                    delta
                };
                self.told.transcript.push_str(&delta);
                let logprobs = part.logprobs.filter(|_| self.told.logprobs.is_some());
                if let (Some(all), Some(more)) = (&mut self.told.logprobs, &logprobs) {
                    all.extend_from_slice(more);
                }
                (!delta.is_empty()).then_some(ServerEvent::Delta {
                    item_id,
                    content_index: 0,
                    delta,
                    logprobs,
                })
            }
            None => {
                self.is_over = true;
                Some(ServerEvent::Completed {
                    item_id,
                    content_index: 0,
                    transcript: self.told.transcript.trim_end().to_owned(),
                    logprobs: self.told.logprobs.take(),
                    usage: Usage::of(duration(self.samples)),
                })
            }
            Some(Err(failed)) => {
                self.is_over = true;
                let error = Error::from(failed);
                if let Some(cause) = error.cause() {
                    tracing::warn!(code = error.kind().code, cause, "an utterance failed");
                }
                Some(ServerEvent::Failed {
                    item_id,
                    content_index: 0,
                    error: error.envelope().error,
                })
            }
        };
        if self.is_committed {
            return event.into_iter().collect();
        }
        self.early.extend(event);
        Vec::new()
    }

    /// What was measured of it.
    pub(super) fn measured(&self) -> Measured {
        self.ticket.measured()
    }
}

fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(SAMPLE_RATE))
}

/// Cuts and brings, until the utterance is complete or nobody wants it any more.
fn feed(mut audio: mpsc::Receiver<Vec<f32>>, mut chunker: Chunker<impl Voice>, mut feeder: Feeder) {
    let gone = feeder.abort();
    let mut samples = 0;
    let mut bring = |chunk| feeder.push(chunk).map_err(|Gone| AudioError::Cancelled);
    let mut cut = Ok(());
    while let Some(next) = audio.blocking_recv() {
        samples += next.len() as u64;
        cut = chunker.push(&next, &mut bring);
        if cut.is_err() || gone.is_aborted() {
            break;
        }
    }
    let cut = cut.and_then(|()| chunker.finish(&mut bring));
    feeder.finish(cut.map(|()| Decoded {
        duration: duration(samples),
        source: SourceFormat {
            container: Container::Wav,
            codec: "pcm_s16le",
            sample_rate: SOURCE_RATE,
            channels: 1,
        },
        truncated: false,
    }));
}

//! What an event of a client leads to. It waits for nothing and does nothing: it says what is to be done.

use std::time::Duration;

use inference_api::claims::Claims;
use inference_audio::chunks::Voice;
use inference_audio::{SAMPLE_RATE, ToSampleRate};

use super::protocol::{ClientEvent, Dialect, Item, Received, Refused, ServerEvent, read};
use super::settings::{SOURCE_RATE, Settings};
use super::turns::{Heard, Turns};
use crate::error::Error;
use crate::queue::Wanted;
use crate::registry::Registry;
use crate::service::Ear;

/// Shortest utterance that a client may commit, in samples: 100 ms, as OpenAI's.
const SHORTEST: u64 = SAMPLE_RATE as u64 / 10;
/// How much of an append is heard in one go, in bytes: 100 ms. Others have their turn in between.
const SLICE_BYTES: usize = SOURCE_RATE as usize / 10 * 2;

/// What is to be done, in its order.
#[derive(Debug)]
pub(super) enum Output {
    /// To be sent.
    Say(ServerEvent),
    /// An utterance begins.
    Begin { item: String, wanted: Wanted },
    /// More of the utterance, at 16 kHz.
    Hear(Vec<f32>),
    /// The utterance is complete.
    End,
    /// The utterance is not wanted.
    Discard,
}

/// What a session is made of that it does not own.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) registry: &'a Registry,
    pub(super) claims: &'a Claims,
    /// Makes what hears whether somebody speaks.
    pub(super) ear: Ear,
    /// Longest utterance.
    pub(super) longest: Duration,
}

/// A session's state.
pub(super) struct Session<'a> {
    rules: Rules<'a>,
    id: String,
    /// Unix seconds.
    expires_at: u64,
    settings: Settings,
    /// None only where no filter can be made, which no audio comes of.
    resampler: Option<ToSampleRate>,
    turns: Option<Turns<Box<dyn Voice + Send>>>,
    /// Audio so far, in samples at 16 kHz.
    position: u64,
    open: Option<Open>,
    items: u32,
    /// The item before.
    last: Option<String>,
    /// Of the last append.
    unheard: Vec<u8>,
    culprit: Option<String>,
    is_closing: bool,
}

/// An utterance that is being spoken.
struct Open {
    item: String,
    samples: u64,
}

impl<'a> Session<'a> {
    /// A new one. `id` is a random text of few letters.
    pub(super) fn new(rules: Rules<'a>, id: &str, expires_at: u64, settings: Settings) -> Self {
        let mut session = Self {
            rules,
            id: id.to_owned(),
            expires_at,
            settings,
            resampler: ToSampleRate::new(SOURCE_RATE).ok(),
            turns: None,
            position: 0,
            open: None,
            items: 0,
            last: None,
            unheard: Vec::new(),
            culprit: None,
            is_closing: false,
        };
        session.listen();
        session
    }

    /// The first event.
    pub(super) fn created(&self) -> ServerEvent {
        ServerEvent::Created {
            session: self.shown(),
        }
    }

    pub(super) fn model_name(&self) -> &str {
        self.settings.model_name()
    }

    /// From now on no utterance begins.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    /// Whether somebody is speaking, or has not committed what he said.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether [`hear_on`](Self::hear_on) has more to hear.
    pub(super) fn has_unheard(&self) -> bool {
        !self.unheard.is_empty()
    }

    /// Takes a client's message. Audio is heard by [`hear_on`](Self::hear_on), before the next message.
    pub(super) fn receive(&mut self, text: &str) -> Vec<Output> {
        let (event_id, done) = match read(text) {
            Ok(Received { event_id, event }) => {
                let done = self.take(event, event_id.as_deref());
                (event_id, done)
            }
            Err(refused) => (refused.event_id, Err(refused.error)),
        };
        done.unwrap_or_else(|error| vec![refuse(event_id, error)])
    }

    fn take(&mut self, event: ClientEvent, event_id: Option<&str>) -> Result<Vec<Output>, Error> {
        match event {
            ClientEvent::Append(bytes) => {
                self.unheard = bytes;
                self.culprit = event_id.map(str::to_owned);
                Ok(Vec::new())
            }
            ClientEvent::Update(update) => {
                let Rules {
                    registry, claims, ..
                } = self.rules;
                let new = self.settings.with(*update, registry, claims)?;
                let listens_anew = new.detection != self.settings.detection;
                self.settings = new;
                let mut out = Vec::new();
                if listens_anew {
                    self.keep_rest(&mut out);
                    self.listen();
                }
                out.push(Output::Say(match self.settings.dialect() {
                    Dialect::Current => ServerEvent::Updated {
                        session: self.shown(),
                    },
                    Dialect::Older => ServerEvent::OlderUpdated {
                        session: self.shown(),
                    },
                }));
                Ok(out)
            }
            ClientEvent::Commit => self.commit(event_id),
            ClientEvent::Clear => {
                self.resampler = ToSampleRate::new(SOURCE_RATE).ok();
                if let Some(turns) = &mut self.turns {
                    turns.stop();
                }
                let discarded = self.open.take().map(|_| Output::Discard);
                let cleared = Output::Say(ServerEvent::Cleared {});
                Ok(discarded.into_iter().chain([cleared]).collect())
            }
        }
    }

    /// Hears the next part of the last append.
    pub(super) fn hear_on(&mut self) -> Vec<Output> {
        let bytes = SLICE_BYTES.min(self.unheard.len());
        let frames: Vec<f32> = self
            .unheard
            .drain(..bytes)
            .as_slice()
            .chunks_exact(2)
            .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0)
            .collect();
        let mut samples = Vec::new();
        let mut out = Vec::new();
        let Some(resampler) = &mut self.resampler else {
            return out;
        };
        let heard = match resampler.push(&frames, &mut samples) {
            Ok(()) => self.hear(samples, &mut out),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = heard {
            self.unheard.clear();
            out.push(refuse(self.culprit.take(), error));
        }
        out
    }

    fn hear(&mut self, samples: Vec<f32>, out: &mut Vec<Output>) -> Result<(), Error> {
        self.position += samples.len() as u64;
        let Some(turns) = &mut self.turns else {
            if samples.is_empty() || self.is_closing && self.open.is_none() {
                return Ok(());
            }
            if self.open.is_none() {
                self.begin(out);
            }
            return self.speak(samples, out);
        };
        for heard in turns.hear(&samples) {
            match heard {
                Heard::Began { at } if !self.is_closing => {
                    let item_id = self.next_item();
                    let audio_start_ms = ms(at);
                    out.push(Output::Say(ServerEvent::SpeechStarted {
                        audio_start_ms,
                        item_id,
                    }));
                    self.begin(out);
                }
                Heard::Speech(samples) if self.open.is_some() => {
                    if self.speak(samples, out).is_err() {
                        // He goes on: what comes is another utterance.
                        self.end_turn(self.position, out);
                        self.turns.as_mut().map(Turns::stop);
                    }
                }
                Heard::Ended { at } => self.end_turn(at, out),
                Heard::Began { .. } | Heard::Speech(_) => {}
            }
        }
        Ok(())
    }

    fn next_item(&self) -> String {
        format!("item_{}{:04x}", self.id, self.items + 1)
    }

    fn begin(&mut self, out: &mut Vec<Output>) {
        let item = self.next_item();
        self.items += 1;
        self.open = Some(Open {
            item: item.clone(),
            samples: 0,
        });
        out.push(Output::Begin {
            item,
            wanted: self.settings.wanted(self.rules.registry),
        });
    }

    /// More of the open utterance, up to the longest that one may be.
    fn speak(&mut self, samples: Vec<f32>, out: &mut Vec<Output>) -> Result<(), Error> {
        let limit = self.rules.longest;
        let most = limit.as_millis().saturating_mul(u128::from(SAMPLE_RATE)) / 1000;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let length = open.samples + samples.len() as u64;
        if u128::from(length) > most {
            return Err(Error::AudioTooLong { limit });
        }
        open.samples = length;
        if !samples.is_empty() {
            out.push(Output::Hear(samples));
        }
        Ok(())
    }

    fn end_turn(&mut self, at: u64, out: &mut Vec<Output>) {
        let Some(open) = &self.open else { return };
        out.push(Output::Say(ServerEvent::SpeechStopped {
            audio_end_ms: ms(at),
            item_id: open.item.clone(),
        }));
        self.end(out);
    }

    /// The client says that his utterance is complete.
    fn commit(&mut self, event_id: Option<&str>) -> Result<Vec<Output>, Error> {
        let mut out = Vec::new();
        let was_open = self.open.is_some();
        let mut samples = Vec::new();
        if let Some(resampler) = self.resampler.take() {
            resampler.finish(&mut samples)?;
        }
        self.resampler = ToSampleRate::new(SOURCE_RATE).ok();
        self.hear(samples, &mut out)?;
        let rest = self.turns.as_ref().map_or(0, Turns::unjudged);
        match &self.open {
            Some(open) if open.samples + rest as u64 >= SHORTEST => {
                self.keep_rest(&mut out);
                self.end(&mut out);
            }
            // What was left in the filter has ended it.
            None if was_open => {}
            _ => {
                let problem = "there are less than 100 ms of audio to commit".to_owned();
                let error = Error::InvalidEvent { problem };
                // What was heard stays heard.
                out.push(refuse(event_id.map(str::to_owned), error));
            }
        }
        Ok(out)
    }

    fn end(&mut self, out: &mut Vec<Output>) {
        let Some(Open { item, .. }) = self.open.take() else {
            return;
        };
        let previous_item_id = self.last.replace(item.clone());
        out.push(Output::Say(ServerEvent::Committed {
            previous_item_id: previous_item_id.clone(),
            item_id: item.clone(),
        }));
        let item = Item::new(item);
        match self.settings.dialect() {
            Dialect::Current => {
                out.push(Output::Say(ServerEvent::ItemAdded {
                    previous_item_id: previous_item_id.clone(),
                    item: item.clone(),
                }));
                out.push(Output::Say(ServerEvent::ItemDone {
                    previous_item_id,
                    item,
                }));
            }
            Dialect::Older => out.push(Output::Say(ServerEvent::ItemCreated {
                previous_item_id,
                item,
            })),
        }
        out.push(Output::End);
    }

    /// Whoever listens for turns starts over: what it has not judged yet belongs to the utterance.
    fn keep_rest(&mut self, out: &mut Vec<Output>) {
        let rest = self.turns.as_mut().map(Turns::stop).unwrap_or_default();
        // Less than a frame: where it is too long, it is left out.
        let _ = self.speak(rest, out);
    }

    fn listen(&mut self) {
        let (ear, position, is_open) = (self.rules.ear, self.position, self.open.is_some());
        let detection = self.settings.detection;
        self.turns = detection.map(|detection| Turns::new(ear(), detection, position, is_open));
    }

    fn shown(&self) -> serde_json::Value {
        self.settings
            .show(&format!("sess_{}", self.id), self.expires_at)
    }
}

fn ms(samples: u64) -> u64 {
    samples * 1000 / u64::from(SAMPLE_RATE)
}

fn refuse(event_id: Option<String>, error: Error) -> Output {
    Output::Say(Refused { event_id, error }.into())
}

#[cfg(test)]
pub(super) mod tests;

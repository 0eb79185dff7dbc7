//! Where in a stream of samples somebody begins and ends to speak: OpenAI's `server_vad`.

use std::collections::VecDeque;

use inference_audio::SAMPLE_RATE;
use inference_audio::chunks::{FRAME, Voice};

/// Frames in a row that must be speech before somebody counts as speaking: 48 ms, longer than a click.
const ONSET: usize = 3;
/// By how much the voice must fall below the threshold before it counts as silent: between the two it goes on.
const HYSTERESIS: f32 = 0.15;

/// What is taken for speech, and what for its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Detection {
    /// Probability of speech, 0 to 1.
    pub(super) threshold: f32,
    /// Audio before the beginning that belongs to it, in milliseconds.
    pub(super) prefix_padding_ms: u32,
    /// Silence that ends it, in milliseconds.
    pub(super) silence_duration_ms: u32,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 500,
        }
    }
}

/// What was heard.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// Somebody speaks, from there on, in samples from the session's start.
    Began { at: u64 },
    /// What he said, and the silence after it.
    Speech(Vec<f32>),
    /// He was silent for as long as it takes, up to there.
    Ended { at: u64 },
}

/// Listens.
pub(super) struct Turns<V> {
    voice: V,
    detection: Detection,
    /// Less than a frame that was not judged yet.
    rest: Vec<f32>,
    /// While nobody speaks: what would belong to the beginning.
    before: VecDeque<f32>,
    /// What was judged so far, in samples from the session's start.
    at: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody speaks; so many frames in a row were speech.
    Silent { loud: usize },
    /// Somebody speaks; since so many frames he does not.
    Speaking { quiet: usize },
}

fn frames(ms: u32) -> usize {
    let samples = u64::from(ms) * u64::from(SAMPLE_RATE) / 1000;
    usize::try_from(samples)
        .unwrap_or(usize::MAX)
        .div_ceil(FRAME)
}

impl<V: Voice> Turns<V> {
    /// From `at` on, in samples from the session's start; `speaking`: whether that is amid an utterance.
    pub(super) fn new(voice: V, detection: Detection, at: u64, speaking: bool) -> Self {
        Self {
            voice,
            detection,
            rest: Vec::with_capacity(FRAME),
            before: VecDeque::new(),
            at,
            state: if speaking {
                State::Speaking { quiet: 0 }
            } else {
                State::Silent { loud: 0 }
            },
        }
    }

    /// Takes the next samples, at 16 kHz.
    pub(super) fn hear(&mut self, mut samples: &[f32]) -> Vec<Heard> {
        let mut heard = Vec::new();
        while !samples.is_empty() {
            let wanted = FRAME - self.rest.len();
            let (now, later) = samples.split_at(wanted.min(samples.len()));
            self.rest.extend_from_slice(now);
            samples = later;
            if let Some(&frame) = self.rest.first_chunk::<FRAME>() {
                self.rest.clear();
                self.judge(&frame, &mut heard);
            }
        }
        heard
    }

    /// How many samples were not judged yet: less than a frame.
    pub(super) fn unjudged(&self) -> usize {
        self.rest.len()
    }

    /// The utterance was ended from outside; gives what was not judged yet.
    pub(super) fn stop(&mut self) -> Vec<f32> {
        self.state = State::Silent { loud: 0 };
        self.before.clear();
        self.at += self.rest.len() as u64;
        std::mem::take(&mut self.rest)
    }

    fn judge(&mut self, frame: &[f32; FRAME], heard: &mut Vec<Heard>) {
        let probability = self.voice.probability(frame);
        let is_speech = probability >= self.detection.threshold;
        self.at += FRAME as u64;
        match &mut self.state {
            State::Silent { loud } => {
                *loud = if is_speech { *loud + 1 } else { 0 };
                let has_begun = *loud >= ONSET;
                self.before.extend(frame);
                let kept = (frames(self.detection.prefix_padding_ms) + ONSET) * FRAME;
                let excess = self.before.len().saturating_sub(kept);
                self.before.drain(..excess);
                if has_begun {
                    let at = self.at - self.before.len() as u64;
                    heard.push(Heard::Began { at });
                    heard.push(Heard::Speech(self.before.drain(..).collect()));
                    self.state = State::Speaking { quiet: 0 };
                }
            }
            State::Speaking { quiet } => {
                let is_quiet = probability < self.detection.threshold - HYSTERESIS;
                *quiet = if is_speech {
                    0
                } else {
                    *quiet + usize::from(is_quiet || *quiet > 0)
                };
                let has_ended = *quiet >= frames(self.detection.silence_duration_ms).max(1);
                match heard.last_mut() {
                    Some(Heard::Speech(speech)) => speech.extend(frame),
                    _ => heard.push(Heard::Speech(frame.to_vec())),
                }
                if has_ended {
                    heard.push(Heard::Ended { at: self.at });
                    self.state = State::Silent { loud: 0 };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hears in each frame what its first sample says.
    struct Told;

    impl Voice for Told {
        fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
            frame[0]
        }
    }

    fn audio(stretches: &[(usize, f32)]) -> Vec<f32> {
        let stretch = |(frames, p): &(usize, f32)| vec![*p; frames * FRAME];
        stretches.iter().flat_map(stretch).collect()
    }

    /// Utterances by where they begin and how long they are, in frames.
    fn utterances(detection: Detection, audio: &[f32], piece: usize) -> Vec<(u64, u64, bool)> {
        let mut turns = Turns::new(Told, detection, 0, false);
        let mut found: Vec<(u64, u64, bool)> = Vec::new();
        for samples in audio.chunks(piece) {
            for heard in turns.hear(samples) {
                match heard {
                    Heard::Began { at } => found.push((at, 0, false)),
                    Heard::Speech(speech) => found.last_mut().unwrap().1 += speech.len() as u64,
                    Heard::Ended { at } => {
                        let last = found.last_mut().unwrap();
                        assert_eq!(last.0 + last.1, at);
                        last.2 = true;
                    }
                }
            }
        }
        let frame = FRAME as u64;
        found
            .into_iter()
            .map(|(at, length, over)| (at / frame, length / frame, over))
            .collect()
    }

    /// 160 ms before, 320 ms of silence: 10 and 20 frames.
    const SHORT: Detection = Detection {
        threshold: 0.5,
        prefix_padding_ms: 160,
        silence_duration_ms: 320,
    };

    #[test]
    fn an_utterance_has_its_padding_and_the_silence_that_ended_it() {
        let audio = audio(&[(50, 0.0), (30, 0.9), (60, 0.0)]);
        assert_eq!(utterances(SHORT, &audio, FRAME), [(40, 60, true)]);
    }

    #[test]
    fn a_pause_that_is_too_short_ends_nothing_and_two_long_ones_end_two() {
        let audio = audio(&[(30, 0.9), (19, 0.0), (30, 0.9), (40, 0.0), (5, 0.9)]);
        assert_eq!(
            utterances(SHORT, &audio, FRAME),
            [(0, 99, true), (109, 15, false)]
        );
    }

    #[test]
    fn a_click_is_no_speech_and_a_falling_voice_is_not_yet_silent() {
        assert_eq!(
            utterances(SHORT, &audio(&[(9, 0.1), (2, 1.0), (9, 0.1)]), FRAME),
            []
        );
        let falling = audio(&[(10, 0.9), (100, 0.4), (10, 0.0)]);
        assert_eq!(utterances(SHORT, &falling, FRAME), [(0, 120, false)]);
    }

    #[test]
    fn what_was_stopped_from_outside_begins_anew() {
        let mut turns = Turns::new(Told, SHORT, 0, true);
        let speech = audio(&[(10, 0.9)]);
        assert_eq!(
            turns.hear(&[&speech[..], &[0.9; 7]].concat()),
            [Heard::Speech(speech)]
        );
        assert_eq!(turns.stop(), [0.9; 7]);
        assert_eq!(turns.hear(&audio(&[(2, 0.9)])), []);
    }

    proptest! {
        #[test]
        fn how_audio_is_cut_into_messages_changes_nothing(
            stretches in prop::collection::vec((1_usize..60, 0.0_f32..1.0), 0..12),
            piece in 1_usize..4_000,
        ) {
            let audio = audio(&stretches);
            prop_assert_eq!(utterances(SHORT, &audio, piece), utterances(SHORT, &audio, FRAME));
        }
    }
}

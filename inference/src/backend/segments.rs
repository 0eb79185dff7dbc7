//! From what a model gives (tokens, times in hundredths of a second) to segments and words.

use std::time::Duration;

use inference_api::language::Language;
use inference_api::transcript::{Segment, TokenLogprob, Word};
use inference_audio::SAMPLE_RATE;

use super::DecodeOptions;
use super::quality::compression_ratio;

/// A finished transcript of one piece of audio.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The language given or detected.
    pub language: Language,
    /// How sure the model was of it, 0 to 1, where it had to find out.
    pub language_probability: Option<f64>,
    /// Segments in order, within the audio.
    pub segments: Vec<Segment>,
    /// Words with times, where asked for.
    pub words: Option<Vec<Word>>,
    /// Log-probabilities of the tokens, where asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// How long the audio is that it is of.
    pub audio: Duration,
    /// Whether the text was decoded a second time with the full window, because it looked wrong.
    pub fell_back: bool,
}

/// A token of the text as the model gave it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawToken {
    pub(super) id: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) logprob: f64,
    /// Start and end in hundredths of a second; negative where unknown.
    pub(super) times: (i64, i64),
}

/// A segment as the model gave it; times in hundredths of a second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawSegment {
    pub(super) times: (i64, i64),
    pub(super) no_speech_prob: f32,
    pub(super) tokens: Vec<RawToken>,
}

impl RawSegment {
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self
            .tokens
            .iter()
            .flat_map(|t| t.bytes.iter().copied())
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Mean log-probability of all tokens; 0 where there is none.
pub(super) fn avg_logprob<'a>(tokens: impl Iterator<Item = &'a RawToken>) -> f64 {
    let (sum, count) = tokens.fold((0.0, 0.0), |(sum, count), t| {
        (sum + t.logprob.max(LOWEST_LOGPROB), count + 1.0)
    });
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Stands for the logarithm of zero, which JSON can't say.
const LOWEST_LOGPROB: f64 = -100.0;

/// Orders, clamps and measures what the model gave for `samples` of audio.
pub(super) fn assemble(
    raw: &[RawSegment],
    samples: usize,
    language: Language,
    options: &DecodeOptions,
) -> Decoded {
    let duration = seconds_of(samples);
    Decoded {
        language,
        language_probability: None,
        segments: segments(raw, duration, f64::from(options.temperature)),
        words: options.words.then(|| words(raw, duration, language)),
        logprobs: options.logprobs.then(|| logprobs(raw)),
        audio: Duration::from_secs_f64(duration),
        fell_back: false,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sample counts are far below 2^52"
)]
pub(super) fn seconds_of(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^52")]
fn seconds(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

fn segments(raw: &[RawSegment], duration: f64, temperature: f64) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::with_capacity(raw.len());
    let mut previous_end = 0.0_f64;
    let mut window = Window::default();
    for segment in raw {
        let text = segment.text();
        let seek = window.of(segment);
        // Notes and dots alone are what the model makes of music and noise.
        if !text.contains(char::is_alphanumeric) {
            continue;
        }
        let start = seconds(segment.times.0).clamp(previous_end, duration.max(previous_end));
        let end = seconds(segment.times.1).clamp(start, duration.max(start));
        previous_end = end;
        out.push(Segment {
            id: u32::try_from(out.len()).unwrap_or(u32::MAX),
            seek,
            start: round(start, 100.0),
            end: round(end, 100.0),
            tokens: segment.tokens.iter().map(|t| t.id).collect(),
            temperature,
            avg_logprob: round(avg_logprob(segment.tokens.iter()), 1e6),
            compression_ratio: round(compression_ratio(&text), 1e6),
            no_speech_prob: round(f64::from(segment.no_speech_prob), 1e6),
            text,
        });
    }
    out
}

/// Rounds down to a multiple of `1 / per_unit`: a time never passes what it was clamped to.
fn round(value: f64, per_unit: f64) -> f64 {
    (value * per_unit + 1e-6).floor() / per_unit
}

/// whisper.cpp does not say in which window a segment was decoded, but all segments of a window
/// share its no-speech probability to the last bit.
#[derive(Default)]
struct Window {
    mark: Option<u32>,
    start: u32,
}

impl Window {
    fn of(&mut self, segment: &RawSegment) -> u32 {
        let mark = segment.no_speech_prob.to_bits();
        if self.mark != Some(mark) {
            if self.mark.is_some() {
                self.start = u32::try_from(segment.times.0).unwrap_or(0);
            }
            self.mark = Some(mark);
        }
        self.start
    }
}

fn words(raw: &[RawSegment], duration: f64, language: Language) -> Vec<Word> {
    // Languages written without spaces: a character counts as a word (openai/whisper,
    // `split_to_word_tokens`).
    let spaced = !matches!(
        language.code(),
        "zh" | "ja" | "th" | "lo" | "my" | "yue" | "km" | "bo"
    );
    let mut out: Vec<Word> = Vec::new();
    let mut previous_end = 0.0_f64;
    for segment in raw {
        let mut word = Unfinished::default();
        for token in &segment.tokens {
            let starts_word = if spaced {
                token.bytes.first() == Some(&b' ')
            } else {
                word.is_whole()
            };
            if starts_word {
                word.finish(duration, &mut previous_end, &mut out);
            }
            word.push(token, segment.times);
        }
        word.finish(duration, &mut previous_end, &mut out);
    }
    out
}

/// The tokens of a word so far.
#[derive(Default)]
struct Unfinished {
    bytes: Vec<u8>,
    times: Option<(i64, i64)>,
}

impl Unfinished {
    fn is_whole(&self) -> bool {
        std::str::from_utf8(&self.bytes).is_ok()
    }

    fn push(&mut self, token: &RawToken, segment: (i64, i64)) {
        self.bytes.extend_from_slice(&token.bytes);
        let (start, end) = if token.times.0 < 0 || token.times.1 < 0 {
            segment
        } else {
            token.times
        };
        let start = self.times.map_or(start, |(first, _)| first);
        self.times = Some((start, end));
    }

    fn finish(&mut self, duration: f64, previous_end: &mut f64, out: &mut Vec<Word>) {
        let Self { bytes, times } = std::mem::take(self);
        let Some((start, end)) = times else { return };
        let text = String::from_utf8_lossy(&bytes);
        let word = text.trim();
        if word.is_empty() {
            return;
        }
        // Punctuation alone belongs to the word before it.
        if !word.chars().any(char::is_alphanumeric)
            && let Some(last) = out.last_mut()
        {
            last.word.push_str(word);
            return;
        }
        let start = seconds(start).clamp(*previous_end, duration.max(*previous_end));
        let end = seconds(end).clamp(start, duration.max(start));
        *previous_end = end;
        out.push(Word {
            word: word.to_owned(),
            start: round(start, 100.0),
            end: round(end, 100.0),
        });
    }
}

fn logprobs(raw: &[RawSegment]) -> Vec<TokenLogprob> {
    raw.iter()
        .flat_map(|s| &s.tokens)
        .map(|t| TokenLogprob {
            token: String::from_utf8_lossy(&t.bytes).into_owned(),
            logprob: round(t.logprob.max(LOWEST_LOGPROB), 1e6),
            bytes: t.bytes.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use inference_api::transcript::Task;

    fn token(text: &[u8], times: (i64, i64)) -> RawToken {
        RawToken {
            id: 5,
            bytes: text.to_vec(),
            logprob: -0.5,
            times,
        }
    }

    fn raw(times: (i64, i64), no_speech_prob: f32, tokens: Vec<RawToken>) -> RawSegment {
        RawSegment {
            times,
            no_speech_prob,
            tokens,
        }
    }

    fn options() -> DecodeOptions {
        DecodeOptions {
            task: Task::Transcribe,
            language: None,
            prompt: None,
            hotwords: None,
            temperature: 0.0,
            words: true,
            logprobs: true,
        }
    }

    fn decode(raw: &[RawSegment], seconds: usize, language: &str) -> Decoded {
        assemble(
            raw,
            seconds * 16_000,
            Language::parse(language).unwrap(),
            &options(),
        )
    }

    #[test]
    fn segments_never_overlap_and_never_pass_the_audio() {
        let decoded = decode(
            &[
                raw((0, 700), 0.1, vec![token(b" one", (0, 700))]),
                raw((500, 400), 0.1, vec![token(b" two", (500, 400))]),
                raw((600, 3000), 0.2, vec![token(b" three", (600, 3000))]),
                raw((4000, 5000), 0.2, vec![token(b" four", (4000, 5000))]),
            ],
            10,
            "en",
        );
        let times: Vec<_> = decoded.segments.iter().map(|s| (s.start, s.end)).collect();
        assert_eq!(times, [(0.0, 7.0), (7.0, 7.0), (7.0, 10.0), (10.0, 10.0)]);
        let ids: Vec<_> = decoded.segments.iter().map(|s| (s.id, s.seek)).collect();
        assert_eq!(ids, [(0, 0), (1, 0), (2, 600), (3, 600)]);
        let words = decoded.words.unwrap();
        assert!(words.windows(2).all(|w| w[0].end <= w[1].start));
        assert!(words.iter().all(|w| w.start <= w.end && w.end <= 10.0));
    }

    #[test]
    fn an_empty_segment_is_left_out() {
        let decoded = decode(
            &[
                raw((0, 50), 0.1, vec![token(b" ", (0, 50))]),
                raw((50, 100), 0.1, vec![token(" ♪♪".as_bytes(), (50, 100))]),
                raw((100, 200), 0.1, vec![token(b" a", (100, 200))]),
            ],
            5,
            "en",
        );
        assert_eq!(decoded.segments.len(), 1);
        assert_eq!(decoded.segments[0].id, 0);
    }

    #[test]
    fn words_are_joined_from_tokens_with_their_punctuation() {
        let decoded = decode(
            &[raw(
                (0, 300),
                0.1,
                vec![
                    token(b" Am", (0, 50)),
                    token(b"ericans", (50, 120)),
                    token(b",", (120, 130)),
                    token(b" ask", (-1, -1)),
                    token(b" -", (200, 210)),
                    token(b" not", (210, 260)),
                ],
            )],
            5,
            "en",
        );
        let words: Vec<_> = decoded
            .words
            .unwrap()
            .into_iter()
            .map(|w| (w.word, w.start, w.end))
            .collect();
        assert_eq!(
            words,
            [
                ("Americans,".to_owned(), 0.0, 1.3),
                ("ask-".to_owned(), 1.3, 3.0),
                ("not".to_owned(), 3.0, 3.0)
            ]
        );
    }

    #[test]
    fn a_character_split_over_tokens_becomes_whole() {
        let decoded = decode(
            &[raw(
                (0, 300),
                0.1,
                vec![
                    token(&"日".as_bytes()[..2], (0, 50)),
                    token(&"日".as_bytes()[2..], (50, 100)),
                    token("本".as_bytes(), (100, 200)),
                ],
            )],
            5,
            "ja",
        );
        assert_eq!(decoded.segments[0].text, "日本");
        let words: Vec<_> = decoded.words.unwrap().into_iter().map(|w| w.word).collect();
        assert_eq!(words, ["日", "本"]);
        assert_eq!(decoded.logprobs.unwrap()[2].token, "本");
    }

    #[test]
    fn the_logarithm_of_zero_stays_a_number() {
        let mut t = token(b" a", (0, 10));
        t.logprob = f64::NEG_INFINITY;
        let decoded = decode(&[raw((0, 10), 0.1, vec![t])], 1, "en");
        assert!(decoded.segments[0].avg_logprob.is_finite());
        assert!(decoded.logprobs.unwrap()[0].logprob.is_finite());
    }
}

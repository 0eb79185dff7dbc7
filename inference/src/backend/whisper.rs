//! Whisper by whisper.cpp, through whisper-rs.
//!
//! What this module has to mind, beyond calling the library (whisper-rs 0.16, whisper.cpp 1.8.3):
//! - `FullParams::set_language` and `set_initial_prompt` leak: parameters are made once for each
//!   language and cloned; prompts are given as tokens.
//! - The safe abort callback is unsound; the raw one is used.
//! - An aborted run may end in an error or in a partial result: the flag decides.
//! - A state keeps the text context and the window size of its last run: every run clears the first
//!   and sets the second before anything reads it.
#![allow(
    unsafe_code,
    reason = "the callbacks of whisper.cpp are raw pointers; each use carries its argument"
)]

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use inference_api::language::{LANGUAGES, Language};
use inference_api::transcript::Task;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperState, WhisperSysContext, WhisperSysState, WhisperTokenId,
};

use super::quality::Quality;
use super::segments::{RawSegment, RawToken, assemble, avg_logprob};
use super::{Abilities, Abort, Backend, BackendError, DecodeOptions, Decoded, Session, Speech};
use super::{context, silence};

/// Prompts are cut to their last bytes before they are split into tokens: the model reads at most
/// its last 223 tokens.
const MAX_PROMPT_BYTES: usize = 4096;
/// Prompts are split into tokens piece by piece: whisper.cpp's splitter recurses once for each
/// character of a word and takes time with the square of its length.
const PROMPT_PIECE_BYTES: usize = 128;
/// whisper.cpp finds nothing in less than 100 ms; shorter clips are filled up with silence.
const MIN_SAMPLES: usize = 16_000 / 8;
/// What whisper.cpp returns after it has freed the state that was passed in.
const STATE_FREED: c_int = -7;

/// Parameters for each language in the order of [`LANGUAGES`], and last for detection. Made once:
/// `set_language` leaks the name it is given.
static TEMPLATES: LazyLock<Vec<FullParams<'static, 'static>>> = LazyLock::new(|| {
    LANGUAGES
        .iter()
        .map(|(code, _)| Some(*code))
        .chain([None])
        .map(template)
        .collect()
});

fn template(language: Option<&'static str>) -> FullParams<'static, 'static> {
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: BEST_OF });
    params.set_language(language);
    // The text of another caller on this state must not become this one's context.
    params.set_no_context(true);
    // As openai/whisper does (`suppress_tokens="-1"`): no "[BLANK_AUDIO]", no "(music)".
    params.set_suppress_nst(true);
    params.set_print_special(false);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    params
}

/// Candidates at temperatures above 0. openai/whisper takes 5; more than one makes whisper.cpp
/// replace the attention cache by a larger one amid a run, so that a state's memory is no longer known
/// beforehand, and costs a noisy clip several times its share.
const BEST_OF: c_int = 1;
/// Temperature of the last try at a doubtful clip. openai/whisper goes up to 1 in steps of 0.2; one try bounds what a
/// clip that is no speech may cost.
const WITH_CHANCE: f32 = 0.4;
/// Where the model guessed, and takes it for more likely that nobody speaks, nothing is said (openai/whisper,
/// `no_speech_threshold`).
const MIN_NO_SPEECH: f32 = 0.6;

/// How a model is run.
#[derive(Clone, Copy, Debug)]
pub struct WhisperSettings {
    /// Threads inside one session; 1 on a CPU, where more sessions serve better than more threads.
    pub threads: u16,
    /// Flash attention: faster on a GPU, slower on a CPU.
    pub flash_attention: bool,
    /// The GPU to run on, by its place among those that ggml sees; the CPU if none. One that is not there is the CPU
    /// as well: whisper.cpp says so in its log alone.
    pub gpu: Option<u16>,
    /// Whether the encoder's window is fitted to short clips. Must have been validated for a model.
    pub fit_context: bool,
}

/// A Whisper model, loaded once.
#[derive(Debug)]
pub struct Whisper {
    context: Arc<WhisperContext>,
    settings: WhisperSettings,
}

impl Whisper {
    /// Loads a ggml model file.
    pub fn load(path: &Path, settings: WhisperSettings) -> Result<Self, BackendError> {
        whisper_rs::install_logging_hooks();
        let mut parameters = WhisperContextParameters::new();
        parameters.flash_attn(settings.flash_attention);
        parameters.use_gpu(settings.gpu.is_some());
        parameters.gpu_device(settings.gpu.map_or(0, c_int::from));
        let context = WhisperContext::new_with_params(path, parameters)
            .map_err(|e| BackendError::Load(format!("{}: {e}", path.display())))?;
        Ok(Self {
            context: Arc::new(context),
            settings,
        })
    }
}

impl Backend for Whisper {
    fn abilities(&self) -> Abilities {
        Abilities::of_vocabulary(u32::try_from(self.context.model_n_vocab()).unwrap_or_default())
    }

    fn session(&self) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(WhisperSession {
            state: Some(create_state(&self.context)?),
            context: Arc::clone(&self.context),
            settings: self.settings,
        }))
    }
}

fn create_state(context: &WhisperContext) -> Result<WhisperState, BackendError> {
    context
        .create_state()
        .map_err(|e| BackendError::Load(e.to_string()))
}

/// A whisper.cpp state.
struct WhisperSession {
    /// Empty only after whisper.cpp has freed it.
    state: Option<WhisperState>,
    context: Arc<WhisperContext>,
    settings: WhisperSettings,
}

impl Session for WhisperSession {
    fn transcribe(
        &mut self,
        speech: Speech<'_>,
        options: &DecodeOptions,
        abort: &Abort,
    ) -> Result<Decoded, BackendError> {
        let Speech { samples, is_whole } = speech;
        if abort.is_aborted() {
            return Err(BackendError::Aborted);
        }
        if silence::is_silent(samples) {
            let language = options.language.unwrap_or(Language::ENGLISH);
            return Ok(assemble(&[], samples.len(), language, options));
        }
        let padded;
        let audio = if samples.len() < MIN_SAMPLES {
            padded = [samples, &vec![0.0; MIN_SAMPLES - samples.len()]].concat();
            &padded
        } else {
            samples
        };
        let window = if self.settings.fit_context {
            context::fitted(audio.len(), is_whole)
        } else {
            context::FULL
        };
        let tries = tries(window, options.temperature);
        let mut best: Option<(Quality, f32, Vec<RawSegment>)> = None;
        let mut fell_back = false;
        for (window, temperature) in tries {
            fell_back = best.is_some();
            let raw = self.run(audio, options, window, temperature, abort)?;
            let quality = quality_of(&raw);
            if best.as_ref().is_none_or(|(of_best, ..)| quality > *of_best) {
                best = Some((quality, temperature, raw));
            }
            if !quality.is_doubtful() {
                break;
            }
        }
        let (quality, temperature, mut raw) =
            best.ok_or_else(|| BackendError::Failed("no run".into()))?;
        if quality.is_guess() && raw.iter().all(|s| s.no_speech_prob > MIN_NO_SPEECH) {
            raw.clear();
        }
        let options = DecodeOptions {
            temperature,
            ..options.clone()
        };
        let mut decoded = assemble(&raw, samples.len(), self.language(&options), &options);
        decoded.fell_back = fell_back;
        Ok(decoded)
    }
}

/// In which windows and at which temperatures a clip is heard, until a text is not doubtful: the fitted window, the
/// full one, and then with chance, which leads out of a circle. Whoever asks for a temperature gets that one.
///
/// whisper.cpp's own fallback ends with whatever the last temperature gives, which may be invented; here the best of
/// all tries is taken.
fn tries(window: u16, temperature: f32) -> Vec<(u16, f32)> {
    let mut tries = vec![(window, temperature)];
    if window < context::FULL {
        tries.push((context::FULL, temperature));
    }
    if temperature == 0.0 {
        tries.push((context::FULL, WITH_CHANCE));
    }
    tries
}

fn quality_of(raw: &[RawSegment]) -> Quality {
    let text: String = raw.iter().map(RawSegment::text).collect();
    Quality::of(&text, avg_logprob(raw.iter().flat_map(|s| &s.tokens)))
}

impl WhisperSession {
    /// One run of the model over the whole clip.
    fn run(
        &mut self,
        audio: &[f32],
        options: &DecodeOptions,
        window: u16,
        temperature: f32,
        abort: &Abort,
    ) -> Result<Vec<RawSegment>, BackendError> {
        if options.language.is_none() && self.context.is_multilingual() {
            self.set_window(audio, window)?;
        }
        let prompt = self.prompt_tokens(options.prompt.as_deref());
        let mut params = self.params(options, window, temperature);
        params.set_tokens(&prompt);
        let flag: *const std::sync::atomic::AtomicBool = abort.flag();
        // SAFETY: both callbacks only read the flag behind the pointer. `abort` is borrowed for the
        // whole of this function, `full` keeps no pointer after it returns, and `params` is consumed
        // by it. An atomic may be read from any thread, should ggml ask on one of its own.
        unsafe {
            params.set_abort_callback(Some(abort_requested));
            params.set_abort_callback_user_data(flag.cast_mut().cast());
            params.set_start_encoder_callback(Some(may_encode));
            params.set_start_encoder_callback_user_data(flag.cast_mut().cast());
        }
        let result = self.state()?.full(params, audio);
        if abort.is_aborted() {
            self.check(result).ok();
            return Err(BackendError::Aborted);
        }
        self.check(result)?;
        self.collect()
    }

    /// Sets the window that language detection encodes. whisper.cpp keeps that of the run before,
    /// another caller's, until it starts on the text; a run over exactly 100 ms sets it and stops.
    fn set_window(&mut self, audio: &[f32], window: u16) -> Result<(), BackendError> {
        let mut params = TEMPLATES[Language::ENGLISH.index()].clone();
        params.set_n_threads(c_int::from(self.settings.threads));
        params.set_audio_ctx(c_int::from(window));
        params.set_duration_ms(100);
        let result = self.state()?.full(params, &audio[..MIN_SAMPLES]);
        self.check(result)
    }

    fn params(
        &self,
        options: &DecodeOptions,
        window: u16,
        temperature: f32,
    ) -> FullParams<'static, 'static> {
        let language = if self.context.is_multilingual() {
            options.language
        } else {
            Some(Language::ENGLISH)
        };
        let index = language.map_or(LANGUAGES.len(), Language::index);
        let mut params = TEMPLATES[index].clone();
        params.set_n_threads(c_int::from(self.settings.threads));
        params.set_translate(options.task == Task::Translate);
        params.set_audio_ctx(c_int::from(window));
        params.set_token_timestamps(options.words);
        params.set_temperature(temperature);
        params.set_temperature_inc(0.0);
        params
    }

    fn prompt_tokens(&self, prompt: Option<&str>) -> Vec<WhisperTokenId> {
        let Some(prompt) = prompt else {
            return Vec::new();
        };
        let text: String = last_bytes(prompt, MAX_PROMPT_BYTES).replace('\0', " ");
        pieces(&text, PROMPT_PIECE_BYTES)
            .into_iter()
            // No text has more tokens than bytes; with too small a bound the call is undefined.
            .filter_map(|piece| self.context.tokenize(piece, piece.len() + 1).ok())
            .flatten()
            .collect()
    }

    fn state(&mut self) -> Result<&mut WhisperState, BackendError> {
        self.state
            .as_mut()
            .ok_or_else(|| BackendError::SessionLost("whisper.cpp freed the state".into()))
    }

    fn check(&mut self, result: Result<(), WhisperError>) -> Result<(), BackendError> {
        match result {
            Ok(()) => Ok(()),
            Err(WhisperError::GenericError(STATE_FREED)) => {
                // whisper.cpp has freed the state: dropping it would free it a second time.
                std::mem::forget(self.state.take());
                Err(BackendError::SessionLost(
                    "no memory for the attention cache".into(),
                ))
            }
            Err(error) => Err(BackendError::Failed(error.to_string())),
        }
    }

    fn collect(&mut self) -> Result<Vec<RawSegment>, BackendError> {
        let end_of_text = self.context.token_eot();
        let segments = self.state()?.as_iter().map(|segment| {
            let tokens = (0..segment.n_tokens())
                .filter_map(|i| segment.get_token(i))
                .filter(|token| token.token_id() < end_of_text)
                .filter_map(|token| {
                    let data = token.token_data();
                    Some(RawToken {
                        id: u32::try_from(data.id).ok()?,
                        bytes: token.to_bytes().ok()?.to_vec(),
                        logprob: f64::from(data.plog),
                        times: (data.t0, data.t1),
                    })
                })
                .collect();
            RawSegment {
                times: (segment.start_timestamp(), segment.end_timestamp()),
                no_speech_prob: segment.no_speech_probability(),
                tokens,
            }
        });
        Ok(segments.collect())
    }

    /// The language of the last run: the one asked for, or the one the model found.
    fn language(&self, options: &DecodeOptions) -> Language {
        if !self.context.is_multilingual() {
            return Language::ENGLISH;
        }
        options.language.unwrap_or_else(|| {
            self.state
                .as_ref()
                .map(WhisperState::full_lang_id_from_state)
                .and_then(|id| usize::try_from(id).ok())
                .and_then(Language::from_index)
                .unwrap_or(Language::ENGLISH)
        })
    }
}

/// The end of `text`, at most `bytes` long, from a character's start.
fn last_bytes(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// `text` in pieces of at most `bytes`, which is no less than a character's four. Cut before a space
/// where there is one, as whisper.cpp's splitter would.
fn pieces(text: &str, bytes: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > bytes {
        let mut end = bytes;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let cut = rest[..end].rfind(' ').filter(|cut| *cut > 0).unwrap_or(end);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// Asked by whisper.cpp after each encoder and decoder step: whether to stop.
unsafe extern "C" fn abort_requested(flag: *mut c_void) -> bool {
    // SAFETY: `run` passes a pointer to an `AtomicBool` that outlives the call of `full`.
    let flag = unsafe { &*flag.cast::<std::sync::atomic::AtomicBool>() };
    flag.load(std::sync::atomic::Ordering::Acquire)
}

/// Asked by whisper.cpp before each window: whether to go on.
unsafe extern "C" fn may_encode(
    _: *mut WhisperSysContext,
    _: *mut WhisperSysState,
    flag: *mut c_void,
) -> bool {
    // SAFETY: as for `abort_requested`.
    unsafe { !abort_requested(flag) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_keeps_its_end_in_whole_characters() {
        assert_eq!(last_bytes("abc", 10), "abc");
        assert_eq!(last_bytes("abc", 2), "bc");
        assert_eq!(last_bytes("aéé", 3), "é");
        assert_eq!(last_bytes("é", 0), "");
    }

    #[test]
    fn a_prompt_is_cut_before_spaces_and_within_endless_words() {
        assert_eq!(pieces("one two three", 8), ["one two", " three"]);
        assert_eq!(pieces("short", 8), ["short"]);
        assert_eq!(pieces("", 8), [""]);
        assert_eq!(pieces("aaaaaaaaaa b", 4), ["aaaa", "aaaa", "aa b"]);
        assert_eq!(pieces("ééé", 4), ["éé", "é"]);
        let text = " x".repeat(5000);
        assert!(pieces(&text, 128).iter().all(|p| p.len() <= 128));
        assert_eq!(pieces(&text, 128).concat(), text);
    }
}

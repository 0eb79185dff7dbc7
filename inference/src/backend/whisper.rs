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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use inference_api::language::{LANGUAGES, Language};
use inference_api::transcript::Task;
use whisper_rs::whisper_rs_sys::whisper_set_mel_with_state;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperState, WhisperSysContext, WhisperSysState,
};

use super::quality::Quality;
use super::segments::{RawSegment, RawToken, assemble, avg_logprob};
use super::spectrogram::{Spectrogram, SpectrogramMaker};
use super::{Abilities, Abort, Backend, BackendError, DecodeOptions, Decoded, Session, Speech};
use super::{context, prompt, silence, spectrogram};

/// whisper.cpp finds nothing in less than 100 ms; shorter clips are filled up with silence.
const MIN_SAMPLES: usize = 16_000 / 8;
/// What whisper.cpp returns after it has freed the state that was passed in.
const STATE_FREED: c_int = -7;

/// Parameters for each language in the order of [`LANGUAGES`]. Made once: `set_language` leaks the name it is given.
static TEMPLATES: LazyLock<Vec<FullParams<'static, 'static>>> =
    LazyLock::new(|| LANGUAGES.iter().map(|(code, _)| template(code)).collect());

fn template(language: &'static str) -> FullParams<'static, 'static> {
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: BEST_OF });
    params.set_language(Some(language));
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
pub struct Whisper {
    context: Arc<WhisperContext>,
    settings: WhisperSettings,
    spectrograms: Arc<SpectrogramMaker>,
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
        let bands = u32::try_from(context.model_n_mels())
            .map_err(|e| BackendError::Load(format!("mel bands: {e}")))?;
        Ok(Self {
            context: Arc::new(context),
            settings,
            spectrograms: Arc::new(SpectrogramMaker::new(bands)),
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
            spectrograms: Arc::clone(&self.spectrograms),
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
    spectrograms: Arc<SpectrogramMaker>,
}

impl Session for WhisperSession {
    fn transcribe(
        &mut self,
        speech: Speech<'_>,
        options: &DecodeOptions,
        abort: &Abort,
    ) -> Result<Decoded, BackendError> {
        let Speech {
            samples,
            spoken,
            is_whole,
        } = speech;
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
        let windows = if self.settings.fit_context {
            context::windows(audio.len(), is_whole)
        } else {
            [context::FULL; 2]
        };
        let detected = self.detect(audio, options, windows[0])?;
        if abort.is_aborted() {
            return Err(BackendError::Aborted);
        }
        let language = detected.map_or_else(
            || options.language.unwrap_or(Language::ENGLISH),
            |found| found.language,
        );
        // Silence after it, as far as the model may look.
        let frames = spectrogram::frames_of(audio.len()) + 2 * usize::from(context::FULL);
        let heard = Heard {
            audio,
            // Less than 100 ms whisper.cpp takes for nothing.
            spoken: spoken.clamp(MIN_SAMPLES, audio.len()),
            spectrogram: &self.spectrograms.of(audio, frames),
            language,
        };
        let tries = tries(windows, options.temperature);
        let mut best: Option<(Quality, f32, Vec<RawSegment>)> = None;
        let mut fell_back = false;
        for (window, temperature) in tries {
            fell_back = best.is_some();
            let raw = self.run(&heard, options, window, temperature, abort)?;
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
        let mut decoded = assemble(&raw, samples.len(), language, &options);
        decoded.fell_back = fell_back;
        decoded.language_probability = detected.map(|found| found.probability);
        Ok(decoded)
    }
}

/// In which windows and at which temperatures a clip is heard, until a text is not doubtful: at last with chance, which
/// leads out of a circle. Whoever asks for a temperature gets that one.
///
/// whisper.cpp's own fallback ends with whatever the last temperature gives, which may be invented; here the best of
/// all tries is taken.
fn tries([first, second]: [u16; 2], temperature: f32) -> Vec<(u16, f32)> {
    let mut tries = vec![(first, temperature)];
    if second != first {
        tries.push((second, temperature));
    }
    if temperature == 0.0 {
        tries.push((second, WITH_CHANCE));
    }
    tries
}

fn quality_of(raw: &[RawSegment]) -> Quality {
    let text: String = raw.iter().map(RawSegment::text).collect();
    Quality::of(&text, avg_logprob(raw.iter().flat_map(|s| &s.tokens)))
}

/// What one run of the model goes by.
struct Heard<'a> {
    /// At least [`MIN_SAMPLES`].
    audio: &'a [f32],
    /// Of `audio`, until nobody speaks any more. A model that goes on after it repeats itself.
    spoken: usize,
    spectrogram: &'a Spectrogram,
    language: Language,
}

/// The language the model found.
#[derive(Clone, Copy)]
struct Found {
    language: Language,
    /// 0 to 1, among all languages it knows.
    probability: f64,
}

impl WhisperSession {
    /// One run of the model over the whole clip.
    fn run(
        &mut self,
        heard: &Heard<'_>,
        options: &DecodeOptions,
        window: u16,
        temperature: f32,
        abort: &Abort,
    ) -> Result<Vec<RawSegment>, BackendError> {
        let (hotwords, prompt) = (options.hotwords.as_deref(), options.prompt.as_deref());
        let prompt = prompt::tokens(&self.context, hotwords, prompt);
        let mut params = self.params(heard, options, window, temperature);
        params.set_tokens(&prompt);
        let hooks = Hooks {
            abort: abort.flag(),
            spectrogram: heard.spectrogram,
        };
        let hooks: *const Hooks<'_> = &raw const hooks;
        // SAFETY: the callbacks only read the hooks behind the pointer. They live as long as this function, `full`
        // keeps no pointer after it returns, and `params` is consumed by it. The flag among them is atomic and the
        // rest is never written, should ggml ask on a thread of its own.
        unsafe {
            params.set_abort_callback(Some(abort_requested));
            params.set_abort_callback_user_data(hooks.cast_mut().cast());
            params.set_start_encoder_callback(Some(begin_to_encode));
            params.set_start_encoder_callback_user_data(hooks.cast_mut().cast());
        }
        // The model hears the spectrogram. Of the samples whisper.cpp would make one itself; else it wants them for the
        // times of words only.
        let samples = if options.words {
            heard.audio
        } else {
            &heard.audio[..MIN_SAMPLES]
        };
        let result = self.state()?.full(params, samples);
        if abort.is_aborted() {
            self.check(result).ok();
            return Err(BackendError::Aborted);
        }
        self.check(result)?;
        self.collect()
    }

    /// Finds out which language is spoken, unless it is known. Costs one more run of the encoder.
    fn detect(
        &mut self,
        audio: &[f32],
        options: &DecodeOptions,
        window: u16,
    ) -> Result<Option<Found>, BackendError> {
        if options.language.is_some() || !self.context.is_multilingual() {
            return Ok(None);
        }
        self.set_window(audio, window)?;
        let threads = usize::from(self.settings.threads);
        let state = self.state()?;
        let found = state
            .pcm_to_mel(audio, threads)
            .and_then(|()| state.lang_detect(0, threads));
        let (id, probabilities) = match found {
            Ok(found) => found,
            Err(error) => return Err(BackendError::Failed(error.to_string())),
        };
        let index = usize::try_from(id).ok();
        Ok(index.and_then(|index| {
            Some(Found {
                language: Language::from_index(index)?,
                probability: f64::from(*probabilities.get(index)?),
            })
        }))
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
        heard: &Heard<'_>,
        options: &DecodeOptions,
        window: u16,
        temperature: f32,
    ) -> FullParams<'static, 'static> {
        let mut params = TEMPLATES[heard.language.index()].clone();
        params.set_n_threads(c_int::from(self.settings.threads));
        params.set_translate(options.task == Task::Translate);
        params.set_audio_ctx(c_int::from(window));
        params.set_duration_ms(spectrogram::milliseconds_of(heard.spoken));
        params.set_token_timestamps(options.words);
        params.set_temperature(temperature);
        params.set_temperature_inc(0.0);
        params
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
}

/// What the callbacks of a run read.
struct Hooks<'a> {
    abort: &'a AtomicBool,
    spectrogram: &'a Spectrogram,
}

/// Asked by whisper.cpp after each encoder and decoder step: whether to stop.
unsafe extern "C" fn abort_requested(hooks: *mut c_void) -> bool {
    // SAFETY: `run` passes a pointer to `Hooks` that outlive the call of `full`.
    let hooks = unsafe { &*hooks.cast::<Hooks<'_>>() };
    hooks.abort.load(Ordering::Acquire)
}

/// Asked by whisper.cpp before each window: whether to go on. What it hears then is our spectrogram.
unsafe extern "C" fn begin_to_encode(
    context: *mut WhisperSysContext,
    state: *mut WhisperSysState,
    hooks: *mut c_void,
) -> bool {
    // SAFETY: as for `abort_requested`.
    let hooks = unsafe { &*hooks.cast::<Hooks<'_>>() };
    let Spectrogram {
        values,
        bands,
        frames,
    } = hooks.spectrogram;
    let (Ok(bands), Ok(frames)) = (c_int::try_from(*bands), c_int::try_from(*frames)) else {
        return false;
    };
    // SAFETY: whisper.cpp calls this on the thread of `full`, with its own context and state, at a place where it holds
    // no pointer into the spectrogram of the state (whisper.cpp 1.8.3, `whisper_full_with_state`); it copies `bands`
    // times `frames` values, which is how many there are.
    let set = unsafe { whisper_set_mel_with_state(context, state, values.as_ptr(), frames, bands) };
    set == 0 && !hooks.abort.load(Ordering::Acquire)
}

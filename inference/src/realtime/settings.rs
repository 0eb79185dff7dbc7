//! What a client may set of its session: each value checked, all of an update or none.

use inference_api::claims::Claims;
use inference_api::language::Language;
use inference_api::transcript::Task;
use serde_json::{Value, json};

use super::protocol::{
    Dialect, Format, Input, NoiseReduction, Transcription, TurnDetection, Update,
};
use super::turns::Detection;
use crate::backend::DecodeOptions;
use crate::error::Error;
use crate::form::{MAX_MODEL_BYTES, MAX_PROMPT_BYTES, language_of};
use crate::queue::Wanted;
use crate::registry::{Model, Registry};

/// What comes in, in frames a second.
pub(super) const SOURCE_RATE: u32 = 24_000;
/// Most audio before an utterance, and longest silence after it, in milliseconds.
const MAX_PREFIX_MS: u32 = 5_000;
const MAX_SILENCE_MS: u32 = 10_000;
/// What a client may ask to have included.
const LOGPROBS: &str = "item.input_audio_transcription.logprobs";

/// How a session transcribes.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    dialect: Dialect,
    /// As the client wrote it.
    model_name: String,
    model: Model,
    language: Option<Language>,
    prompt: Option<String>,
    /// None: the client says itself what an utterance is.
    pub(super) detection: Option<Detection>,
    /// Repeated; what is heard is not changed.
    noise_reduction: Option<NoiseReduction>,
    logprobs: bool,
}

fn invalid(param: &'static str, problem: impl Into<String>) -> Error {
    Error::InvalidValue {
        param,
        problem: problem.into(),
    }
}

/// The model a caller means, if there is one and he may use it.
fn choose(name: &str, registry: &Registry, claims: &Claims) -> Result<Model, Error> {
    if name.len() > MAX_MODEL_BYTES {
        return Err(invalid(
            "model",
            format!("it is longer than {MAX_MODEL_BYTES} bytes"),
        ));
    }
    registry.choose(name, claims)
}

impl Settings {
    /// Of a new session, for this model, or for the first that the caller may use.
    pub(crate) fn new(
        model: Option<&str>,
        registry: &Registry,
        claims: &Claims,
    ) -> Result<Self, Error> {
        let (name, model) = if let Some(name) = model {
            (name.to_owned(), choose(name, registry, claims)?)
        } else {
            let first = registry.first_for(claims)?;
            (first.id().to_owned(), first)
        };
        Ok(Self {
            dialect: Dialect::default(),
            model_name: name,
            model,
            language: None,
            prompt: None,
            detection: Some(Detection::default()),
            noise_reduction: None,
            logprobs: false,
        })
    }

    /// The model, for the log.
    pub(crate) fn model_name(&self) -> &str {
        &self.model_name
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// These settings with what the update changes.
    pub(super) fn with(
        &self,
        mut update: Update,
        registry: &Registry,
        claims: &Claims,
    ) -> Result<Self, Error> {
        let mut new = self.clone();
        new.dialect = update.dialect;
        if update.kind.is_some_and(|kind| kind != "transcription") {
            return Err(invalid("session.type", "it must be 'transcription'"));
        }
        if let Some(format) = &update.input.format {
            check_format(format, update.dialect)?;
        }
        if let Some(transcription) = update.input.transcription.take() {
            new.transcribe(transcription, registry, claims)?;
        }
        let Input {
            turn_detection,
            noise_reduction,
            ..
        } = update.input;
        turn_detection.apply(&mut new.detection, check_detection)?;
        noise_reduction.apply(&mut new.noise_reduction, check_noise_reduction)?;
        if let Some(include) = update.include {
            if include.iter().any(|wanted| wanted != LOGPROBS) {
                return Err(invalid("include", format!("it may hold '{LOGPROBS}' only")));
            }
            new.logprobs = !include.is_empty();
        }
        Ok(new)
    }

    fn transcribe(
        &mut self,
        transcription: Transcription,
        registry: &Registry,
        claims: &Claims,
    ) -> Result<(), Error> {
        if let Some(name) = transcription.model {
            self.model = choose(&name, registry, claims)?;
            self.model_name = name;
        }
        let model = &self.model;
        if let Some(text) = transcription.language {
            let is_set = !text.is_empty();
            self.language = is_set.then(|| language_of(&text, model)).transpose()?;
        } else if let Some(language) = self.language {
            // It may be another model by now.
            language_of(language.code(), model)?;
        }
        if let Some(prompt) = transcription.prompt {
            if prompt.len() > MAX_PROMPT_BYTES {
                let problem = format!("it is longer than {MAX_PROMPT_BYTES} bytes");
                return Err(invalid("prompt", problem));
            }
            self.prompt = Some(prompt).filter(|p| !p.trim().is_empty());
        }
        Ok(())
    }

    /// What is wanted of an utterance's audio.
    pub(super) fn wanted(&self, registry: &Registry) -> Wanted {
        Wanted {
            model: registry.hold(&self.model),
            finds_language: self.language.is_none() && self.model.abilities().is_multilingual(),
            carries_text: false,
            options: DecodeOptions {
                task: Task::Transcribe,
                language: self.language,
                prompt: self.prompt.clone(),
                hotwords: None,
                temperature: 0.0,
                words: false,
                logprobs: self.logprobs,
            },
        }
    }

    /// As a client is shown it; `expires_at` in unix seconds.
    pub(super) fn show(&self, id: &str, expires_at: u64) -> Value {
        let language = self.language.map(Language::code);
        let transcription = json!({
            "model": self.model_name, "language": language, "prompt": self.prompt,
        });
        let detection = self.detection.map(|detection| {
            json!({
                "type": "server_vad",
                "threshold": detection.threshold,
                "prefix_padding_ms": detection.prefix_padding_ms,
                "silence_duration_ms": detection.silence_duration_ms,
            })
        });
        let include = if self.logprobs {
            vec![LOGPROBS]
        } else {
            Vec::new()
        };
        let object = "realtime.transcription_session";
        match self.dialect {
            Dialect::Current => json!({
                "id": id, "object": object, "type": "transcription", "expires_at": expires_at,
                "audio": {"input": {
                    "format": {"type": "audio/pcm", "rate": SOURCE_RATE},
                    "transcription": transcription,
                    "turn_detection": detection,
                    "noise_reduction": self.noise_reduction,
                }},
                "include": include,
            }),
            Dialect::Older => json!({
                "id": id, "object": object, "expires_at": expires_at,
                "input_audio_format": "pcm16",
                "input_audio_transcription": transcription,
                "turn_detection": detection,
                "input_audio_noise_reduction": self.noise_reduction,
                "include": include,
            }),
        }
    }
}

fn check_format(format: &Format, dialect: Dialect) -> Result<(), Error> {
    let (param, kind) = match dialect {
        Dialect::Current => ("session.audio.input.format", "audio/pcm"),
        Dialect::Older => ("session.input_audio_format", "pcm16"),
    };
    if format.r#type == kind && format.rate.is_none_or(|rate| rate == SOURCE_RATE) {
        return Ok(());
    }
    Err(invalid(
        param,
        format!("it must be '{kind}', mono, at {SOURCE_RATE} Hz"),
    ))
}

fn check_detection(detection: TurnDetection) -> Result<Detection, Error> {
    let wrong = |problem: String| invalid("turn_detection", problem);
    if detection.r#type.is_some_and(|kind| kind != "server_vad") {
        return Err(wrong("its type must be 'server_vad'".to_owned()));
    }
    let default = Detection::default();
    let checked = Detection {
        threshold: detection.threshold.unwrap_or(default.threshold),
        prefix_padding_ms: detection
            .prefix_padding_ms
            .unwrap_or(default.prefix_padding_ms),
        silence_duration_ms: detection
            .silence_duration_ms
            .unwrap_or(default.silence_duration_ms),
    };
    if !(0.0..=1.0).contains(&checked.threshold) {
        return Err(wrong("its threshold must be from 0 to 1".to_owned()));
    }
    if checked.prefix_padding_ms > MAX_PREFIX_MS || checked.silence_duration_ms > MAX_SILENCE_MS {
        return Err(wrong(format!(
            "its prefix_padding_ms may be {MAX_PREFIX_MS} at most, its silence_duration_ms {MAX_SILENCE_MS}"
        )));
    }
    Ok(checked)
}

fn check_noise_reduction(reduction: NoiseReduction) -> Result<NoiseReduction, Error> {
    match reduction.r#type.as_str() {
        "near_field" | "far_field" => Ok(reduction),
        _ => Err(invalid(
            "noise_reduction",
            "its type must be 'near_field' or 'far_field'",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{ClientEvent, read};
    use super::super::session::tests::{claims, registry};
    use super::*;

    fn update(session: &Value) -> Update {
        let event = json!({"type": "session.update", "session": session}).to_string();
        match read(&event).unwrap().event {
            ClientEvent::Update(update) => *update,
            other => panic!("{other:?}"),
        }
    }

    fn set(session: &Value) -> Result<Settings, Error> {
        let claims = claims(&["*"]);
        let settings = Settings::new(None, &registry(), &claims)?;
        settings.with(update(session), &registry(), &claims)
    }

    #[test]
    fn a_session_is_shown_as_it_was_set() {
        let input = json!({
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "whisper-1", "language": "en", "prompt": "Names."},
            "turn_detection": {
                "type": "server_vad", "threshold": 0.25, "prefix_padding_ms": 100, "silence_duration_ms": 700,
            },
            "noise_reduction": {"type": "far_field"},
        });
        let session =
            json!({"type": "transcription", "audio": {"input": input}, "include": [LOGPROBS]});
        let settings = set(&session).unwrap();
        let shown = settings.show("sess_1", 7);
        assert_eq!(shown["audio"]["input"], input);
        assert_eq!(shown["include"], session["include"]);
        assert_eq!(
            (&shown["id"], &shown["expires_at"]),
            (&json!("sess_1"), &json!(7))
        );
        let wanted = settings.wanted(&registry());
        assert!(wanted.options.logprobs && !wanted.finds_language);
        assert_eq!(wanted.options.prompt.as_deref(), Some("Names."));
        let off = set(&json!({"audio": {"input": {"turn_detection": null}}})).unwrap();
        assert_eq!(off.detection, None);
    }

    #[test]
    fn a_wrong_value_is_refused_by_name() {
        let input = |input: Value| json!({"audio": {"input": input}});
        for (session, code, param) in [
            (json!({"type": "realtime"}), "invalid_value", "session.type"),
            (
                json!({"include": ["everything"]}),
                "invalid_value",
                "include",
            ),
            (
                input(json!({"format": {"type": "audio/pcmu"}})),
                "invalid_value",
                "session.audio.input.format",
            ),
            (
                input(json!({"format": {"type": "audio/pcm", "rate": 16_000}})),
                "invalid_value",
                "session.audio.input.format",
            ),
            (
                input(json!({"transcription": {"model": "gpt-5"}})),
                "model_not_found",
                "model",
            ),
            (
                input(json!({"transcription": {"model": "m".repeat(200)}})),
                "invalid_value",
                "model",
            ),
            (
                input(json!({"transcription": {"language": "tlh"}})),
                "invalid_value",
                "language",
            ),
            (
                input(json!({"transcription": {"language": "de"}})),
                "invalid_value",
                "language",
            ),
            (
                input(json!({"transcription": {"prompt": "p".repeat(20_000)}})),
                "invalid_value",
                "prompt",
            ),
            (
                input(json!({"turn_detection": {"type": "semantic_vad"}})),
                "invalid_value",
                "turn_detection",
            ),
            (
                input(json!({"turn_detection": {"threshold": 1.5}})),
                "invalid_value",
                "turn_detection",
            ),
            (
                input(json!({"turn_detection": {"prefix_padding_ms": 5_001}})),
                "invalid_value",
                "turn_detection",
            ),
            (
                input(json!({"turn_detection": {"silence_duration_ms": 10_001}})),
                "invalid_value",
                "turn_detection",
            ),
            (
                input(json!({"noise_reduction": {"type": "all"}})),
                "invalid_value",
                "noise_reduction",
            ),
        ] {
            let error = set(&session).unwrap_err();
            assert_eq!(
                (error.kind().code, error.param()),
                (code, Some(param)),
                "{session}"
            );
        }
    }

    #[test]
    fn a_model_is_one_that_the_key_may_use() {
        let new = |model, models: &[&str]| Settings::new(model, &registry(), &claims(models));
        assert_eq!(
            new(None, &["whisper-1"]).unwrap().model_name(),
            "tiny.en-q8_0"
        );
        assert_eq!(
            new(Some("whisper-1"), &["*"]).unwrap().model_name(),
            "whisper-1"
        );
        for (model, models, code) in [
            (Some("whisper-1"), &["base"][..], "model_not_allowed"),
            (None, &["base"], "model_not_allowed"),
            (Some("base"), &["*"], "model_not_found"),
        ] {
            assert_eq!(new(model, models).unwrap_err().kind().code, code);
        }
        let one = claims(&["base"]);
        let settings = Settings::new(None, &registry(), &claims(&["*"])).unwrap();
        let other = update(&json!({"audio": {"input": {"transcription": {"model": "whisper-1"}}}}));
        let error = settings.with(other, &registry(), &one).unwrap_err();
        assert_eq!(error.kind().code, "model_not_allowed");
    }
}

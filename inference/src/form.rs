//! The fields of a transcription request: what each may say, and what it means.
//!
//! An unknown field is ignored, as OpenAI's API does. A known one with a wrong value is refused by
//! name; so is a single-valued one that comes twice.

use inference_api::language::Language;
use inference_api::render::ResponseFormat;
use inference_api::transcript::{Task, Transcript};
use serde::Deserialize;

use crate::backend::DecodeOptions;
use crate::error::Error;
use crate::registry::Model;
use crate::spool::Spooled;

/// The form as it came: known fields only, their sizes bounded, their values not yet read.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) file: Option<Spooled>,
    pub(crate) file_bytes: u64,
    /// Where it was wanted.
    pub(crate) file_sha256: Option<[u8; 32]>,
    /// As the caller wrote it.
    pub(crate) file_name: Option<String>,
    values: Vec<(&'static FieldRule, String)>,
}

/// What is known of a field before its value is read.
#[derive(Debug, PartialEq, Eq)]
struct FieldRule {
    name: &'static str,
    max_bytes: usize,
    repeats: bool,
}

const fn once(name: &'static str, max_bytes: usize) -> FieldRule {
    FieldRule {
        name,
        max_bytes,
        repeats: false,
    }
}

const fn list(name: &'static str) -> FieldRule {
    FieldRule {
        name,
        max_bytes: 64,
        repeats: true,
    }
}

const MODEL: FieldRule = once("model", 128);
const LANGUAGE: FieldRule = once("language", 64);
const PROMPT: FieldRule = once("prompt", 16 * 1024);
const HOTWORDS: FieldRule = once("hotwords", 2048);
const CONDITION: FieldRule = once("condition_on_previous_text", 16);
const RESPONSE_FORMAT: FieldRule = once("response_format", 64);
const TEMPERATURE: FieldRule = once("temperature", 64);
const GRANULARITIES: FieldRule = list("timestamp_granularities[]");
const STREAM: FieldRule = once("stream", 16);
const INCLUDE: FieldRule = list("include[]");
const CHUNKING: FieldRule = once("chunking_strategy", 1024);

const URL: FieldRule = once("url", 4096);

static RULES: [FieldRule; 12] = [
    MODEL,
    LANGUAGE,
    PROMPT,
    HOTWORDS,
    CONDITION,
    RESPONSE_FORMAT,
    TEMPERATURE,
    GRANULARITIES,
    STREAM,
    INCLUDE,
    CHUNKING,
    URL,
];

fn rule(name: &str) -> Option<&'static FieldRule> {
    // Some clients leave the brackets of a list out.
    RULES
        .iter()
        .find(|r| r.name == name || r.repeats && r.name.strip_suffix("[]") == Some(name))
}

fn invalid(rule: &FieldRule, problem: impl Into<String>) -> Error {
    Error::InvalidValue {
        param: rule.name,
        problem: problem.into(),
    }
}

impl Form {
    /// Most bytes of the field's value; none for a field that is ignored.
    pub(crate) fn value_limit(name: &str) -> Option<usize> {
        rule(name).map(|r| r.max_bytes)
    }

    /// The error of a value longer than `limit`.
    pub(crate) fn value_too_long(name: &str, limit: usize) -> Error {
        invalid(
            rule(name).unwrap_or(&MODEL),
            format!("it is longer than {limit} bytes"),
        )
    }

    /// The file, which must be there and have something in it.
    pub(crate) fn take_file(&mut self) -> Result<Spooled, Error> {
        let file = self.file.take();
        let file = file.ok_or(Error::MissingParameter { param: "file" })?;
        if self.file_bytes == 0 {
            return Err(Error::EmptyFile);
        }
        Ok(file)
    }

    /// Keeps a known field's value.
    pub(crate) fn set(&mut self, name: &str, value: Vec<u8>) -> Result<(), Error> {
        let Some(rule) = rule(name) else {
            return Ok(());
        };
        if !rule.repeats && self.values.iter().any(|(r, _)| *r == rule) {
            return Err(Error::DuplicateParameter { param: rule.name });
        }
        let value = String::from_utf8(value).map_err(|_| invalid(rule, "it is not UTF-8"))?;
        self.values.push((rule, value));
        Ok(())
    }

    /// Where the file is to be fetched from, which of all requests jobs alone may say.
    pub(crate) fn url(&self) -> Option<&str> {
        self.get(&URL)
    }

    /// The field's value; an empty one counts as not given.
    fn get<'a>(&'a self, rule: &'a FieldRule) -> Option<&'a str> {
        self.all(rule).find(|v| !v.is_empty())
    }

    fn all<'a>(&'a self, rule: &'a FieldRule) -> impl Iterator<Item = &'a str> {
        self.values
            .iter()
            .filter(move |(r, _)| *r == rule)
            .map(|(_, value)| value.trim())
    }
}

/// Most bytes of a model's name, and of a prompt.
pub(crate) const MAX_MODEL_BYTES: usize = MODEL.max_bytes;
pub(crate) const MAX_PROMPT_BYTES: usize = PROMPT.max_bytes;

/// A transcription as it was asked for, every value checked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) format: ResponseFormat,
    pub(crate) stream: bool,
    /// Whether each piece is told what was said before it.
    pub(crate) carries_text: bool,
    pub(crate) options: DecodeOptions,
    /// Whether the answer shows times of words. There may be some without that.
    pub(crate) shows_words: bool,
}

impl Asked {
    /// Reads the form's values; the model is `choose`n by the name that the form has for it.
    pub(crate) fn of(
        form: &Form,
        task: Task,
        choose: impl FnOnce(&str) -> Result<Model, Error>,
    ) -> Result<(Self, Model), Error> {
        let name = form
            .get(&MODEL)
            .ok_or(Error::MissingParameter { param: MODEL.name })?;
        let model = choose(name)?;
        let format = format(form)?;
        let words = words(form, format)?;
        let asked = Self {
            format,
            stream: yes(form, &STREAM)?,
            carries_text: yes(form, &CONDITION)?,
            options: DecodeOptions {
                task: possible(task, &model)?,
                language: language(form, &model)?,
                prompt: form.get(&PROMPT).map(str::to_owned),
                hotwords: form.get(&HOTWORDS).map(str::to_owned),
                temperature: temperature(form)?,
                words,
                logprobs: logprobs(form, format)?,
            },
            shows_words: words,
        };
        chunking(form)?;
        Ok((asked, model))
    }

    /// A transcript in which nothing is said yet.
    pub(crate) fn empty_transcript(&self, task: Task) -> Transcript {
        Transcript {
            task,
            language: self.options.language.unwrap_or(Language::ENGLISH),
            language_probability: None,
            duration: 0.0,
            segments: Vec::new(),
            words: self.options.words.then(Vec::new),
            logprobs: self.options.logprobs.then(Vec::new),
        }
    }
}

fn possible(task: Task, model: &Model) -> Result<Task, Error> {
    if task == Task::Translate && !model.abilities().is_multilingual() {
        return Err(invalid(
            &MODEL,
            format!("'{}' knows English only and can't translate", model.id()),
        ));
    }
    Ok(task)
}

fn language(form: &Form, model: &Model) -> Result<Option<Language>, Error> {
    form.get(&LANGUAGE)
        .map(|text| language_of(text, model))
        .transpose()
}

/// The language that a code means, if the model knows it.
pub(crate) fn language_of(text: &str, model: &Model) -> Result<Language, Error> {
    let language = Language::parse(text)
        .ok_or_else(|| invalid(&LANGUAGE, "it is not a language code of ISO-639-1"))?;
    if !model.abilities().knows(language) {
        return Err(invalid(
            &LANGUAGE,
            format!(
                "the model '{}' does not know {}",
                model.id(),
                language.name()
            ),
        ));
    }
    Ok(language)
}

fn format(form: &Form) -> Result<ResponseFormat, Error> {
    form.get(&RESPONSE_FORMAT)
        .map_or(Ok(ResponseFormat::Json), |value| {
            ResponseFormat::parse(value).ok_or_else(|| {
                let known = ResponseFormat::ALL.map(ResponseFormat::as_str).join(", ");
                invalid(&RESPONSE_FORMAT, format!("it must be one of {known}"))
            })
        })
}

fn temperature(form: &Form) -> Result<f32, Error> {
    let Some(text) = form.get(&TEMPERATURE) else {
        return Ok(0.0);
    };
    text.parse::<f32>()
        .ok()
        .filter(|t| (0.0..=1.0).contains(t))
        .ok_or_else(|| invalid(&TEMPERATURE, "it must be a number from 0 to 1"))
}

fn words(form: &Form, format: ResponseFormat) -> Result<bool, Error> {
    let mut words = false;
    for value in form.all(&GRANULARITIES) {
        match value {
            "word" => words = true,
            "segment" => {}
            _ => return Err(invalid(&GRANULARITIES, "it must be 'word' or 'segment'")),
        }
        if format != ResponseFormat::VerboseJson {
            return Err(invalid(
                &GRANULARITIES,
                "it needs response_format 'verbose_json'",
            ));
        }
    }
    Ok(words)
}

fn logprobs(form: &Form, format: ResponseFormat) -> Result<bool, Error> {
    let mut logprobs = false;
    for value in form.all(&INCLUDE) {
        if value != "logprobs" {
            return Err(invalid(&INCLUDE, "it must be 'logprobs'"));
        }
        if format != ResponseFormat::Json {
            return Err(invalid(&INCLUDE, "it needs response_format 'json'"));
        }
        logprobs = true;
    }
    Ok(logprobs)
}

/// A field that says yes or no; no, where it says nothing.
fn yes(form: &Form, rule: &FieldRule) -> Result<bool, Error> {
    match form.get(rule).map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(invalid(rule, "it must be 'true' or 'false'")),
    }
}

/// OpenAI's server-side voice activity detection; accepted, as whoever sends it wants the service
/// to choose where to cut.
#[derive(Deserialize)]
struct ServerVad {
    r#type: String,
    prefix_padding_ms: Option<u32>,
    silence_duration_ms: Option<u32>,
    threshold: Option<f64>,
}

fn chunking(form: &Form) -> Result<(), Error> {
    let Some(text) = form.get(&CHUNKING) else {
        return Ok(());
    };
    if text == "auto" {
        return Ok(());
    }
    let vad: ServerVad = serde_json::from_str(text)
        .map_err(|_| invalid(&CHUNKING, "it must be 'auto' or a server_vad object"))?;
    let in_bounds = vad.threshold.is_none_or(|t| (0.0..=1.0).contains(&t))
        && vad.prefix_padding_ms.is_none_or(|ms| ms <= 60_000)
        && vad.silence_duration_ms.is_none_or(|ms| ms <= 60_000);
    if vad.r#type == "server_vad" && in_bounds {
        Ok(())
    } else {
        Err(invalid(
            &CHUNKING,
            "its type or one of its values is unknown",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::testing::{claims, english as registry};

    fn ask_for(task: Task, fields: &[(&str, &str)]) -> Result<Asked, Error> {
        let mut form = Form::default();
        if !fields.iter().any(|(name, _)| *name == "model") {
            form.set("model", b"whisper-1".to_vec())?;
        }
        for (name, value) in fields {
            form.set(name, value.as_bytes().to_vec())?;
        }
        let choose = |name: &str| registry().choose(name, &claims(&["*"]));
        Asked::of(&form, task, choose).map(|(asked, _)| asked)
    }

    fn ask(fields: &[(&str, &str)]) -> Result<Asked, Error> {
        ask_for(Task::Transcribe, fields)
    }

    #[test]
    fn what_is_not_said_has_openais_defaults() {
        let asked = ask(&[("user", "ignored"), ("prompt", "")]).unwrap();
        assert_eq!(asked.format, ResponseFormat::Json);
        assert!(!asked.stream);
        assert_eq!(asked.options.language, None);
        assert_eq!(asked.options.prompt, None);
        assert!(asked.options.temperature.abs() < f32::EPSILON);
    }

    #[test]
    fn every_field_is_understood() {
        let asked = ask(&[
            ("language", "EN"),
            ("prompt", " Grimmelshausen "),
            ("response_format", "verbose_json"),
            ("temperature", "0.4"),
            ("hotwords", "Nürnberg, Simplicius"),
            ("condition_on_previous_text", "true"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities", "segment"),
            ("stream", "True"),
            (
                "chunking_strategy",
                r#"{"type":"server_vad","threshold":0.5}"#,
            ),
        ])
        .unwrap();
        assert!(asked.stream && asked.options.words && asked.carries_text);
        let hotwords = asked.options.hotwords.as_deref();
        assert_eq!(hotwords, Some("Nürnberg, Simplicius"));
        assert_eq!(asked.options.language, Some(Language::ENGLISH));
        assert_eq!(asked.options.prompt.as_deref(), Some("Grimmelshausen"));
        assert!((asked.options.temperature - 0.4).abs() < 1e-6);
        assert!(ask(&[("include[]", "logprobs")]).unwrap().options.logprobs);
    }

    #[test]
    fn a_wrong_value_is_refused_by_the_name_of_its_field() {
        for (name, value) in [
            ("language", "xx"),
            ("language", "de"),
            ("response_format", "xml"),
            ("temperature", "7"),
            ("temperature", "-0.1"),
            ("temperature", "NaN"),
            ("temperature", "warm"),
            ("timestamp_granularities[]", "letter"),
            ("timestamp_granularities[]", "word"),
            ("stream", "maybe"),
            ("condition_on_previous_text", "perhaps"),
            ("include[]", "everything"),
            ("chunking_strategy", "never"),
            (
                "chunking_strategy",
                r#"{"type":"server_vad","threshold":9}"#,
            ),
        ] {
            let error = ask(&[(name, value)]).unwrap_err();
            assert_eq!(error.kind().code, "invalid_value", "{name}={value}");
            assert_eq!(error.param(), Some(name), "{name}={value}");
        }
    }

    #[test]
    fn a_single_field_given_twice_is_refused() {
        for field in ["model", "language", "prompt", "temperature", "stream"] {
            let error = ask(&[(field, "1"), (field, "1")]).unwrap_err();
            assert_eq!(error.kind().code, "duplicate_parameter");
            assert_eq!(error.param(), Some(field));
        }
    }

    #[test]
    fn an_unknown_or_missing_model_is_refused() {
        let error = ask(&[("model", "gpt-5")]).unwrap_err();
        assert_eq!(error.kind().code, "model_not_found");
        assert_eq!(error.param(), Some("model"));
        let error = ask(&[("model", "")]).unwrap_err();
        assert_eq!(error.kind().code, "missing_parameter");
    }

    #[test]
    fn an_english_model_does_not_translate() {
        let error = ask_for(Task::Translate, &[]).unwrap_err();
        assert_eq!(error.param(), Some("model"));
        assert_eq!(error.kind().status, 400);
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        let error = Form::default().set("prompt", vec![0xff, 0xfe]).unwrap_err();
        assert_eq!(error.param(), Some("prompt"));
    }
}

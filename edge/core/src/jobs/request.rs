//! What callers ask for, and what a job is to the object that keeps it and to the host that does it.

use inference_api::claims::{Claims, Render};
use inference_api::job::{Fetch, Job};
use inference_api::keeping::Keep;
use inference_api::language::Language;
use inference_api::transcript::Task;
use serde::{Deserialize, Serialize};

use super::{JOB_PREFIX, UPLOAD_PREFIX, is_id, new_id};
use crate::config::{Settings, is_model_name};
use crate::error::{EdgeError, invalid, read};
use crate::key_record::{KeyRecord, Metadata, Terms};
use crate::ports::{Rng, UnixMs};
use crate::scope::Scope;
use crate::transcripts::{account_of, keep};

/// Most jobs of one batch.
pub const MAX_BATCH: usize = 100;
/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 255;
/// Longest prompt and longest hotwords, in bytes: what a host takes.
const MAX_WORDS_BYTES: usize = 2_048;
/// Longest address, in bytes.
const MAX_URL_BYTES: usize = 2_048;
const MAX_METADATA_BYTES: usize = 1_024;
/// OpenAI's name for its hosted Whisper; stands for the default model here.
const ALIAS: &str = "whisper-1";
/// Jobs give way to requests for which somebody waits: those have 5.
const PRIORITY: u8 = 2;

/// The body of `POST /v1/jobs`, and an item of a batch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// An upload that is complete; or `url`.
    pub upload_id: Option<String>,
    /// Where the file is to be had, over HTTPS, where the deployment allows it; or `upload_id`.
    #[cfg_attr(feature = "openapi", schemars(length(max = MAX_URL_BYTES)))]
    pub url: Option<String>,
    /// The model; `whisper-1` (the default one) if left out.
    pub model: Option<String>,
    /// `transcribe` (if left out) or `translate`.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>", extend("enum" = ["transcribe", "translate", null])))]
    pub task: Option<Task>,
    /// The language spoken (ISO 639-1); found out if left out.
    pub language: Option<String>,
    /// Text that guides style and spelling.
    #[cfg_attr(feature = "openapi", schemars(length(max = MAX_WORDS_BYTES)))]
    pub prompt: Option<String>,
    /// Names and terms that are likely to be said.
    #[cfg_attr(feature = "openapi", schemars(length(max = MAX_WORDS_BYTES)))]
    pub hotwords: Option<String>,
    /// 0 to 1.
    #[cfg_attr(feature = "openapi", schemars(range(min = 0, max = 1)))]
    pub temperature: Option<f64>,
    /// Whether each piece is told what was said before it.
    pub condition_on_previous_text: Option<bool>,
    /// For people; the upload's name if left out.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    pub name: Option<String>,
    /// The caller's own notes: JSON of at most 1 KiB. They go with every event.
    pub metadata: Option<Metadata>,
    /// The one webhook that is told of the end; all of the account's if left out.
    pub webhook: Option<String>,
    /// Whether the upload's audio is kept as long as the transcript, to be heard beside it; if left out, it is not.
    pub keep_audio: Option<bool>,
}

/// The body of `POST /v1/jobs/batch`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// 1 to 100 jobs. What is wrong with one does not keep the others from being made.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "Vec<JobRequest>", length(min = 1, max = MAX_BATCH))
    )]
    pub jobs: Vec<serde_json::Value>,
}

impl BatchRequest {
    /// Reads the body of a batch.
    ///
    /// # Errors
    /// It is no batch of 1 to 100.
    pub fn read(body: &[u8]) -> Result<Self, EdgeError> {
        let batch: Self = read(body)?;
        if (1..=MAX_BATCH).contains(&batch.jobs.len()) {
            Ok(batch)
        } else {
            let message = format!("`jobs` must be 1 to {MAX_BATCH} jobs.");
            Err(invalid("jobs", message))
        }
    }
}

/// Where the audio comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The file of an upload.
    Upload(String),
    /// A form as it came, which stands in the bucket under the job's id.
    Form {
        /// Its content type, with the boundary.
        content_type: String,
    },
    /// An address that the host asks.
    Url(String),
}

/// What a job needs of the key that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobKey {
    /// `key_…`.
    pub id: String,
    /// Its owner.
    pub owner: Option<String>,
    /// Generation of its secret.
    pub generation: u32,
    /// What a request with audio weighs.
    pub cost: u32,
    /// Models it may use.
    pub models: Vec<String>,
}

/// A job as its object keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// `job_…`.
    pub id: String,
    /// Where the audio comes from.
    pub input: Input,
    /// What is asked of the model.
    pub task: Task,
    /// The model as it was asked for; none where a form says it.
    pub model: Option<String>,
    /// Fields of the form that goes to the host, beside the audio.
    pub fields: Vec<(String, String)>,
    /// For people.
    pub name: Option<String>,
    /// The caller's notes.
    pub metadata: Option<Metadata>,
    /// The one webhook that is told.
    pub webhook: Option<String>,
    /// The key.
    pub key: JobKey,
    /// How its transcript is kept, under which id, and where hosts reach this edge.
    pub keep: Keep,
    /// Whether its audio is kept beside that.
    #[serde(default)]
    pub keep_audio: bool,
}

/// What makes a job of a request: the key that asks and the deployment.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// The deployment's settings.
    pub settings: &'a Settings,
    /// The key's record.
    pub record: &'a KeyRecord,
    /// What it may do, with its plan.
    pub terms: &'a Terms,
    /// The origin under which hosts reach this edge.
    pub edge: &'a str,
    /// Now.
    pub now: UnixMs,
}

/// Where the audio of a job that is being made comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The request says so.
    Request(Box<JobRequest>),
    /// It came as a form (`Prefer: respond-async`), for this task.
    Form {
        /// Its content type.
        content_type: String,
        /// What is asked of the model.
        task: Task,
    },
}

impl Making<'_> {
    /// A job of an item of JSON.
    ///
    /// # Errors
    /// The item is none, or asks for what this key or this deployment does not have.
    pub fn of_json(&self, item: &[u8], rng: &mut impl Rng) -> Result<JobSpec, EdgeError> {
        self.make(Source::Request(Box::new(read(item)?)), rng)
    }

    /// A job.
    ///
    /// # Errors
    /// As above.
    pub fn make(&self, source: Source, rng: &mut impl Rng) -> Result<JobSpec, EdgeError> {
        let (input, task, request) = match source {
            Source::Form { content_type, task } => {
                (Input::Form { content_type }, task, JobRequest::default())
            }
            Source::Request(request) => {
                let task = request.task.unwrap_or_default();
                (self.input(&request)?, task, *request)
            }
        };
        let scope = match task {
            Task::Transcribe => Scope::Transcribe,
            Task::Translate => Scope::Translate,
        };
        if !self.terms.scopes.contains(&scope) {
            return Err(EdgeError::InsufficientScope(scope));
        }
        let is_form = matches!(input, Input::Form { .. });
        let fields = fields(&request)?;
        check_notes(&request)?;
        let Self {
            record,
            terms,
            edge,
            now,
            ..
        } = self;
        Ok(JobSpec {
            id: new_id(JOB_PREFIX, rng)?,
            input,
            task,
            model: (!is_form).then(|| request.model.unwrap_or_else(|| ALIAS.to_owned())),
            fields,
            name: request.name,
            metadata: request.metadata,
            webhook: request.webhook,
            key: JobKey {
                id: record.id.clone(),
                owner: record.owner.clone(),
                generation: record.generation,
                cost: terms.cost,
                models: terms.models.clone(),
            },
            keep: keep(record, terms, edge, true, None, *now, rng)?,
            keep_audio: request.keep_audio.unwrap_or_default(),
        })
    }

    /// The account that the job belongs to.
    pub fn account(&self) -> String {
        account_of(self.record)
    }

    fn input(&self, request: &JobRequest) -> Result<Input, EdgeError> {
        match (&request.upload_id, &request.url) {
            (Some(id), None) if is_id(UPLOAD_PREFIX, id) => Ok(Input::Upload(id.clone())),
            (Some(_), None) => Err(EdgeError::NotFound("upload")),
            (None, Some(url)) => {
                if self.settings.fetch == Fetch::Off {
                    return Err(EdgeError::UrlsSwitchedOff);
                }
                let plain = url.len() <= MAX_URL_BYTES && url.bytes().all(|b| b.is_ascii_graphic());
                let https = url
                    .get(..8)
                    .is_some_and(|s| s.eq_ignore_ascii_case("https://"));
                let http = url
                    .get(..7)
                    .is_some_and(|s| s.eq_ignore_ascii_case("http://"));
                // Where it leads is judged by the host, at every hop: it alone sees the addresses.
                if plain && (https || (http && self.settings.fetch == Fetch::Development)) {
                    Ok(Input::Url(url.clone()))
                } else {
                    Err(EdgeError::UrlNotAllowed)
                }
            }
            _ => {
                let message = "A job needs either `upload_id` or `url`.";
                Err(invalid("upload_id", message.to_owned()))
            }
        }
    }
}

/// The fields of the form that a host gets, all of them in range: a job that must fail is not taken.
fn fields(request: &JobRequest) -> Result<Vec<(String, String)>, EdgeError> {
    let model = request.model.as_deref().unwrap_or(ALIAS);
    if !is_model_name(model) {
        return Err(EdgeError::ModelNotFound(model.chars().take(64).collect()));
    }
    let mut fields = vec![("model".to_owned(), model.to_owned())];
    if let Some(language) = &request.language {
        let known = Language::parse(language);
        let message = "`language` must be a code of ISO 639-1.";
        let known = known.ok_or_else(|| invalid("language", message.to_owned()))?;
        fields.push(("language".to_owned(), known.code().to_owned()));
    }
    for (name, words) in [("prompt", &request.prompt), ("hotwords", &request.hotwords)] {
        let Some(words) = words else { continue };
        if words.len() > MAX_WORDS_BYTES {
            let message = format!("`{name}` must be at most {MAX_WORDS_BYTES} bytes.");
            return Err(invalid(name, message));
        }
        fields.push((name.to_owned(), words.clone()));
    }
    if let Some(temperature) = request.temperature {
        if !(0.0..=1.0).contains(&temperature) {
            return Err(invalid(
                "temperature",
                "`temperature` must be 0 to 1.".to_owned(),
            ));
        }
        fields.push(("temperature".to_owned(), temperature.to_string()));
    }
    if let Some(carries) = request.condition_on_previous_text {
        fields.push(("condition_on_previous_text".to_owned(), carries.to_string()));
    }
    if let Some(url) = &request.url {
        fields.push(("url".to_owned(), url.clone()));
    }
    Ok(fields)
}

fn check_notes(request: &JobRequest) -> Result<(), EdgeError> {
    if let Some(name) = &request.name
        && (!(1..=MAX_NAME_CHARS).contains(&name.chars().count())
            || name.chars().any(char::is_control))
    {
        let message =
            format!("`name` must be 1 to {MAX_NAME_CHARS} characters without control characters.");
        return Err(invalid("name", message));
    }
    if let Some(metadata) = &request.metadata {
        let text =
            serde_json::to_string(metadata).map_err(|e| EdgeError::Internal(e.to_string()))?;
        if text.len() > MAX_METADATA_BYTES {
            let message = format!("`metadata` must be at most {MAX_METADATA_BYTES} bytes of JSON.");
            return Err(invalid("metadata", message));
        }
    }
    if request.keep_audio == Some(true) && request.upload_id.is_none() {
        let message = "`keep_audio` is for the audio of an upload.";
        return Err(invalid("keep_audio", message.to_owned()));
    }
    if let Some(webhook) = &request.webhook
        && !is_id("wh_", webhook)
    {
        return Err(EdgeError::NotFound("webhook"));
    }
    Ok(())
}

impl JobSpec {
    /// What the host of a job is told. `request_id`: of this call; `sha256`: which the file must have.
    pub fn claims(
        &self,
        settings: &Settings,
        request_id: String,
        sha256: Option<String>,
        now: UnixMs,
    ) -> Claims {
        let JobKey {
            id, owner, models, ..
        } = &self.key;
        let time_ms = u64::from(settings.job_timeout_seconds) * 1000;
        Claims {
            request_id,
            key_id: id.clone(),
            owner: owner.clone(),
            scopes: vec![self.task.as_str().to_owned()],
            models: models.clone(),
            max_audio_seconds: Some(f64::from(settings.max_job_audio_seconds)),
            priority: PRIORITY,
            deadline_ms: now.plus_ms(time_ms).0,
            render: Render::Client,
            keep: Some(self.keep.clone()),
            job: Some(Job {
                id: self.id.clone(),
                task: self.task,
                max_file_bytes: settings.max_job_bytes,
                sha256,
                fetch: settings.fetch,
            }),
        }
    }
}

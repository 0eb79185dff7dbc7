//! What an owner is shown of his jobs, and an administrator of those that are dead.

use inference_api::envelope::ErrorBody;
use inference_api::transcript::Task;
use serde::{Deserialize, Serialize};

use super::JobSpec;
use crate::key_record::Metadata;
use crate::ports::UnixMs;

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// A host has it.
    Running,
    /// Its transcript is there.
    Succeeded,
    /// It ended without one; `error` says why.
    Failed,
    /// It was ended by its owner.
    Cancelled,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing changes any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// The type of the event that tells of a state.
pub fn event_of(state: JobState) -> String {
    match state {
        JobState::Queued | JobState::Running => "job.updated".to_owned(),
        over => format!("job.{}", over.as_str()),
    }
}

/// A job as its object has it in its table. Times are in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct JobRow {
    /// [`JobSpec`] as JSON.
    pub spec: String,
    /// How it stands.
    pub state: JobState,
    /// How much of it was heard, 0 to 1.
    pub progress: f64,
    /// How many attempts have failed.
    pub failures: u32,
    /// When it was made.
    pub created: u64,
    /// When a host took it first.
    pub started: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// The transcript that it has led to.
    pub transcript: Option<String>,
    /// Length of the audio in milliseconds.
    pub duration_ms: Option<u64>,
    /// Whether the transcript was kept before.
    pub cached: u8,
    /// [`ErrorBody`] as JSON.
    pub error: Option<String>,
}

/// A job as its owner sees it. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct JobView {
    /// `job_…`.
    pub id: String,
    /// Always `job`.
    pub object: String,
    /// How it stands.
    pub state: JobState,
    /// How much of it was heard, about: 0 to 1.
    pub progress: f64,
    /// For people.
    pub name: Option<String>,
    /// The model as it was asked for; `null` where the form of an upload says it.
    pub model: Option<String>,
    /// `transcribe` or `translate`.
    #[cfg_attr(feature = "openapi", schemars(with = "String", extend("enum" = ["transcribe", "translate"])))]
    pub task: Task,
    /// How often a host took it on, or could not be reached.
    pub attempts: u32,
    /// When it was made.
    pub created_at: u64,
    /// When a host took it first.
    pub started_at: Option<u64>,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// The transcript, once it is there.
    pub transcript_id: Option<String>,
    /// Length of the audio in seconds, once it is known.
    pub duration: Option<f64>,
    /// Whether the transcript was there before, so that nothing was heard.
    pub cached: bool,
    /// Why it failed.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")
    )]
    pub error: Option<ErrorBody>,
    /// The caller's notes.
    pub metadata: Option<Metadata>,
}

impl JobView {
    /// What is shown of a row.
    ///
    /// # Errors
    /// A row that this version did not write.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of audio")]
    pub fn of(row: JobRow) -> Result<Self, serde_json::Error> {
        let spec: JobSpec = serde_json::from_str(&row.spec)?;
        let error = row.error.as_deref().map(serde_json::from_str).transpose()?;
        let seconds = |ms| UnixMs(ms).seconds();
        let is_with_host = matches!(row.state, JobState::Running | JobState::Succeeded);
        Ok(Self {
            id: spec.id,
            object: "job".to_owned(),
            state: row.state,
            progress: row.progress,
            name: spec.name,
            model: spec.model,
            task: spec.task,
            attempts: row.failures + u32::from(is_with_host),
            created_at: seconds(row.created),
            started_at: row.started.map(seconds),
            ended_at: row.ended.map(seconds),
            transcript_id: row.transcript,
            duration: row.duration_ms.map(|ms| ms as f64 / 1000.0),
            cached: row.cached != 0,
            error,
            metadata: spec.metadata,
        })
    }
}

/// A page of jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct JobList {
    /// The jobs.
    pub data: Vec<JobView>,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// A job that was tried often enough, as an administrator sees it. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeadJob {
    /// `job_…`.
    pub id: String,
    /// External id of whose it is; `null` where the key has no owner.
    pub owner: Option<String>,
    /// The key that asked for it.
    pub key_id: String,
    /// For people.
    pub name: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed the last time.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "serde_json::Map<String, serde_json::Value>")
    )]
    pub error: ErrorBody,
    /// When it was made.
    pub created_at: u64,
    /// When it was given up.
    pub ended_at: u64,
}

/// A page of dead jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeadJobList {
    /// The jobs.
    pub data: Vec<DeadJob>,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

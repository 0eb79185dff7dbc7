//! Jobs: requests for whose answers nobody waits. The edge hands one to a host, the host keeps it under its id, and the
//! edge asks for it again until it is over.
//!
//! `POST /v1/jobs/{id}` brings the form: 202 once it is read. The same id again changes nothing. `GET` tells how it
//! stands ([`Report`]); 404 where the host knows no such job (any more): then it is to be brought again, to whichever
//! host. `DELETE` ends it. All of them are signed like any request, and the claims say what the job is.

use serde::{Deserialize, Serialize};

use crate::envelope::ErrorBody;
use crate::transcript::Task;

/// Below it stand jobs, by their ids.
pub const PATH: &str = "/v1/jobs/";

/// What the edge says of a job: a part of its claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// `job_…`.
    #[serde(rename = "id")]
    pub id: String,
    /// What is asked of the model.
    #[serde(rename = "tsk", default)]
    pub task: Task,
    /// Largest file, in bytes; the host's bound for requests that wait does not apply.
    #[serde(rename = "byt")]
    pub max_file_bytes: u64,
    /// SHA-256 that the file must have, in hex, where its sender said so.
    #[serde(rename = "sha", default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether the form may name an address instead of holding the file, and which ones are good.
    #[serde(rename = "fet", default)]
    pub fetch: Fetch,
}

/// Which addresses that callers give may be asked for something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetch {
    /// None.
    #[default]
    Off,
    /// Those of the public internet, over HTTPS.
    Public,
    /// This machine's own too, over HTTP: for development.
    Development,
}

/// How a job stands at its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is under way, or waits for its turn.
    Running,
    /// Its transcript is kept.
    Succeeded,
    /// It has ended without one.
    Failed,
    /// It was ended.
    Cancelled,
}

/// What a host tells of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How it stands.
    pub state: State,
    /// How much of the audio has been heard, about: 0 to 1. It never falls.
    pub progress: f64,
    /// Seconds of audio that were heard so far; in the end, of the whole recording. 0 where it was heard before.
    pub audio_seconds: f64,
    /// Length of the whole recording in seconds, once it is known.
    pub duration: Option<f64>,
    /// The transcript it has led to: the one it was to have, or one that was kept before.
    pub transcript: Option<String>,
    /// Whether that was kept before.
    pub cached: bool,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The status that a caller who waits would have got: from 500 on another try may fare better.
    pub status: u16,
    /// The error.
    pub error: ErrorBody,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_an_older_edge_fetches_nothing() {
        let job: Job = serde_json::from_str(r#"{"id":"job_1","byt":5}"#).unwrap();
        assert_eq!(job.fetch, Fetch::Off);
        assert_eq!(job.task, Task::Transcribe);
        assert_eq!(job.sha256, None);
    }
}

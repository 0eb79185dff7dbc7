//! Bodies of uploads and jobs, seen from the caller's side.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body of `POST /v1/uploads`.
#[derive(Debug, Serialize)]
pub(crate) struct NewUpload<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: u64,
}

/// An upload, as it stands.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) part_bytes: u64,
    /// Those that are there.
    pub(crate) parts: Vec<UploadPart>,
    pub(crate) state: UploadState,
}

/// A part that is there.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct UploadPart {
    /// From 1.
    pub(crate) part: u64,
}

/// Whether anything of an upload is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UploadState {
    Open,
    Complete,
}

/// The body of `POST /v1/jobs`.
#[derive(Debug, Serialize)]
pub(crate) struct NewJob<'a> {
    pub(crate) upload_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) model: &'a str,
    pub(crate) task: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hotwords: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f32>,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl JobState {
    /// Whether nothing more becomes of it.
    pub(crate) const fn is_over(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A job.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct JobView {
    pub(crate) id: String,
    pub(crate) state: JobState,
    /// 0 to 1.
    pub(crate) progress: f64,
    pub(crate) name: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) task: String,
    pub(crate) attempts: u64,
    pub(crate) created_at: u64,
    pub(crate) started_at: Option<u64>,
    pub(crate) ended_at: Option<u64>,
    pub(crate) transcript_id: Option<String>,
    /// Seconds of audio.
    pub(crate) duration: Option<f64>,
    #[serde(default)]
    pub(crate) cached: bool,
    pub(crate) error: Option<JobError>,
    pub(crate) metadata: Option<Box<RawValue>>,
}

impl JobView {
    /// How much of it is done, in hundredths.
    pub(crate) fn percent(&self) -> u64 {
        // What the server says may be any number: clamped, it fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let percent = (self.progress.clamp(0.0, 1.0) * 100.0) as u64;
        percent
    }
}

/// Why a job failed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct JobError {
    pub(crate) message: String,
    pub(crate) code: String,
}

/// What comes of a job's events.
#[derive(Debug, Deserialize)]
pub(crate) struct JobEvent {
    pub(crate) job: Box<RawValue>,
}

/// A job that could not be carried out, as an administrator sees it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DeadJob {
    pub(crate) id: String,
    pub(crate) owner: Option<String>,
    pub(crate) key_id: String,
    pub(crate) name: Option<String>,
    pub(crate) attempts: u64,
    pub(crate) error: Option<JobError>,
    pub(crate) created_at: u64,
    pub(crate) ended_at: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_progress_a_server_tells_it_is_0_to_100_per_cent() {
        for (progress, percent) in [
            ("0", 0),
            ("0.5", 50),
            ("1.0", 100),
            ("-3", 0),
            ("1e300", 100),
        ] {
            let job = format!(
                r#"{{"id":"job_1","state":"running","progress":{progress},"task":"transcribe","attempts":0,"created_at":1}}"#
            );
            let job: JobView = serde_json::from_str(&job).unwrap();
            assert_eq!(job.percent(), percent);
        }
    }
}

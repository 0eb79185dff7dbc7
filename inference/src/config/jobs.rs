//! The flags that bound jobs.

use std::time::Duration;

use clap::Args;

use super::seconds;

/// How many jobs there may be, and how large they may be. The bounds of a request do not apply to them.
#[derive(Clone, Debug, Args)]
pub struct JobFlags {
    /// Jobs under way at the same time, those included whose files still come; further ones are refused with 503 and
    /// Retry-After. Requests whose callers wait have permits of their own.
    #[arg(
        long,
        env = "INFERENCE_JOBS",
        value_name = "COUNT",
        default_value_t = 8,
        help_heading = "Jobs"
    )]
    pub jobs: u16,

    /// Largest file of a job, in bytes. It stands in the folder for uploads until the job has ended.
    #[arg(long, env = "INFERENCE_MAX_JOB_BYTES", value_name = "BYTES", default_value_t = 5 * 1024 * 1024 * 1024, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Jobs")]
    pub max_job_bytes: u64,

    /// Longest audio of a job, in seconds.
    #[arg(long = "max-job-audio-seconds", env = "INFERENCE_MAX_JOB_AUDIO_SECONDS", value_name = "SECONDS", default_value = "86400", value_parser = seconds, help_heading = "Jobs")]
    pub max_job_audio: Duration,

    /// Time for the whole file of a job to arrive, or to be fetched.
    #[arg(long, env = "INFERENCE_JOB_UPLOAD_TIMEOUT", value_name = "SECONDS", default_value = "3600", value_parser = seconds, help_heading = "Jobs")]
    pub job_upload_timeout: Duration,
}

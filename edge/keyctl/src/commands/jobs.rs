//! Jobs: list, show, watch, cancel with an API key; dead ones, and their retry, with a root key.

use std::io::Write;

use crate::cli::job::{DeadJobsArgs, JobListArgs, JobsCommand, OneJobArgs, RetryArgs, State};
use crate::client::Answer;
use crate::error::Error;
use crate::figures::audio;
use crate::job_watch::{JOBS, succeeded, watch};
use crate::job_wire::{DeadJob, JobError, JobView};
use crate::path::ApiPath;
use crate::progress::Display;
use crate::table::{columns, details, printable, shortened};
use crate::time_spec::utc;
use crate::underway::Underway;

use super::{caller, client, pages, print, print_pages};

const DEAD_JOBS: &str = "/admin/jobs";
/// Columns of an error in a table.
const ERROR_COLUMNS: usize = 60;

/// Runs one of the commands on jobs.
pub(crate) fn run(command: JobsCommand, out: &mut impl Write) -> Result<(), Error> {
    match command {
        JobsCommand::List(args) => list(&args, out),
        JobsCommand::Show(args) => show(&args, out),
        JobsCommand::Watch(args) => watch_one(&args, out),
        JobsCommand::Cancel(args) => cancel(&args, out),
        JobsCommand::Dead(args) => dead(&args, out),
        JobsCommand::Retry(args) => retry(&args, out),
    }
}

fn list(args: &JobListArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let state = args.state.map(|state| match state {
        State::Queued => "queued",
        State::Running => "running",
        State::Succeeded => "succeeded",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    });
    let answer = pages(&client, &args.page, |cursor, limit| {
        let limit = limit.map(|limit| limit.to_string());
        let query = [
            ("state", state),
            ("cursor", cursor),
            ("limit", limit.as_deref()),
        ];
        client.get(&ApiPath::of(JOBS).query(&query))
    })?;
    let jobs: Vec<JobView> = answer
        .value
        .entries()
        .map_err(|_| client.unexpected("an entry that is no job"))?;
    print_pages(&answer, args.caller.call.json, out, listing(&jobs))
}

fn show(args: &OneJobArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let answer = client.get(&ApiPath::of(JOBS).under(&args.id)?)?;
    print(&answer, args.caller.call.json, out, job_table)
}

fn watch_one(args: &OneJobArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let (display, underway) = (Display::new(), Underway::default());
    underway.tell_on_interrupt(&display)?;
    underway.job(&args.id, &args.id);
    let progress = display.of(&args.id);
    let mut tell = |job: &JobView| progress.job(job);
    let answer = watch(&client, &args.id, &mut tell, &|text| progress.say(text))?;
    underway.job_over(&args.id);
    drop(progress);
    print(&answer, args.caller.call.json, out, job_table)?;
    succeeded(&answer.value)
}

fn cancel(args: &OneJobArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let answer: Answer<JobView> = client.delete_told(&ApiPath::of(JOBS).under(&args.id)?)?;
    print(&answer, args.caller.call.json, out, job_table)
}

fn dead(args: &DeadJobsArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = client(&args.api)?;
    let answer = pages(&client, &args.page, |cursor, limit| {
        let limit = limit.map(|limit| limit.to_string());
        let query = [
            ("state", Some("dead")),
            ("owner", args.owner.as_deref()),
            ("cursor", cursor),
            ("limit", limit.as_deref()),
        ];
        client.get(&ApiPath::of(DEAD_JOBS).query(&query))
    })?;
    let jobs: Vec<DeadJob> = answer
        .value
        .entries()
        .map_err(|_| client.unexpected("an entry that is no dead job"))?;
    print_pages(&answer, args.api.json, out, dead_listing(&jobs))
}

/// Retries one after the other; that one cannot be retried does not keep the others from it.
fn retry(args: &RetryArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = client(&args.api)?;
    let mut failed = 0;
    for id in &args.ids {
        let path = ApiPath::of(DEAD_JOBS).under(id)?.then("retry");
        match client.post::<JobView>(&path) {
            Ok(answer) => print(&answer, args.api.json, out, |job| {
                format!("{} is {} again\n", printable(&job.id), job.state.as_str())
            })?,
            Err(error) if args.ids.len() == 1 => return Err(error),
            Err(error) => {
                failed += 1;
                crate::note(&format!("keyctl: {}: {error}", printable(id)));
            }
        }
    }
    if failed == 0 {
        return Ok(());
    }
    let all = args.ids.len();
    Err(Error::Several { failed, all })
}

fn nothing() -> String {
    "-".to_owned()
}

/// What has come of it: its transcript, or why there is none.
fn outcome(job: &JobView) -> String {
    match (&job.transcript_id, &job.error) {
        (Some(id), _) => id.clone(),
        (None, Some(error)) => printable(&error.code),
        (None, None) => nothing(),
    }
}

fn listing(jobs: &[JobView]) -> String {
    let rows: Vec<[String; 6]> = jobs
        .iter()
        .map(|job| {
            [
                job.id.clone(),
                job.name.clone().unwrap_or_else(nothing),
                job.state.as_str().to_owned(),
                format!("{} %", job.percent()),
                utc(job.created_at),
                outcome(job),
            ]
        })
        .collect();
    let header = ["ID", "NAME", "STATE", "DONE", "CREATED", "OUTCOME"];
    columns(header, &rows)
}

fn job_table(job: &JobView) -> String {
    let mut rows = vec![
        ("id", job.id.clone()),
        ("name", job.name.clone().unwrap_or_else(nothing)),
        ("state", job.state.as_str().to_owned()),
        ("done", format!("{} %", job.percent())),
        ("task", job.task.clone()),
        ("model", job.model.clone().unwrap_or_else(nothing)),
        ("attempts", job.attempts.to_string()),
        ("created", utc(job.created_at)),
    ];
    rows.extend(job.started_at.map(|at| ("started", utc(at))));
    rows.extend(job.ended_at.map(|at| ("ended", utc(at))));
    rows.extend(job.duration.map(|seconds| ("audio", audio(seconds))));
    let transcript = job.transcript_id.clone();
    rows.extend(transcript.map(|id| ("transcript", id)));
    if job.cached {
        rows.push(("heard", "before".to_owned()));
    }
    if let Some(JobError { message, code }) = &job.error {
        rows.push(("error", format!("{message} ({code})")));
    }
    let metadata = job.metadata.as_ref();
    rows.extend(metadata.map(|json| ("metadata", json.get().to_owned())));
    details(&rows)
}

fn dead_listing(jobs: &[DeadJob]) -> String {
    let rows: Vec<[String; 7]> = jobs
        .iter()
        .map(|job| {
            let error = job.error.as_ref().map(|error| {
                let text = format!("{}: {}", error.code, error.message);
                shortened(&text, ERROR_COLUMNS)
            });
            [
                job.id.clone(),
                job.owner.clone().unwrap_or_else(nothing),
                job.key_id.clone(),
                job.name.clone().unwrap_or_else(nothing),
                job.attempts.to_string(),
                utc(job.ended_at.unwrap_or(job.created_at)),
                error.unwrap_or_else(nothing),
            ]
        })
        .collect();
    let header = ["ID", "OWNER", "KEY", "NAME", "ATTEMPTS", "ENDED", "ERROR"];
    columns(header, &rows)
}

//! Does a job, from its file to its transcript at the edge, and tells how it ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use inference_api::claims::Claims;
use inference_api::job::{self, Failure, Report, State};
use inference_api::keeping::Keep;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span};

use super::registry::Place;
use crate::error::Error;
use crate::form::{Asked, Form};
use crate::hearing::{Wish, hear_job, limits};
use crate::keeping::{Keeper, Patience};
use crate::registry::Model;
use crate::service::Service;
use crate::telemetry::{JobOutcome, Meter};

/// A job that was taken on, and whose form was read.
pub(crate) struct Job {
    pub(crate) request_id: String,
    pub(crate) claims: Claims,
    pub(crate) about: job::Job,
    pub(crate) keep: Keep,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) form: Form,
    pub(crate) asked: Asked,
    pub(crate) model: Model,
    pub(crate) place: Place,
    pub(crate) deadline: Instant,
}

/// What a job led to.
struct Led {
    transcript: String,
    duration: f64,
    is_cached: bool,
}

/// Begins it, beside whoever brought it.
pub(crate) fn begin(service: Arc<Service>, job: Job, span: Span) {
    tokio::spawn(async move { run(&service, job).await }.instrument(span));
}

async fn run(service: &Service, mut job: Job) {
    let began = Instant::now();
    let meter = Meter::default();
    let form = std::mem::take(&mut job.form);
    // Whatever ends it, nothing of the work is left after this.
    let led = {
        let work = timeout_at(job.deadline, guarded(work(service, &job, form, &meter)));
        tokio::select! {
            biased;
            () = job.place.ended() => None,
            led = work => Some(led.unwrap_or(Err(Error::DeadlineExceeded))),
        }
    };
    let outcome = match &led {
        None if job.place.is_given_up() => JobOutcome::GivenUp,
        None => JobOutcome::Cancelled,
        Some(Ok(led)) if led.is_cached => JobOutcome::Cached,
        Some(Ok(_)) => JobOutcome::Succeeded,
        Some(Err(_)) => JobOutcome::Failed,
    };
    let error = led.as_ref().and_then(|led| led.as_ref().err());
    tell(service, &job, &meter, outcome, error, began.elapsed());
    // Where it was ended from outside it is known already how it stands.
    if let Some(led) = led {
        let report = match led {
            Ok(led) => succeeded(led),
            Err(error) => Report {
                error: Some(failure(&error)),
                ..job.place.progress().report(State::Failed)
            },
        };
        job.place.end(report);
    }
}

fn succeeded(led: Led) -> Report {
    Report {
        state: State::Succeeded,
        progress: 1.0,
        audio_seconds: if led.is_cached { 0.0 } else { led.duration },
        duration: Some(led.duration),
        transcript: Some(led.transcript),
        cached: led.is_cached,
        error: None,
    }
}

/// As somebody who waits would have been told.
fn failure(error: &Error) -> Failure {
    Failure {
        status: error.kind().status.as_u16(),
        error: error.envelope().error,
    }
}

/// A panic costs the job, and nothing else.
async fn guarded<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Error::internal("a job panicked")))
}

/// All that is done for a job. Dropping it anywhere frees all that it holds.
async fn work(service: &Service, job: &Job, mut form: Form, meter: &Meter) -> Result<Led, Error> {
    let Job {
        claims,
        about,
        keep,
        asked,
        model,
        ..
    } = job;
    let mut limits = limits(&service.job_limits, claims);
    limits.max_bytes = limits.max_bytes.min(about.max_file_bytes);
    if let Some(url) = form.url().filter(|_| form.file.is_none()) {
        let fetching = service.fetcher.fetch(url, about.fetch, limits.max_bytes);
        let fetched = fetching.await?;
        form.file = Some(fetched.file);
        form.file_bytes = fetched.bytes;
        form.file_sha256 = Some(fetched.sha256);
        form.file_name = fetched.name;
    }
    let file = form.take_file()?;
    if let Some(declared) = &about.sha256 {
        let real = form.file_sha256.map(hex::encode);
        if !real.is_some_and(|real| real.eq_ignore_ascii_case(declared)) {
            return Err(Error::UploadMismatch);
        }
    }
    let keeping = job.keeper.keeping(claims, keep, &form, asked, model.id())?;
    if let Some(found) = keeping.find().await? {
        return Ok(Led {
            transcript: found.id,
            duration: found.transcript.duration,
            is_cached: true,
        });
    }
    let wish = Wish {
        claims,
        model,
        asked,
        limits,
    };
    let progress = job.place.progress();
    let noted = Arc::clone(progress);
    let file = progress.count(file, form.file_bytes);
    let mut ticket = hear_job(service, &wish, file, move |_| noted.cut())?;
    let mut transcript = asked.empty_transcript(about.task);
    while let Some(part) = ticket.part().await {
        let measured = ticket.measured();
        meter.set(measured);
        progress.heard(measured);
        part?.append_to(&mut transcript);
    }
    let measured = ticket.measured();
    meter.set(measured);
    progress.complete(measured);
    ticket.complete(&mut transcript);
    // The states are others' while it is brought.
    drop(ticket);
    let led = Led {
        transcript: keeping.id().to_owned(),
        duration: transcript.duration,
        is_cached: false,
    };
    keeping.bring(&transcript, Patience::Job).await?;
    Ok(led)
}

/// Counts it, and logs how it ended.
fn tell(
    service: &Service,
    job: &Job,
    meter: &Meter,
    outcome: JobOutcome,
    error: Option<&Error>,
    took: Duration,
) {
    let measured = meter.measured();
    service.metrics.job_ended(outcome, &measured);
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    tracing::info!(
        job = job.place.id(),
        request_id = job.request_id,
        key_id = job.claims.key_id,
        owner = job.claims.owner,
        model = job.model.id(),
        outcome = outcome.as_str(),
        status = error.map(|error| error.kind().status.as_u16()),
        code = error.map(|error| error.kind().code),
        cause = error.and_then(Error::cause),
        audio_seconds = measured.charged().as_secs_f64(),
        queue_ms = measured.waited.map(ms),
        decode_ms = measured.decoding.map(ms),
        inference_ms = measured.waited.map(|_| ms(measured.ran)),
        total_ms = ms(took),
        "job"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_job_is_its_own_failure() {
        let work = async {
            // Something that the compiler can't see the end of.
            assert!(std::hint::black_box(1) > 1, "in a job");
            Ok(())
        };
        let error = guarded(work).await.unwrap_err();
        let failure = failure(&error);
        assert_eq!(failure.status, 500);
        assert_eq!(failure.error.code, "internal_error");
        assert!(!failure.error.message.contains("panic"));
    }
}

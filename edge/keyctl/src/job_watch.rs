//! Waits for a job to end: by its events, and by asking now and then where they do not come.

use std::io::BufReader;
use std::time::Duration;

use ureq::http::header::CONTENT_TYPE;

use crate::client::{Answer, Client};
use crate::error::Error;
use crate::events::Events;
use crate::job_wire::{JobEvent, JobState, JobView};
use crate::path::ApiPath;
use crate::patience::{Pauses, patiently};
use crate::rng::SystemRng;
use crate::table::printable;

/// Where jobs are.
pub(crate) const JOBS: &str = "/v1/jobs";

/// How long nothing may come before the events are asked for anew.
const IDLE: Duration = Duration::from_mins(1);
/// How many streams in a row may break off without news.
const MAX_DUMB_STREAMS: u32 = 3;

/// Waits until the job is over; `tell` is told of every change, and `say` of what is in the way.
pub(crate) fn watch(
    client: &Client,
    id: &str,
    tell: &mut dyn FnMut(&JobView),
    say: &dyn Fn(&str),
) -> Result<Answer<JobView>, Error> {
    let job = ApiPath::of(JOBS).under(id)?;
    let mut watched = Watched { tell, last: None };
    let mut pauses = Pauses::default();
    let mut dumb = 0;
    while dumb < MAX_DUMB_STREAMS {
        let known = watched.last;
        match follow(client, &job, &mut watched) {
            Ok(Some(over)) => return Ok(over),
            Ok(None) => {}
            // That the job is there and may be seen is settled by asking for it.
            Err(error) if error.turns_away().is_some() || error.may_pass() => {}
            Err(error @ (Error::Usage(_) | Error::Refused(_))) => return Err(error),
            Err(_) => break,
        }
        if watched.last == known {
            dumb += 1;
        } else {
            dumb = 0;
            pauses = Pauses::default();
        }
        std::thread::sleep(pauses.next(&mut SystemRng));
    }
    poll(client, &job, &mut watched, say)
}

/// What is known of the job, and who is told.
struct Watched<'a> {
    tell: &'a mut dyn FnMut(&JobView),
    last: Option<(JobState, u64, u64)>,
}

impl Watched<'_> {
    fn see(&mut self, job: &JobView) {
        let now = Some((job.state, job.percent(), job.attempts));
        if self.last != now {
            self.last = now;
            (self.tell)(job);
        }
    }
}

/// Follows the events to the job's end, or to their own.
fn follow(
    client: &Client,
    job: &ApiPath,
    watched: &mut Watched<'_>,
) -> Result<Option<Answer<JobView>>, Error> {
    let response = client.listen(&job.clone().then("events"), IDLE)?;
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        return Err(client.unexpected("no events of a job"));
    }
    let mut events = Events::new(BufReader::new(response.into_body().into_reader()));
    // A stream that breaks off has ended.
    while let Ok(Some(data)) = events.next() {
        let event: Option<JobEvent> = serde_json::from_str(&data).ok();
        let view = event.and_then(|event| {
            let view: JobView = serde_json::from_str(event.job.get()).ok()?;
            Some((event.job.get().to_owned(), view))
        });
        let (json, value) = view.ok_or_else(|| client.unexpected("an event that is no job's"))?;
        watched.see(&value);
        if value.state.is_over() {
            return Ok(Some(Answer { json, value }));
        }
    }
    Ok(None)
}

/// Asks again and again, less and less often.
fn poll(
    client: &Client,
    job: &ApiPath,
    watched: &mut Watched<'_>,
    say: &dyn Fn(&str),
) -> Result<Answer<JobView>, Error> {
    let mut pauses = Pauses::default();
    loop {
        let answer = patiently(say, || client.get::<JobView>(job))?;
        let known = watched.last;
        watched.see(&answer.value);
        if answer.value.state.is_over() {
            return Ok(answer);
        }
        if watched.last != known {
            pauses = Pauses::default();
        }
        std::thread::sleep(pauses.next(&mut SystemRng));
    }
}

/// The job, where it has led to a transcript; else why not.
pub(crate) fn succeeded(job: &JobView) -> Result<(), Error> {
    let ending = match (job.state, &job.error) {
        (JobState::Succeeded, _) => return Ok(()),
        (JobState::Cancelled, _) => "was cancelled".to_owned(),
        (_, Some(error)) => format!(
            "failed: {} ({})",
            printable(&error.message),
            printable(&error.code)
        ),
        (state, None) => format!("is {}", state.as_str()),
    };
    Err(Error::JobEnded {
        id: printable(&job.id),
        ending,
    })
}

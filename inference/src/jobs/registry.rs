//! The jobs of this host by their ids: those under way, in places of a fixed number, and those that ended a while ago.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inference_api::job::{Report, State};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::turns::Turns;
use crate::error::Error;

/// How long it is remembered what became of a job, and of how many.
const REMEMBERED: Duration = Duration::from_hours(1);
const MOST_REMEMBERED: usize = 10_000;
/// When to come back where all places are taken: a job lasts, and other hosts are there.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// All jobs that are known.
pub(crate) struct Jobs {
    places: Arc<Semaphore>,
    most: u32,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    jobs: HashMap<String, Standing>,
    /// In the order in which they ended; some may have been forgotten since.
    ended: VecDeque<(Instant, String)>,
    turns: Turns,
    /// The service shuts down.
    is_closed: bool,
}

enum Standing {
    UnderWay(Arc<UnderWay>),
    /// Since when.
    Over(Instant, Report),
}

impl Standing {
    fn report(&self) -> Report {
        match self {
            Self::UnderWay(job) => job.progress.report(State::Running),
            Self::Over(_, report) => report.clone(),
        }
    }

    /// Whether it is to be done again if it is brought again: who brings a job that failed wants another try.
    fn has_failed(&self) -> bool {
        matches!(self, Self::Over(_, report) if report.state == State::Failed)
    }
}

/// What a job shows of itself while it is under way.
#[derive(Default)]
struct UnderWay {
    progress: Arc<Progress>,
    is_ended: CancellationToken,
}

/// What is said to somebody who brings a job.
pub(crate) enum Taken {
    /// It is taken on.
    New(Place),
    /// It is known, and stands so.
    Known(Report),
}

impl Jobs {
    /// For so many at the same time.
    pub(crate) fn new(most: u16) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(usize::from(most))),
            most: u32::from(most),
            known: Mutex::default(),
        })
    }

    /// Takes a job on, if there is a place, it is its owner's turn, and it is not known, or has failed. No other of its
    /// id is, until the place is dropped.
    pub(crate) fn take(self: &Arc<Self>, id: &str, owner: &str) -> Result<Taken, Error> {
        let now = Instant::now();
        let mut known = self.lock();
        known.forget(now);
        if let Some(standing) = known.jobs.get(id).filter(|s| !s.has_failed()) {
            return Ok(Taken::Known(standing.report()));
        }
        if known.is_closed {
            return Err(Error::ShuttingDown);
        }
        let permit = Arc::clone(&self.places).try_acquire_owned().ok();
        let Some(permit) = permit.filter(|_| known.turns.is_of(owner, now)) else {
            known.turns.refused(owner, now);
            return Err(Error::QueueFull {
                retry_after: RETRY_AFTER,
            });
        };
        known.turns.took(owner, now);
        let job = Arc::<UnderWay>::default();
        let standing = Standing::UnderWay(Arc::clone(&job));
        known.jobs.insert(id.to_owned(), standing);
        Ok(Taken::New(Place {
            jobs: Arc::clone(self),
            id: id.to_owned(),
            owner: owner.to_owned(),
            job,
            _permit: permit,
        }))
    }

    /// How a job stands.
    pub(crate) fn report(&self, id: &str) -> Option<Report> {
        let mut known = self.lock();
        known.forget(Instant::now());
        known.jobs.get(id).map(Standing::report)
    }

    /// Ends a job, and tells how it then stands; one that is over stays as it is.
    pub(crate) fn cancel(&self, id: &str) -> Option<Report> {
        let mut known = self.lock();
        known.forget(Instant::now());
        let job = match known.jobs.get(id)? {
            Standing::Over(_, report) => return Some(report.clone()),
            Standing::UnderWay(job) => Arc::clone(job),
        };
        let report = job.progress.report(State::Cancelled);
        known.end(id, report.clone(), Instant::now());
        job.is_ended.cancel();
        Some(report)
    }

    /// Takes no more, ends those under way, and forgets them: they are another host's from now on.
    pub(crate) fn close(&self) {
        let mut known = self.lock();
        known.is_closed = true;
        known.jobs.retain(|_, standing| match standing {
            Standing::UnderWay(job) => {
                job.is_ended.cancel();
                false
            }
            Standing::Over(..) => true,
        });
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Jobs under way.
    pub(crate) fn under_way(&self) -> usize {
        (self.most as usize).saturating_sub(self.places.available_permits())
    }

    /// Waits until nothing of any job is left.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed; either way there is nothing to wait for.
        drop(self.places.acquire_many(self.most).await);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn end(&mut self, id: &str, report: Report, now: Instant) {
        let standing = Standing::Over(now, report);
        self.jobs.insert(id.to_owned(), standing);
        self.ended.push_back((now, id.to_owned()));
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        while let Some((ended, id)) = self.ended.front()
            && (self.ended.len() > MOST_REMEMBERED
                || now.saturating_duration_since(*ended) > REMEMBERED)
        {
            // One that was begun again since has another end, or none.
            if matches!(self.jobs.get(id), Some(Standing::Over(since, _)) if since == ended) {
                self.jobs.remove(id);
            }
            self.ended.pop_front();
        }
    }
}

/// A job's place among those under way. Dropping it gives the place back, and where the job has not ended, forgets it.
pub(crate) struct Place {
    jobs: Arc<Jobs>,
    id: String,
    owner: String,
    job: Arc<UnderWay>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What its doer tells of it.
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.job.progress
    }

    /// How it stands while it is under way.
    pub(crate) fn report(&self) -> Report {
        self.job.progress.report(State::Running)
    }

    /// Waits until somebody ends it.
    pub(crate) async fn ended(&self) {
        self.job.is_ended.cancelled().await;
    }

    /// Whether the service ended it, for want of time.
    pub(crate) fn is_given_up(&self) -> bool {
        self.jobs.is_closed()
    }

    /// It is over; whoever asks for it gets this report, unless it was ended before.
    pub(crate) fn end(self, report: Report) {
        let mut known = self.jobs.lock();
        if self.is_in(&known) {
            known.end(&self.id, report, Instant::now());
        }
    }

    fn is_in(&self, known: &Known) -> bool {
        matches!(known.jobs.get(&self.id), Some(Standing::UnderWay(job)) if Arc::ptr_eq(job, &self.job))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.jobs.lock();
        known.turns.left(&self.owner);
        if self.is_in(&known) {
            known.jobs.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(jobs: &Arc<Jobs>, id: &str) -> Place {
        match jobs.take(id, "ann").unwrap() {
            Taken::New(place) => place,
            Taken::Known(report) => panic!("{id} is known: {report:?}"),
        }
    }

    fn succeeded() -> Report {
        Report {
            progress: 1.0,
            ..Arc::<Progress>::default().report(State::Succeeded)
        }
    }

    #[test]
    fn a_job_is_taken_on_once_and_its_end_is_remembered() {
        let jobs = Jobs::new(2);
        let first = place(&jobs, "a");
        assert_eq!(jobs.report("a").unwrap().state, State::Running);
        assert!(matches!(jobs.take("a", "ann"), Ok(Taken::Known(_))));
        assert_eq!(jobs.under_way(), 1);
        first.end(succeeded());
        assert_eq!(jobs.under_way(), 0);
        assert_eq!(jobs.report("a"), Some(succeeded()));
        assert!(matches!(jobs.take("a", "ann"), Ok(Taken::Known(report)) if report == succeeded()));
        assert_eq!(jobs.cancel("a"), Some(succeeded()));
        assert_eq!(jobs.report("b"), None);
        assert_eq!(jobs.cancel("b"), None);
    }

    #[test]
    fn one_more_than_there_are_places_is_refused_and_one_that_never_began_leaves_nothing() {
        let jobs = Jobs::new(1);
        let held = place(&jobs, "a");
        let refused = jobs.take("b", "ann").err().unwrap();
        assert_eq!(refused.kind().code, "queue_full");
        assert_eq!(refused.retry_after(), Some(RETRY_AFTER));
        drop(held);
        assert_eq!(jobs.report("a"), None);
        place(&jobs, "b");
        assert!(Jobs::new(0).take("a", "ann").is_err());
    }

    #[test]
    fn the_place_of_one_that_ended_is_that_of_the_owner_who_has_none() {
        let jobs = Jobs::new(1);
        let held = place(&jobs, "a");
        assert!(jobs.take("b", "ann").is_err());
        assert!(jobs.take("c", "bob").is_err());
        drop(held);
        assert!(jobs.take("b", "ann").is_err());
        assert!(matches!(jobs.take("c", "bob"), Ok(Taken::New(_))));
        // It was dropped at once, and Ann is the one who waits.
        assert!(jobs.take("d", "bob").is_err());
        place(&jobs, "b");
    }

    #[test]
    fn one_that_failed_is_begun_again_when_it_is_brought_again() {
        let jobs = Jobs::new(1);
        let failed = Report {
            state: State::Failed,
            ..succeeded()
        };
        place(&jobs, "a").end(failed.clone());
        assert_eq!(jobs.report("a"), Some(failed));
        let again = place(&jobs, "a");
        assert_eq!(jobs.report("a").unwrap().state, State::Running);
        // Its first end is forgotten in its time, and with it nothing else.
        let later = Instant::now() + REMEMBERED * 2;
        jobs.lock().forget(later);
        assert_eq!(jobs.report("a").unwrap().state, State::Running);
        again.end(succeeded());
        assert_eq!(jobs.report("a"), Some(succeeded()));
    }

    #[tokio::test]
    async fn an_ended_job_says_so_at_once_and_holds_its_place_until_it_has_let_go() {
        let jobs = Jobs::new(1);
        let held = place(&jobs, "a");
        assert_eq!(jobs.cancel("a").unwrap().state, State::Cancelled);
        held.ended().await;
        assert_eq!(jobs.under_way(), 1);
        // What it says after that nobody hears.
        held.end(succeeded());
        assert_eq!(jobs.under_way(), 0);
        assert_eq!(jobs.report("a").unwrap().state, State::Cancelled);
    }

    #[tokio::test]
    async fn closed_it_forgets_what_is_under_way_and_takes_nothing() {
        let jobs = Jobs::new(2);
        place(&jobs, "over").end(succeeded());
        let held = place(&jobs, "a");
        jobs.close();
        held.ended().await;
        assert!(held.is_given_up());
        assert_eq!(jobs.report("a"), None);
        assert_eq!(jobs.report("over"), Some(succeeded()));
        let refused = jobs.take("a", "ann").err().unwrap();
        assert_eq!(refused.kind().code, "shutting_down");
        held.end(succeeded());
        assert_eq!(jobs.report("a"), None);
        jobs.idle().await;
    }

    #[test]
    fn what_ended_is_forgotten_after_an_hour_and_its_number_is_bounded() {
        let mut known = Known::default();
        let start = Instant::now();
        for i in 0..=MOST_REMEMBERED {
            known.end(&i.to_string(), succeeded(), start);
        }
        assert_eq!(known.jobs.len(), MOST_REMEMBERED);
        assert!(!known.jobs.contains_key("0"));
        known.forget(start + REMEMBERED);
        assert_eq!(known.jobs.len(), MOST_REMEMBERED);
        known.forget(start + REMEMBERED + Duration::from_millis(1));
        assert_eq!((known.jobs.len(), known.ended.len()), (0, 0));
    }
}

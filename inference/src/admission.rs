//! Permits: the bound on what the service has taken on, held from before a body is read until the
//! answer's last byte.
//!
//! A permit is taken before the body, so that a full service says so at once and no upload is read
//! for nothing. The price is that a slow sender holds one. Therefore, when all are taken, the upload
//! that has been silent longest loses its own to the newcomer: a thousand stalled senders do not
//! keep an honest one out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How long an upload must have been silent before its permit may go to another.
const SILENCE: Duration = Duration::from_millis(500);
/// How long a newcomer waits for the upload that was told to give its permit up.
const HANDOVER: Duration = Duration::from_millis(250);

/// The permits.
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    total: u32,
    uploads: Mutex<HashMap<u64, Arc<Progress>>>,
    next_id: AtomicU64,
    epoch: Instant,
}

/// What an upload shows of itself.
struct Progress {
    /// Milliseconds from the epoch to the last byte.
    last_byte: AtomicU64,
    evicted: CancellationToken,
}

/// The right to be worked on.
#[derive(Debug)]
pub(crate) struct Permit(#[expect(dead_code, reason = "held, not used")] OwnedSemaphorePermit);

impl Admission {
    pub(crate) fn new(total: u32) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(total as usize)),
            total,
            uploads: Mutex::default(),
            next_id: AtomicU64::new(0),
            epoch: Instant::now(),
        })
    }

    /// A permit, if one is free or a stalled upload can be made to give its own up.
    pub(crate) async fn admit(&self) -> Option<Permit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(Permit(permit));
        }
        self.evict_most_silent()?;
        let handed_over = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(HANDOVER, handed_over).await.ok()?;
        permit.ok().map(Permit)
    }

    fn evict_most_silent(&self) -> Option<()> {
        let now = self.now_ms();
        let mut uploads = self.lock();
        let (&id, progress) = uploads
            .iter()
            .min_by_key(|(_, p)| p.last_byte.load(Ordering::Relaxed))?;
        let silent = now.saturating_sub(progress.last_byte.load(Ordering::Relaxed));
        if u128::from(silent) < SILENCE.as_millis() {
            return None;
        }
        progress.evicted.cancel();
        uploads.remove(&id);
        Some(())
    }

    /// Notes that a permit's upload begins. Dropping the [`Upload`] notes its end.
    pub(crate) fn upload(self: &Arc<Self>) -> Upload {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let progress = Arc::new(Progress {
            last_byte: AtomicU64::new(self.now_ms()),
            evicted: CancellationToken::new(),
        });
        self.lock().insert(id, Arc::clone(&progress));
        Upload {
            admission: Arc::clone(self),
            progress,
            id,
        }
    }

    /// Permits that are free.
    pub(crate) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Permits there are.
    pub(crate) fn total(&self) -> u32 {
        self.total
    }

    /// Uploads going on.
    pub(crate) fn uploads(&self) -> usize {
        self.lock().len()
    }

    /// Waits until nobody holds a permit.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed; either way there is nothing to wait for.
        drop(self.permits.acquire_many(self.total).await);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Progress>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upload going on under a permit.
pub(crate) struct Upload {
    admission: Arc<Admission>,
    progress: Arc<Progress>,
    id: u64,
}

impl Upload {
    /// Bytes have come.
    pub(crate) fn progressed(&self) {
        self.progress
            .last_byte
            .store(self.admission.now_ms(), Ordering::Relaxed);
    }

    /// Ends when the permit is wanted elsewhere.
    pub(crate) async fn evicted(&self) {
        self.progress.evicted.cancelled().await;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.admission.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_permits_are_given_than_there_are() {
        let admission = Admission::new(2);
        let first = admission.admit().await.unwrap();
        let _second = admission.admit().await.unwrap();
        assert!(admission.admit().await.is_none());
        drop(first);
        assert!(admission.admit().await.is_some());
    }

    #[tokio::test]
    async fn a_stalled_upload_gives_its_permit_to_a_newcomer() {
        let admission = Admission::new(1);
        let permit = admission.admit().await.unwrap();
        let upload = admission.upload();
        let holder = tokio::spawn(async move {
            upload.evicted().await;
            drop(permit);
        });
        // Silent for less than the bound at first: the loop asks until the clock has passed it.
        let newcomer = async {
            loop {
                if let Some(permit) = admission.admit().await {
                    break permit;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), newcomer)
            .await
            .unwrap();
        holder.await.unwrap();
    }

    #[tokio::test]
    async fn an_upload_that_moves_keeps_its_permit() {
        let admission = Admission::new(1);
        let _permit = admission.admit().await.unwrap();
        let upload = admission.upload();
        upload.progressed();
        assert!(admission.admit().await.is_none());
        assert!(!upload.progress.evicted.is_cancelled());
        assert_eq!(admission.uploads(), 1);
        drop(upload);
        assert_eq!(admission.uploads(), 0);
    }
}

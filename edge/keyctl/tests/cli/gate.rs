//! A gate for requests that must be under way at the same time.

use std::sync::{Arc, Condvar, Mutex};

use crate::server::LONG;

/// Opens when so many have come.
pub(crate) struct Gate {
    missing: Mutex<usize>,
    open: Condvar,
}

impl Gate {
    pub(crate) fn of(count: usize) -> Arc<Self> {
        Arc::new(Self {
            missing: Mutex::new(count),
            open: Condvar::new(),
        })
    }

    /// Waits for the others.
    pub(crate) fn pass(&self) {
        let mut missing = self.missing.lock().unwrap();
        *missing -= 1;
        self.open.notify_all();
        let (missing, _) = self
            .open
            .wait_timeout_while(missing, LONG, |missing| *missing > 0)
            .unwrap();
        assert_eq!(*missing, 0, "the others never came");
    }
}

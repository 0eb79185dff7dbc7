//! End-to-end tests: real workerd, the real service, real clients.
//!
//! The fixtures stand here, the tests by guarantee in `tests/`. A fixture listens on port 0, is ready when
//! it has answered, owns its processes and ends them, and keeps its state in a folder of its own.
//! Nothing is built here: `scripts/test` builds, and says by environment variables where things are
//! (see [`environment`]).

pub mod client;
pub mod edge;
pub mod environment;
pub mod http;
pub mod process;
pub mod service;
pub mod speech;
pub mod upstream;

use std::time::Duration;

/// The bound on whatever a test waits for. It is no expectation: that is far below.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for `future`, but not for ever: past the deadline the test fails and says `what` it waited for.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("waited {DEADLINE:?} in vain: {what}"))
}

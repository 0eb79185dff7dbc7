//! End-to-end tests: real workerd, the real service, real clients.
//!
//! The fixtures stand here, the tests by guarantee in `tests/`. A fixture listens on port 0, is ready when
//! it has answered, owns its processes and ends them, and keeps its state in a folder of its own.
//! Nothing is built here: `scripts/test` builds, and says by environment variables where things are
//! (see [`environment`]).

pub mod admin;
pub mod client;
pub mod edge;
pub mod environment;
pub mod host;
pub mod http;
pub mod jobs;
pub mod process;
pub mod provider;
pub mod realtime;
pub mod receiver;
pub mod relay;
pub mod seeded;
pub mod service;
pub mod speech;
pub mod storage;
pub mod upstream;

use std::time::Duration;

/// The bound on whatever a test waits for. It is no expectation: that is far below.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often [`until`] asks.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Asks again and again until there is an answer: for what happens after the answer that a test has seen.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    until_in(DEADLINE, what, ask).await
}

/// The same with a bound of its own: for what takes its time by design.
pub async fn until_in<T, F: Future<Output = Option<T>>>(
    bound: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let mut asks = tokio::time::interval(ASK_EVERY);
    let answered = async {
        loop {
            asks.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(bound, answered)
        .await
        .unwrap_or_else(|_| panic!("asked for {bound:?} in vain: {what}"))
}

/// Waits for `future`, but not for ever: past the deadline the test fails and says `what` it waited for.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    within_bound(DEADLINE, what, future).await
}

/// The same with a bound of its own.
pub async fn within_bound<F: Future>(bound: Duration, what: &str, future: F) -> F::Output {
    tokio::time::timeout(bound, future)
        .await
        .unwrap_or_else(|_| panic!("waited {bound:?} in vain: {what}"))
}

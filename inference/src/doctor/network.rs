//! The address to listen on, the edge, and the clock that both must share.

use std::net::TcpListener;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inference_api::signature::MAX_SKEW_SECONDS;

use super::Check;
use crate::config::Config;

/// Longest wait for the edge.
const PATIENCE: Duration = Duration::from_secs(5);
/// 2026-01-01, unix seconds: this program is younger.
const OLDEST: u64 = 1_767_225_600;

pub(super) fn listen(config: &Config) -> Check {
    match TcpListener::bind(config.listen) {
        Ok(_) => Check::ok("address", format!("{} is free", config.listen)),
        Err(cause) => Check::fail(
            "address",
            format!("{}: {cause}", config.listen),
            "end what listens there (it may be this service), or choose another with --listen",
        ),
    }
}

/// Whether the edge answers, where it is named, and how far its clock is from ours.
pub(super) fn edge_and_clock(edge: Option<&str>) -> Vec<Check> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let Some(edge) = edge else {
        return vec![clock(now, None)];
    };
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build();
    let url = format!("{}/healthz", edge.trim_end_matches('/'));
    match ureq::Agent::from(config).get(&url).call() {
        Ok(answer) => {
            let date = answer.headers().get("date").and_then(|d| d.to_str().ok());
            let date = date.and_then(|d| jiff::fmt::rfc2822::parse(d).ok());
            let theirs = date.and_then(|d| u64::try_from(d.timestamp().as_second()).ok());
            let status = answer.status();
            let found = format!("{url} answers {status}");
            let reached = if status.is_success() {
                Check::ok("edge", found)
            } else {
                Check::warn("edge", found, "is this the address of the Worker?")
            };
            vec![reached, clock(now, theirs)]
        }
        Err(cause) => vec![
            Check::fail(
                "edge",
                format!("{url}: {cause}"),
                "compare the address with the Worker's, and look at DNS and the firewall",
            ),
            clock(now, None),
        ],
    }
}

/// How our clock stands to the edge's; both in unix seconds.
fn clock(ours: u64, theirs: Option<u64>) -> Check {
    let advice = "set the clock by NTP: a signature is good for a minute either way";
    match theirs {
        None if ours < OLDEST => {
            Check::fail("clock", format!("{ours} s, which is long ago"), advice)
        }
        None => Check::ok("clock", "plausible; name the edge to compare (--edge-url)"),
        Some(theirs) => {
            let apart = ours.abs_diff(theirs);
            let found = format!("{apart} s from the edge's");
            if apart > MAX_SKEW_SECONDS {
                Check::fail("clock", found, advice)
            } else if apart > MAX_SKEW_SECONDS / 6 {
                Check::warn("clock", found, advice)
            } else {
                Check::ok("clock", found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_that_makes_signatures_stale_is_a_failure() {
        let now = OLDEST + 1_000_000;
        for (theirs, verdict) in [
            (Some(now), Verdict::Ok),
            (Some(now + 30), Verdict::Warn),
            (Some(now - 61), Verdict::Fail),
            (None, Verdict::Ok),
        ] {
            assert_eq!(clock(now, theirs).verdict, verdict, "{theirs:?}");
        }
        assert_eq!(clock(0, None).verdict, Verdict::Fail);
    }
}

//! What the kernel says of a process: its CPU time, its peak memory, its children, its end.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use tokio::process::Child;

use crate::error::Error;

const GONE_WITHIN: Duration = Duration::from_secs(10);

/// User and system time of all threads of a process, those that have ended included
/// (`clock_getcpuclockid(3)`: what utime + stime of `/proc/<pid>/stat` say, in nanoseconds, not ticks).
pub(crate) fn cpu_time(pid: Pid) -> Result<Duration, Error> {
    let time = clock_getcpuclockid(pid)
        .and_then(clock_gettime)
        .map_err(|errno| Error::io(format!("CPU time of process {pid}"))(errno.into()))?;
    Ok(Duration::from(time))
}

/// The most memory that a process has had resident, in bytes (`VmHWM` of `proc_pid_status(5)`).
pub(crate) fn peak_memory(pid: Pid) -> Result<u64, Error> {
    memory(pid, "VmHWM:")
}

/// The memory that a process has resident, in bytes (`VmRSS`).
pub(crate) fn resident_memory(pid: Pid) -> Result<u64, Error> {
    memory(pid, "VmRSS:")
}

fn memory(pid: Pid, what: &str) -> Result<u64, Error> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(Error::io(path.as_str()))?;
    line_of(&status, what).ok_or_else(|| Error::Unexpected(format!("{path}: no {what}")))
}

fn line_of(status: &str, what: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

/// Waits until a process that was told to end is gone; one that is not in time is killed.
pub(crate) fn wait(process: &mut Child) {
    let deadline = Instant::now() + GONE_WITHIN;
    while Instant::now() < deadline {
        if !matches!(process.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = process.start_kill();
}

/// The one child of a process that runs `program`.
pub(crate) fn child(parent: Pid, program: &str) -> Result<Pid, Error> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(&path).map_err(Error::io(path))?;
    let mut found = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .filter(|pid| name(*pid).is_ok_and(|name| name == program))
        .map(Pid::from_raw);
    match (found.next(), found.next()) {
        (Some(pid), None) => Ok(pid),
        _ => Err(Error::Unexpected(format!(
            "process {parent} has not exactly one child named {program}"
        ))),
    }
}

fn name(pid: i32) -> io::Result<String> {
    Ok(fs::read_to_string(format!("/proc/{pid}/comm"))?
        .trim_end()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_resident_memory_in_bytes() {
        let status = "VmPeak:\t  999 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  12 kB\n";
        assert_eq!(line_of(status, "VmHWM:"), Some(2 * 1024 * 1024));
        assert_eq!(line_of("VmPeak:\t  999 kB\n", "VmHWM:"), None);
        assert_eq!(line_of("VmHWM:\t  many kB\n", "VmHWM:"), None);
    }

    #[test]
    fn memory_that_was_touched_and_freed_counts() {
        let bytes = 64 << 20;
        drop(std::hint::black_box(vec![1_u8; bytes]));
        assert!(peak_memory(Pid::this()).unwrap() >= bytes as u64);
    }
}

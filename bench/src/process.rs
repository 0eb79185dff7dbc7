//! What the kernel says of a process: its CPU time, its peak memory, its children.

use std::fs;
use std::io;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::error::Error;

/// User and system time of all threads of a process, those that have ended included
/// (`clock_getcpuclockid(3)`: what utime + stime of `/proc/<pid>/stat` say, in nanoseconds, not ticks).
pub(crate) fn cpu_time(pid: Pid) -> Result<Duration, Error> {
    let time = clock_getcpuclockid(pid)
        .and_then(clock_gettime)
        .map_err(|errno| Error::io(format!("CPU time of process {pid}"))(errno.into()))?;
    Ok(Duration::from(time))
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

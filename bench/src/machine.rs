//! The machine that was measured, in a line for the reader of the figures.

use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;

use jiff::Timestamp;

/// Processor, cores, how busy it was before, and the time.
pub(crate) fn describe() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = available_parallelism().map_or(1, NonZero::get);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let now = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    format!("{model}, {cores} cores, load average before {load}; {now}")
}

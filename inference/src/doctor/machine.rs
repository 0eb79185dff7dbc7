//! What the machine has, and what of it this process may use.

use std::fs;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;

use super::{Check, mib};
use crate::config::Config;
use crate::device::Device;
use crate::spool::free_bytes;

/// Open files beside the connections: models, spools, the log, what libraries keep.
const OTHER_FILES: u64 = 128;
/// What a state of a small model takes, about; that of a large one is several times as much.
const STATE_BYTES: u64 = 128 * 1024 * 1024;

/// Of one device, if the devices can be had; of the CPU otherwise.
fn states(config: &Config) -> usize {
    let devices = super::setup::devices(config).unwrap_or_default();
    config.state_count(devices.iter().any(Device::is_gpu))
}

pub(super) fn cores(config: &Config) -> Check {
    // Of the cgroup's quota and the affinity too.
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = usize::from(config.threads_per_state.get());
    let used = states(config) * threads;
    let found = format!("{cores}; {} states of {threads} threads", states(config));
    if used > cores && !cfg!(feature = "cuda") {
        return Check::warn(
            "cores",
            found,
            "whisper.cpp's threads spin while they wait: lower --states or --threads-per-state until their product \
             is no more than the cores",
        );
    }
    Check::ok("cores", found)
}

pub(super) fn memory(config: &Config) -> Check {
    let Some(available) = available_memory() else {
        return Check::ok("memory", "the system does not tell");
    };
    let limit = cgroup_limit();
    let usable = limit.map_or(available, |limit| limit.min(available));
    let models: u64 = super::setup::model_files(config)
        .iter()
        .filter_map(|(_, file)| fs::metadata(file.as_ref().ok()?).ok())
        .map(|file| file.len())
        .sum();
    let found = format!(
        "{} available{}; the model files have {}",
        mib(available),
        limit.map_or_else(String::new, |l| format!(", the cgroup allows {}", mib(l))),
        mib(models)
    );
    let states = states(config) as u64;
    if usable < models {
        Check::fail(
            "memory",
            found,
            "choose a smaller model, or give it more memory",
        )
    } else if usable < models + states * STATE_BYTES {
        Check::warn(
            "memory",
            found,
            "each state needs some hundred MiB beside the model: lower --states if the process is killed",
        )
    } else {
        Check::ok("memory", found)
    }
}

/// proc(5): `MemAvailable` of `/proc/meminfo`, in kB.
fn available_memory() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// cgroups(7): the least `memory.max` from this process's group to the root, of version 2.
fn cgroup_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    root.join(own)
        .ancestors()
        .take_while(|group| group.starts_with(root))
        .filter_map(|group| fs::read_to_string(group.join("memory.max")).ok())
        .filter_map(|max| max.trim().parse().ok())
        .min()
}

pub(super) fn open_files(config: &Config) -> Check {
    let Ok((_, hard)) = rlimit::Resource::NOFILE.get() else {
        return Check::ok("open files", "the system does not tell");
    };
    let needed = config.max_connections as u64 + OTHER_FILES;
    let found = format!("{hard} at most; {} connections", config.max_connections);
    if hard < needed {
        let advice = format!(
            "raise the limit (ulimit -Hn, LimitNOFILE=) to {needed}, or lower --max-connections"
        );
        return Check::warn("open files", found, advice);
    }
    Check::ok("open files", found)
}

pub(super) fn spool(config: &Config) -> Check {
    let dir = config.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
    let shown = dir.display();
    let written = tempfile::tempfile_in(&dir).and_then(|mut file| file.write_all(b"a byte"));
    if let Err(cause) = written {
        return Check::fail(
            "spool folder",
            format!("{shown} can't be written: {cause}"),
            "make it, give it to the service's user, or name another with --spool-dir",
        );
    }
    let Some(free) = free_bytes(&dir) else {
        return Check::ok("spool folder", format!("{shown} is writable"));
    };
    let requests = (states(config) + config.queue_length) as u64;
    let needed = config.max_file_bytes.saturating_mul(requests);
    let found = format!("{shown} is writable, {} free", mib(free));
    if free < config.max_file_bytes {
        Check::fail(
            "spool folder",
            found,
            "free space, or name another with --spool-dir",
        )
    } else if free < needed {
        let advice = format!(
            "{requests} largest files at the same time need {}: name another with --spool-dir, or lower \
             --max-file-bytes or --queue-length",
            mib(needed)
        );
        Check::warn("spool folder", found, advice)
    } else if config.jobs.jobs > 0 && free < config.jobs.max_job_bytes {
        let advice = format!(
            "a job's largest file needs {}: name another with --spool-dir, or lower --max-job-bytes",
            mib(config.jobs.max_job_bytes)
        );
        Check::warn("spool folder", found, advice)
    } else {
        Check::ok("spool folder", found)
    }
}

pub(super) fn gpu() -> Check {
    let built = cfg!(feature = "cuda");
    let present = fs::read_dir("/proc/driver/nvidia/gpus").map_or(0, Iterator::count);
    match (built, present) {
        (true, 0) => Check::warn(
            "GPU",
            "built for one, and the driver shows none",
            "install the driver, or let the service see the device (--gpus all, the unit's drop-in)",
        ),
        (false, 1..) => Check::warn(
            "GPU",
            format!("{present}, and this program is built without"),
            "build with --features cuda, or take the CUDA image",
        ),
        (true, _) => Check::ok("GPU", format!("{present}")),
        (false, 0) => Check::ok("GPU", "none, and none is needed"),
    }
}

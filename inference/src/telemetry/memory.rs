//! The memory of this process, as proc(5) has it.

/// Resident memory in bytes; 0 where the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    status("VmRSS:")
}

/// The most resident memory since the process began, or since [`forget_peak`], in bytes; 0 where the system does not tell.
pub(crate) fn peak_bytes() -> u64 {
    status("VmHWM:")
}

/// Begins anew to look for the peak, where the system lets it.
pub(crate) fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status(field: &str) -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|l| l.starts_with(field))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_memory_and_its_peak_is_not_below() {
        let now = resident_bytes();
        assert!(now > 1024 * 1024);
        // Pages may go between the two.
        assert!(peak_bytes() + 4 * 1024 * 1024 > now);
    }
}

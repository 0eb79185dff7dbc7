//! The peak of this process's memory since a moment, as the system keeps it.

/// Forgets the peak so far, and gives the memory of now, in bytes.
pub(crate) fn forget_peak() -> u64 {
    // proc(5): 5 resets VmHWM to the present resident size.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux keeps the peak");
    read("VmRSS:")
}

/// The most memory since then, in bytes.
pub(crate) fn peak() -> u64 {
    read("VmHWM:")
}

fn read(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc(5)");
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok()).expect(field) * 1024
}

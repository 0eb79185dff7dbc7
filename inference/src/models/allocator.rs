//! Memory that is free, back to the system.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    allow(
        unsafe_code,
        reason = "glibc's call is C; its one use carries its argument"
    )
)]

/// Gives the system back what was freed. glibc keeps freed blocks of up to 32 MB for itself, which most parts of a
/// model's sessions are, and its process would grow with each model that comes and goes. Takes milliseconds; where
/// there is another allocator nothing is done.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim(3) may be called from any thread at any time; it frees nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

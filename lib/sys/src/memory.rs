//! How the allocator treats memory that was freed.

/// The allocator keeps up to this many freed bytes for the next use.
const KEPT: libc::c_int = 1024 * 1024;

/// Lets the allocator keep freed memory instead of giving it back to the system at once and asking
/// for it again: a process that serves one conversation after the other would spend more on that
/// than on its work (mallopt(3), M_TRIM_THRESHOLD). Does nothing with another allocator.
pub fn keep_freed() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets a parameter of the allocator; it is called before any thread is
    // started.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

//! How many files and sockets this process may have open.

/// Returns the soft limit where the system says it in a file; `None` where nobody knows.
pub(crate) fn allowed() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

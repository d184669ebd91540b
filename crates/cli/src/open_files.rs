//! How many files and sockets this process may have open.

/// Raises the soft limit to the hard one, as every link is a socket and many systems begin at
/// 1,024. Returns what applies after it; `None` where there is no limit.
#[cfg(unix)]
pub(crate) fn raise() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(_) => before,
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub(crate) fn raise() -> Option<u64> {
    None
}

//! What this process has used, as the system counts it. Linux only.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Returns the processor time of this process so far.
pub fn cpu() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/self/stat").context("reading our own statistics")?;
    let ticks = cpu_ticks(&text).context("our own statistics are not as expected")?;
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Returns the resident memory of this process, bytes.
pub fn resident_bytes() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/self/status").context("reading our own status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("our own status names no resident memory")? * 1_024)
}

/// Returns the load average of the last minute, and of the last five.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// User and system time; the name in brackets may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user = fields.next()?.parse::<u64>().ok()?;
    Some(user + fields.next()?.parse::<u64>().ok()?)
}

/// What Linux tells programs on every machine of today, whatever its kernel counts in.
const TICKS_PER_SECOND: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_past_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 9 1 2";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("7 (a"), None);
        assert!(resident_bytes().unwrap() > 100_000);
        assert!(cpu().unwrap() < Duration::from_secs(3_600));
    }
}

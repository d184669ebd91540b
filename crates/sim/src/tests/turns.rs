//! A machine's disk writes in groups, as the daemon's store does.

use crate::chance::Chance;
use crate::host::Host;

#[test]
fn what_comes_while_the_disk_is_busy_is_done_in_its_next_turn() {
    let mut host = Host::new(0, Chance::new(1, &[]));
    let first_us = host.disk_us(10_000, 0);
    assert_eq!(first_us, 11_000, "one millisecond");
    let group: Vec<u64> = (0..100).map(|more| host.disk_us(10_001 + more, 0)).collect();
    assert!(group.iter().all(|it| *it == 12_000), "{group:?}");
    // That turn has begun: what comes now waits for the one after it.
    assert_eq!(host.disk_us(11_000, 0), 13_000);
    assert_eq!(host.disk_us(50_000, 0), 51_000);
}

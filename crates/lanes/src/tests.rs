//! What goes first.

use wire::Class;

use crate::{Bounds, Lanes, Pushed};

fn lanes() -> Lanes<usize> {
    Lanes::new(Bounds { frames_max: 100, bytes_max: 1024 * 1024 })
}

/// CLASS-1.
#[test]
fn an_alert_goes_before_all_that_waits() {
    let mut lanes = lanes();
    for class in [Class::Bulk, Class::Normal, Class::Control, Class::Alert] {
        assert_eq!(lanes.push(class, class.index(), 1_000), Pushed::Queued);
    }
    assert_eq!(lanes.pop(), Some((Class::Alert, 0)));
    assert_eq!(lanes.len(), 3);
}

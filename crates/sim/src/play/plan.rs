//! What happens when: the scenario's streams and faults as one list of moments.

use crate::scenario::{Action, Scenario};

/// Everything that will happen, in order. Times count from the end of the settling.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) acts: Vec<(u64, Act)>,
    /// The last fault, and whether there is one.
    pub(super) last_fault_us: Option<u64>,
    /// The last fault or publication.
    pub(super) last_us: u64,
    /// The end of the last turn of any stream.
    pub(super) turns_end_us: u64,
    /// From the first measured publication to the end of the last one's turn.
    pub(super) measured_us: Option<(u64, u64)>,
}

/// One thing that happens. At one moment they happen in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Act {
    /// A fault that is done at once.
    Fault(usize),
    /// A round of churn.
    Round(usize),
    /// All who churned are back.
    RoundsEnd(usize),
    /// One of those that stayed off is switched on.
    JoinNext,
    /// Liars who come late are switched on.
    LiarsJoin(usize),
    /// A turn of a stream.
    Publish(usize, usize),
}

impl Plan {
    /// Lays out a scenario where so many machines stayed off.
    pub(super) fn of(scenario: &Scenario, off: usize) -> Self {
        let mut acts = Vec::new();
        for (number, fault) in scenario.faults.iter().enumerate() {
            let turn = |turn: usize| us(fault.at_ms + fault.every_ms * turn as f64);
            match fault.action {
                Action::Churn => {
                    acts.extend((0..fault.times).map(|it| (turn(it), Act::Round(number))));
                    acts.push((turn(fault.times), Act::RoundsEnd(number)));
                }
                Action::Join => acts.extend((0..off).map(|it| (turn(it), Act::JoinNext))),
                Action::Crash
                | Action::Heal
                | Action::Kill
                | Action::Partition
                | Action::Restart
                | Action::Slow
                | Action::Stop => acts.push((turn(0), Act::Fault(number))),
            }
        }
        for (number, liars) in scenario.liars.iter().enumerate() {
            acts.extend(liars.join_ms.map(|it| (us(it), Act::LiarsJoin(number))));
        }
        let last_fault_us = acts.iter().map(|it| it.0).max();
        let mut measured_us: Option<(u64, u64)> = None;
        let mut turns_end_us = 0;
        for (number, stream) in scenario.streams.iter().enumerate() {
            let turn = |turn: usize| us(stream.at_ms + stream.every_ms * turn as f64);
            acts.extend((0..stream.times).map(|it| (turn(it), Act::Publish(number, it))));
            turns_end_us = turns_end_us.max(turn(stream.times));
            if stream.warm_up < stream.times {
                let (first, last) = (turn(stream.warm_up), turn(stream.times));
                let known = measured_us.unwrap_or((first, last));
                measured_us = Some((known.0.min(first), known.1.max(last)));
            }
        }
        acts.sort_unstable();
        let last_us = acts.last().map_or(0, |it| it.0);
        Self { acts, last_fault_us, last_us, turns_end_us, measured_us }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked when read")]
pub(super) fn us(ms: f64) -> u64 {
    (ms * 1_000.0).round() as u64
}

//! What holds for any frames in any order.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::Class;

use super::model::Model;
use super::{fill, roomy};
use crate::{ALERT_LEAD_BYTES_MAX, Bounds, Lanes, PART_BYTES_MAX, Pushed};

/// Something a link does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pop,
    Push(Class, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (class(), bytes()).prop_map(|(class, bytes)| Step::Push(class, bytes));
    vec(prop_oneof![1 => Just(Step::Pop), 2 => push], 0..300)
}

fn class() -> impl Strategy<Value = Class> {
    (0..4_usize).prop_map(|index| Class::ALL[index])
}

/// Mostly small, as on real links, but also nothing and very much.
fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0_usize), 1..600_usize, 1..PART_BYTES_MAX, 1..400_000_usize]
}

proptest! {
    #[test]
    fn the_order_is_that_of_the_paper(steps in steps()) {
        let (mut lanes, mut model) = (roomy(), Model::new());
        let ends = std::iter::repeat_n(Step::Pop, steps.len() + 1);
        for (number, step) in steps.iter().copied().chain(ends).enumerate() {
            match step {
                Step::Pop => prop_assert_eq!(lanes.pop(), model.pop()),
                Step::Push(class, bytes) => {
                    prop_assert_eq!(lanes.push(class, number, bytes), Pushed::Queued);
                    model.push(class, number, bytes);
                }
            }
        }
        prop_assert!(lanes.is_empty());
    }

    /// CLASS-1: what is taken comes out once, in the order of its class, and no class holds more
    /// than it may.
    #[test]
    fn nothing_is_lost_doubled_or_overtaken_within_its_class(
        steps in steps(),
        frames_max in 1..20_usize,
        bytes_max in 0..60_000_usize,
    ) {
        let mut lanes = Lanes::new(Bounds { frames_max, bytes_max });
        let (mut taken, mut sent) = ([const { Vec::new() }; 4], [const { Vec::new() }; 4]);
        let ends = std::iter::repeat_n(Step::Pop, steps.len());
        for (number, step) in steps.iter().copied().chain(ends).enumerate() {
            match step {
                Step::Pop => {
                    let waited = !lanes.is_empty();
                    let popped = lanes.pop();
                    prop_assert_eq!(popped.is_some(), waited, "it never hesitates");
                    if let Some((class, (number, bytes))) = popped {
                        sent[class.index()].push((number, bytes));
                    }
                }
                Step::Push(class, bytes) => {
                    let (frames, held) = lanes.waiting(class);
                    let fits = frames < frames_max && held + bytes <= bytes_max || frames == 0;
                    let pushed = lanes.push(class, (number, bytes), bytes);
                    prop_assert_eq!(pushed == Pushed::Queued, fits);
                    if fits {
                        taken[class.index()].push((number, bytes));
                    }
                }
            }
            let waiting: Vec<_> = Class::ALL.iter().map(|class| lanes.waiting(*class)).collect();
            prop_assert!(waiting.iter().all(|it| it.0 <= frames_max));
            prop_assert!(waiting.iter().all(|it| it.1 <= bytes_max || it.0 == 1));
            prop_assert_eq!(lanes.len(), waiting.iter().map(|it| it.0).sum::<usize>());
            prop_assert_eq!(lanes.bytes(), waiting.iter().map(|it| it.1).sum::<usize>());
        }
        prop_assert_eq!(taken, sent);
    }

    /// CLASS-1: over any stretch in which all wait, what each class sends for its weight differs
    /// by no more than a turn of each and its largest frame.
    #[test]
    fn shares_are_fair_to_within_one_quantum(
        sizes in vec(1..PART_BYTES_MAX, 3),
        from in 0..1_000_usize,
        to in 0..1_000_usize,
    ) {
        let (mut lanes, mut sent) = (roomy(), [0_usize; 4]);
        for number in 0..from.max(to) {
            for (class, bytes) in Class::ALL[1..].iter().zip(&sizes) {
                let (waiting, _) = lanes.waiting(*class);
                fill(&mut lanes, *class, 2 - waiting.min(2), *bytes);
            }
            let Some((class, _)) = lanes.pop() else { break };
            if from.min(to) <= number {
                sent[class.index()] += sizes[class.index() - 1];
            }
        }
        let weight = [0, 8, 4, 1];
        for (one, other) in [(1, 2), (1, 3), (2, 3)] {
            let (a, b) = (sent[one] * weight[other], sent[other] * weight[one]);
            let turn = 2_048 * weight[one] * weight[other];
            let frames = sizes[one - 1] * weight[other] + sizes[other - 1] * weight[one];
            prop_assert!(a.abs_diff(b) <= turn + frames, "{:?} of {:?}", sent, sizes);
        }
    }

    /// CLASS-1: while others wait, alerts are never more than their lead ahead.
    #[test]
    fn alerts_are_bounded_against_a_flood(
        alerts in vec(1..PART_BYTES_MAX, 200),
        others in vec((1..4_usize, 1..PART_BYTES_MAX), 200),
    ) {
        let mut lanes = roomy();
        for bytes in &alerts {
            lanes.push(Class::Alert, *bytes, *bytes);
        }
        for (index, bytes) in &others {
            lanes.push(Class::ALL[*index], *bytes, *bytes);
        }
        let (mut urgent, mut rest) = (0, 0);
        while lanes.len() != lanes.waiting(Class::Alert).0 {
            let Some((class, bytes)) = lanes.pop() else { break };
            if class == Class::Alert { urgent += bytes } else { rest += bytes }
            prop_assert!(urgent <= rest + ALERT_LEAD_BYTES_MAX);
            // And an alert that waits for its share waits for one frame at most.
            let waits = 0 < lanes.waiting(Class::Alert).0;
            prop_assert!(!waits || rest <= urgent + PART_BYTES_MAX);
        }
    }
}

//! From an offer to a receipt, or to nothing.

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wire::{Digest, TransferId, TransferStep, TransferWord};

use super::pair::{Crash, Pair, Seen, Way, id, proposal};
use crate::levels::Amount;
use crate::transfers::{Confirmation, OPEN_MAX, Proposal, Status, TransferError};

/// A bad way: three of ten letters are lost, some come twice, all out of order.
const BAD: Way = Way { lost: 300, twice: 200, late_ms: 400 };

fn both(pair: &Pair, id: &TransferId) -> [Option<Status>; 2] {
    [pair.status(0, id), pair.status(1, id)]
}

#[test]
fn both_said_yes_and_it_is_agreed() {
    // TRANSFER-1, TRANSFER-4
    let mut pair = Pair::new(1, Way::default());
    let id = pair.propose();
    pair.pass(100);
    assert_eq!(both(&pair, &id), [Some(Status::Open); 2]);
    pair.yes(0, &id);
    pair.pass(5_000);
    assert_eq!(both(&pair, &id), [Some(Status::Open); 2]);
    pair.yes(1, &id);
    pair.pass(3_000);
    assert_eq!(both(&pair, &id), [Some(Status::Agreed); 2]);
    assert_eq!(pair.nodes[0].no(&id), Err(TransferError::Decided));
}

#[test]
fn what_was_handed_over_and_received_is_signed_by_who_did_it() {
    // TRANSFER-4
    let mut pair = Pair::new(1, BAD);
    let id = pair.propose();
    pair.pass(2_000);
    pair.yes(0, &id);
    pair.yes(1, &id);
    pair.pass(40_000);
    assert_eq!(both(&pair, &id), [Some(Status::Agreed); 2]);
    pair.restart(0);
    pair.nodes[0].done(&id, pair.now).unwrap();
    pair.yes(0, &id);
    pair.nodes[1].done(&id, pair.now).unwrap();
    pair.yes(1, &id);
    pair.pass(20_000);
    let records = [0, 1].map(|node| pair.view(node, &id).unwrap().record);
    assert!(records[0].done.iter().all(Option::is_some));
    assert_eq!(records[0].done, records[1].done);
    assert_eq!(records[0].accepts, records[1].accepts);
}

#[test]
fn the_truth_table_holds_over_bad_ways() {
    // TRANSFER-3, TRANSFER-4: choices made at any time.
    for seed in 0..60 {
        let mut pair = Pair::new(seed, BAD);
        let id = pair.propose();
        while both(&pair, &id) != [Some(Status::Open); 2] {
            pair.pass(100);
        }
        pair.pass(seed * 37 % 3_000);
        let (giver, taker) = (seed % 2 == 0, seed / 2 % 2 == 0);
        if giver {
            pair.yes(0, &id);
        }
        pair.pass(seed * 91 % 2_500);
        if taker {
            pair.yes(1, &id);
        }
        pair.pass(70_000);
        let end = both(&pair, &id);
        match (giver && taker, end) {
            (true, [Some(Status::Agreed), Some(Status::Agreed)]) => {}
            (false, [Some(Status::Ended), Some(Status::Ended) | None]) => {}
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn a_no_ends_it_at_once_and_looks_like_everything_else_that_ends_it() {
    // TRANSFER-5
    let closes = |end: &dyn Fn(&mut Pair, &TransferId)| {
        let mut pair = Pair::new(3, Way::default());
        let id = pair.propose();
        pair.pass(3_300);
        end(&mut pair, &id);
        pair.pass(100);
        assert_eq!(both(&pair, &id), [Some(Status::Ended); 2]);
        let close = |it: &&Seen| {
            matches!(TransferStep::decode(&it.bytes).unwrap().what, TransferWord::Close)
        };
        let closes: Vec<Seen> = pair.seen.iter().filter(close).cloned().collect();
        assert!(closes.iter().all(|it| it.bytes == closes[0].bytes));
        (closes[0].from, closes[0].bytes.clone())
    };
    let no = closes(&|pair, id| pair.no(1, id));
    let no_after_yes = closes(&|pair, id| {
        pair.yes(1, id);
        pair.no(1, id);
    });
    let crash = closes(&|pair, _| pair.restart(1));
    assert!([no_after_yes, crash].iter().all(|it| *it == no));
    // What is over at both at one time is said by the first of them, in the same bytes.
    let over = closes(&|pair, _| pair.pass(60_000));
    assert_eq!(over.1, no.1);
}

#[test]
fn what_has_ended_cannot_be_revived() {
    // TRANSFER-5
    let mut pair = Pair::new(4, Way::default());
    let id = pair.propose();
    pair.pass(100);
    let offer = pair.seen[0].bytes.clone();
    pair.yes(0, &id);
    pair.no(1, &id);
    pair.pass(100);
    for restarts in [false, true] {
        if restarts {
            pair.restart(0);
            pair.restart(1);
        }
        pair.send(1, offer.clone());
        pair.yes(1, &id);
        pair.yes(0, &id);
        pair.pass(30_000);
        assert_eq!(both(&pair, &id), [Some(Status::Ended); 2]);
    }
}

/// What the taker can see of the giver before it says yes itself: when letters come, and how long
/// they are. Not one of them depends on the giver's choice.
#[test]
fn before_it_says_yes_a_side_sees_the_same_whatever_the_other_decided() {
    // TRANSFER-3
    let run = |giver: bool| {
        let mut pair = Pair::new(5, Way { late_ms: 50, ..Way::default() });
        let id = pair.propose();
        pair.pass(1_700);
        if giver {
            pair.yes(0, &id);
        }
        pair.pass(20_000);
        let views: Vec<_> =
            pair.view(1, &id).into_iter().map(|it| (it.status, it.was_left)).collect();
        let seen = |it: &Seen| (it.at_ms, it.from, it.bytes.len());
        pair.no(1, &id);
        pair.pass(5_000);
        (pair.seen.iter().map(seen).collect::<Vec<_>>(), views)
    };
    let ((yes, yes_views), (not, not_views)) = (run(true), run(false));
    assert!(40 < yes.len());
    // Who reveals first is drawn anew from the seals, so the order within a tick is by chance.
    let shape = |seen: &[(u64, usize, usize)]| {
        let mut shape: Vec<_> =
            seen.iter().map(|(at, from, len)| (at / 1_000, *from, *len)).collect();
        shape.sort_unstable();
        shape
    };
    assert_eq!(shape(&yes), shape(&not));
    assert_eq!(yes_views, not_views);
}

#[test]
fn a_crash_at_any_step_is_never_a_yes_and_never_half_an_agreement() {
    // TRANSFER-4, TRANSFER-5
    let story = |giver: bool, taker: bool, crash: Option<(usize, usize, Crash)>| {
        let mut pair = Pair::new(6, Way { late_ms: 100, ..Way::default() });
        (pair.crash, pair.tick_ms) = (crash, 10_000);
        let id = pair.propose();
        pair.pass(11_500);
        if giver {
            pair.yes(0, &id);
        }
        if taker {
            pair.yes(1, &id);
        }
        pair.pass(90_000);
        (both(&pair, &id), pair.steps)
    };
    let (end, steps) = story(true, true, None);
    assert_eq!(end, [Some(Status::Agreed); 2]);
    let mut agreed = 0;
    for at in 1..=steps {
        for node in 0..2 {
            for crash in [Crash::BeforeWrite, Crash::AfterWrite] {
                let (end, _) = story(true, true, Some((at, node, crash)));
                let one = |status| end.contains(&Some(status));
                assert!(
                    !(one(Status::Agreed) && (one(Status::Ended) || end.contains(&None))),
                    "step {at}, node {node}, {crash:?}: {end:?}"
                );
                agreed += usize::from(end == [Some(Status::Agreed); 2]);
                // Without both, nobody ever agrees.
                let (end, _) = story(at % 2 == 0, at % 2 == 1, Some((at, node, crash)));
                let none = |it: &Option<Status>| matches!(it, None | Some(Status::Ended));
                assert!(end.iter().all(none), "step {at}, node {node}, {crash:?}: {end:?}");
            }
        }
    }
    assert!(0 < agreed, "late crashes change nothing");
}

#[test]
fn any_bytes_of_a_cheating_peer_make_no_agreement() {
    // TRANSFER-3, TRANSFER-4
    for seed in 0..40_u64 {
        let mut random = ChaCha20Rng::from_seed(Digest::of("cheat", &[&seed.to_be_bytes()]).0);
        let mut pair = Pair::new(seed, Way { late_ms: 50, ..Way::default() });
        let id = pair.propose();
        pair.pass(500);
        // Ours says yes; the peer never does, and says anything instead: what it heard, bent, later, again.
        pair.yes(0, &id);
        for _ in 0..200 {
            pair.pass(random.next_u64() % 200);
            let heard = &pair.seen[usize::try_from(random.next_u64()).unwrap() % pair.seen.len()];
            let mut bytes = heard.bytes.to_vec();
            let at = usize::try_from(random.next_u64()).unwrap() % bytes.len();
            match random.next_u64() % 4 {
                0 => bytes[at] ^= 1 << (random.next_u64() % 8),
                1 => bytes.truncate(at),
                2 => bytes[at..].fill(0),
                _ => {}
            }
            pair.send(0, Bytes::from(bytes));
            let status = pair.status(0, &id);
            assert!(
                !matches!(status, Some(Status::Agreed | Status::Confirming)),
                "seed {seed}: {status:?}"
            );
        }
    }
}

#[test]
fn wrong_wishes_are_refused_and_change_nothing() {
    // TRANSFER-2
    let mut pair = Pair::new(7, Way::default());
    let mut propose = |change: &dyn Fn(&mut Proposal)| {
        let mut wish = proposal();
        change(&mut wish);
        pair.nodes[0].propose(wish, pair.now)
    };
    assert_eq!(propose(&|it| it.with = id(0)), Err(TransferError::Self_));
    assert_eq!(propose(&|it| it.amount = Amount(0)), Err(TransferError::Amount));
    assert_eq!(propose(&|it| it.decide_ms = 1), Err(TransferError::Times));
    assert_eq!(propose(&|it| it.tick_ms = 1), Err(TransferError::Times));
    assert!(matches!(propose(&|it| it.kind = "A B".to_owned()), Err(TransferError::Name(_))));
    assert!(matches!(propose(&|it| it.unit = "\n".to_owned()), Err(TransferError::Name(_))));
    let none = Digest([1; 32]);
    let unknown = Err(TransferError::Unknown(none));
    assert_eq!(propose(&|it| it.replaces = Some(none)), unknown);
    let first = propose(&|_| {}).unwrap();
    assert_eq!(propose(&|_| {}), Err(TransferError::Open(first)));
    // Yes needs amount, unit and counterpart, word for word.
    let right = Confirmation { with: id(1), amount: Amount(500_000), unit: "L".to_owned() };
    let wrong = [
        Confirmation { with: id(0), ..right.clone() },
        Confirmation { amount: Amount(50_000), ..right.clone() },
        Confirmation { unit: "kg".to_owned(), ..right.clone() },
    ];
    for said in wrong {
        let refused = pair.nodes[0].yes(&first, &said);
        assert!(matches!(refused, Err(TransferError::Confirmation { .. })));
        assert!(!pair.view(0, &first).unwrap().said_yes);
    }
    assert_eq!(pair.nodes[0].done(&first, pair.now), Err(TransferError::NotAgreed));
    assert_eq!(pair.nodes[0].yes(&none, &right), Err(TransferError::Unknown(none)));
    assert_eq!(pair.nodes[0].yes(&first, &right), Ok(()));
    assert_eq!(pair.nodes[0].no(&first), Ok(()));
    assert_eq!(pair.nodes[0].no(&first), Err(TransferError::Ended));
    assert_eq!(pair.nodes[0].yes(&first, &right), Err(TransferError::Ended));
    assert_eq!(pair.nodes[0].propose(proposal(), pair.now).map(|_| ()), Ok(()));
}

#[test]
fn a_counter_proposal_takes_the_place_of_the_one_it_answers() {
    // TRANSFER-2
    let mut pair = Pair::new(8, Way::default());
    let old = pair.propose();
    pair.pass(100);
    pair.yes(0, &old);
    let amount = Amount(300_000);
    let (with, side, replaces) = (id(0), wire::Side::Taker, Some(old));
    let counter = Proposal { with, side, amount, replaces, ..proposal() };
    let new = pair.nodes[1].propose(counter, pair.now).unwrap();
    pair.yes(1, &old);
    pair.pass(5_000);
    assert_eq!(both(&pair, &old), [Some(Status::Ended); 2]);
    // A yes to the old one is none to the new one.
    assert_eq!(both(&pair, &new), [Some(Status::Open); 2]);
    assert!(!pair.view(0, &new).unwrap().said_yes);
}

#[test]
fn so_many_are_open_at_once_and_no_more() {
    // TRANSFER-2
    let mut pair = Pair::new(9, Way::default());
    for number in 0..OPEN_MAX {
        let with = wire::Identity::from_seed([u8::try_from(number).unwrap() + 100; 32]).id();
        pair.nodes[0].propose(Proposal { with, ..proposal() }, pair.now).unwrap();
    }
    let refused = pair.nodes[0].propose(proposal(), pair.now);
    assert_eq!(refused, Err(TransferError::Many(OPEN_MAX)));
}

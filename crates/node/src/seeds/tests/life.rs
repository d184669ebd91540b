//! What people decide, what is refused without a trace, and what is served to others.

use bytes::Bytes;
use engine::{Accepted, LinkId, Now, SeedMail, Time};
use wire::{
    Carried, Content, Hlc, Identity, NodeId, Record, Seed, SeedRefusal, SeedStep, Signed, TreeId,
    limits,
};

use super::trees::pieces_of;
use crate::seeds::{
    Brief, Budget, Choice, HOLDERS_EACH_MAX, OFFERS_EACH_MAX, SeedError, SeedFact, SeedTurn,
    SeedWish, Seeds, Shape, TOPIC, entry,
};

const NOW: Now = Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 };
const DAY_MS: u64 = 86_400_000;

fn node(number: u16) -> Identity {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Identity::from_seed(seed)
}

fn seeds(disk_bytes_max: u64) -> Seeds {
    let budget = Budget { disk_bytes_max, ..Budget::default() };
    Seeds::new(&[], budget, node(0).id(), [1; 32], NOW)
}

fn brief(size: u64) -> Brief {
    let root = [u8::try_from(size % 251).unwrap(); 32];
    let about = Bytes::from_static(br#"{"title":"wells"}"#);
    Brief { shape: Shape { size, root }, supersedes: None, about }
}

fn accepted(author: &Identity, content: Content, expires_ms: u64) -> Accepted {
    let created = Hlc(NOW.unix_ms << 16);
    let network = wire::Digest([9; 32]);
    let record = Record { network, seq: 1, created, expires_ms, content };
    let opened = Signed::seal(&record, author).open().unwrap();
    let carried = Carried { signed: opened.signed, ttl: 1, hops: 0, tree: TreeId::default() };
    Accepted { id: opened.id, carried, record, from: None }
}

fn offered(seeds: &mut Seeds, author: &Identity, brief: &Brief, expires_ms: u64) {
    seeds.hear(&accepted(author, Content::Message(brief.message()), expires_ms), NOW);
}

fn holds(seeds: &mut Seeds, author: &Identity, shape: Shape, held: Option<Shape>) {
    seeds.hear(&accepted(author, Content::Entry(entry(&shape.id(), held)), 0), NOW);
}

#[test]
fn an_offer_is_shown_and_waits_until_somebody_decides() {
    // SEED-1, SEED-4
    let mut seeds = seeds(1 << 30);
    let brief = brief(20_000);
    let id = brief.shape.id();
    assert_eq!(seeds.check_plant(&id, NOW), Err(SeedError::Unknown));
    offered(&mut seeds, &node(1), &brief, NOW.unix_ms + DAY_MS);
    assert_eq!((seeds.open(NOW), seeds.fetches.len()), (1, 0), "nothing is planted by itself");
    seeds.later(&id, 1_000, "ana", NOW).unwrap();
    assert_eq!(seeds.open(NOW), 0);
    let after = Now { unix_ms: NOW.unix_ms + 1_000, ..NOW };
    assert_eq!(seeds.open(after), 1);
    seeds.compost(&id, "ana", NOW).unwrap();
    assert_eq!(seeds.open(after), 0);
    assert_eq!(seeds.check_compost(&id, NOW), Err(SeedError::Composted));
    seeds.plant(&id, "ana", NOW).unwrap();
    assert_eq!(seeds.check_plant(&id, NOW), Err(SeedError::Planting));
    assert_eq!(seeds.check_compost(&id, NOW), Err(SeedError::Planted));
    assert_eq!(seeds.check_later(&id, 1_000, NOW), Err(SeedError::Planted));
    assert_eq!(seeds.check_offer(&brief), Err(SeedError::Planting));
    seeds.uproot(&id).unwrap();
    assert_eq!(seeds.check_uproot(&id), Err(SeedError::NotHere));
    assert_eq!(seeds.usage().used_bytes, 0);
    let nobody = Shape { size: 1, root: [0; 32] }.id();
    assert_eq!(seeds.check_uproot(&nobody), Err(SeedError::Unknown));
}

#[test]
fn an_offer_that_expired_cannot_be_planted() {
    // SEED-1
    let mut seeds = seeds(1 << 30);
    let brief = brief(9_000);
    offered(&mut seeds, &node(1), &brief, NOW.unix_ms + 10);
    let late = Now { unix_ms: NOW.unix_ms + 10, ..NOW };
    let id = brief.shape.id();
    assert_eq!(seeds.check_plant(&id, late), Err(SeedError::Expired));
    assert_eq!((seeds.open(late), seeds.all(late).len()), (0, 0));
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_makes_room() {
    // SEED-4
    let mut seeds = seeds(30_000);
    let (one, two) = (brief(20_000), brief(10_001));
    for brief in [&one, &two] {
        offered(&mut seeds, &node(1), brief, NOW.unix_ms + DAY_MS);
    }
    seeds.plant(&one.shape.id(), "ana", NOW).unwrap();
    let refused = seeds.check_plant(&two.shape.id(), NOW).unwrap_err();
    let budget = SeedError::Budget { need_bytes: 10_001, left_bytes: 10_000, max_bytes: 30_000 };
    assert_eq!(refused, budget);
    assert!(refused.to_string().contains("uproot one"), "{refused}");
    assert_eq!(seeds.check_offer(&two), Err(budget));
    for size in [0, limits::SEED_BYTES_MAX + 1] {
        assert_eq!(seeds.check_offer(&brief(size)), Err(SeedError::Size));
    }
    assert_eq!(seeds.shelf.len(), 1);
}

#[test]
fn payloads_have_one_form_and_anything_else_is_no_offer() {
    // SEED-1
    let brief = Brief { supersedes: Some(Shape { size: 1, root: [1; 32] }.id()), ..brief(77) };
    let bytes = brief.encode();
    assert_eq!(Brief::decode(&bytes), Some(brief.clone()));
    let text = String::from_utf8(bytes).unwrap();
    for bad in [
        text.replace("77", "077"),
        text.replace("77", "0"),
        text.replace("77", "99999999999999"),
        text.replace("\"size\"", "\"Size\""),
        text.replace("}}", "}"),
        text.replace("wells", "we\nlls"),
        text.replace("wells", &"w".repeat(3_000)),
        format!(" {text}"),
        String::new(),
    ] {
        let read = Brief::decode(bad.as_bytes());
        assert!(read.is_none_or(|it| it.encode() == bad.as_bytes() && it != brief), "{bad}");
    }
    // A message that names another seed than its payload says is no offer either.
    let mut seeds = seeds(1 << 30);
    let mut message = brief.message();
    message.item_hashes = vec![Shape { size: 1, root: [0; 32] }.id()];
    assert_eq!(message.topic, TOPIC);
    seeds.hear(&accepted(&node(1), Content::Message(message), NOW.unix_ms + 9), NOW);
    assert!(seeds.all(NOW).is_empty());
}

#[test]
fn offers_and_holders_are_bounded_and_holders_come_and_go() {
    // SEED-2
    let mut seeds = seeds(1 << 30);
    let brief = brief(9_000);
    let (shape, id) = (brief.shape, brief.shape.id());
    for number in 1..=40 {
        offered(&mut seeds, &node(number), &brief, NOW.unix_ms + u64::from(number) * DAY_MS);
    }
    assert_eq!(seeds.get(&id, NOW).unwrap().offers.len(), OFFERS_EACH_MAX);
    for number in 1..=200 {
        holds(&mut seeds, &node(number), shape, Some(shape));
    }
    let holders = seeds.get(&id, NOW).unwrap().holders;
    assert_eq!(holders.len(), HOLDERS_EACH_MAX);
    for holder in holders {
        let number = (1..=200).find(|it| node(*it).id() == holder).unwrap();
        holds(&mut seeds, &node(number), shape, None);
    }
    assert!(seeds.get(&id, NOW).unwrap().holders.is_empty());
    // Waking up shows the same.
    let rows = seeds.rows().into_iter().filter_map(|(name, row)| Some((name, row?)));
    let woken =
        Seeds::new(&rows.collect::<Vec<_>>(), Budget::default(), node(0).id(), [1; 32], NOW);
    assert_eq!(woken.all(NOW), seeds.all(NOW));
}

/// Asks us for pieces; returns what we say and wish, reads being answered at once.
fn ask(seeds: &mut Seeds, mails: Vec<SeedMail>, now: Now) -> (Vec<Seed>, usize) {
    let content: Vec<u8> = vec![5; 100 * limits::SEED_PIECE_BYTES];
    let (_, pieces) = pieces_of(&content);
    let mut turn = SeedTurn::default();
    for mail in mails {
        seeds.hear_peer(mail, &mut turn, now);
    }
    let (mut said, mut reading_max) = (Vec::new(), 0);
    loop {
        let link_of = |_: &NodeId| None;
        seeds.turn(&mut turn, &link_of, &|_| true, now);
        said.extend(std::mem::take(&mut turn.says).into_iter().map(|(_, seed)| seed));
        let reads: Vec<SeedWish> = std::mem::take(&mut turn.wishes);
        let reads: Vec<_> =
            reads.into_iter().filter(|it| matches!(it, SeedWish::Read { .. })).collect();
        reading_max = reading_max.max(reads.len());
        if reads.is_empty() {
            return (said, reading_max);
        }
        for read in reads {
            let SeedWish::Read { id, index, link, .. } = read else { unreachable!() };
            let piece = pieces[index as usize].clone();
            seeds.done(SeedFact::Read(link, id, Some(Box::new(piece))), now);
        }
    }
}

#[test]
fn each_link_gets_so_much_and_no_more_and_who_wants_too_much_is_told() {
    // SEED-6
    let content: Vec<u8> = vec![5; 100 * limits::SEED_PIECE_BYTES];
    let (shape, _) = pieces_of(&content);
    let mut seeds = seeds(1 << 30);
    let brief = Brief { shape, ..brief(9) };
    seeds.keep(brief, "ana", NOW);
    assert_eq!(seeds.shelf.get(&shape.id()).unwrap().choice, Choice::Held);
    let wish = |link: u64, from: u32, count: u32| SeedMail {
        link: LinkId(link),
        peer: node(1).id(),
        seed: Seed { id: shape.id(), step: SeedStep::Wanted { from, count } },
    };
    let is_piece = |it: &&Seed| matches!(it.step, SeedStep::Piece(_));
    // A burst of 32 pieces at once, then a piece each 8 ms: 1 MiB a second.
    let (said, reading_max) = ask(&mut seeds, vec![wish(1, 0, 64)], NOW);
    assert_eq!(said.iter().filter(is_piece).count(), 32);
    assert!(reading_max <= 16);
    assert!(seeds.deadline(NOW).unwrap() <= Time(NOW.mono_ms + 8));
    let (said, _) = ask(&mut seeds, vec![wish(2, 0, 8)], NOW);
    assert_eq!(said.len(), 8, "another link waits for nobody");
    let later = Now { mono_ms: NOW.mono_ms + 80, ..NOW };
    assert_eq!(ask(&mut seeds, Vec::new(), later).0.len(), 10);
    // More than may wait is refused, what is not held too; neither costs a read.
    let (said, _) = ask(&mut seeds, vec![wish(1, 0, 64)], later);
    let no = |refusal| SeedStep::Refused(refusal);
    assert!(said.iter().any(|it| it.step == no(SeedRefusal::Exhausted)), "{said:?}");
    let (said, _) = ask(&mut seeds, vec![wish(3, 99, 2)], later);
    assert_eq!(said[0].step, no(SeedRefusal::Absent));
    let other = Seed { id: wire::Digest([1; 32]), step: SeedStep::Wanted { from: 0, count: 1 } };
    let mail = SeedMail { link: LinkId(3), peer: node(1).id(), seed: other };
    assert_eq!(ask(&mut seeds, vec![mail], later).0[0].step, no(SeedRefusal::Absent));
}

//! Trees: who is pushed to, who is told, who is asked.

use wire::{
    Carried, Class, Content, Frame, Have, Identity, Message, Push, RecordId, ShortId, Signed,
    TreeId,
};

use super::lab::{
    Lab, START_MS, config, entry, id_of, message, our_name, puppet, pushed, sent, sign,
};
use crate::{Config, Effect, LinkId};

/// The key under which the lab's puppets are told short ids.
const THEIR_KEY: u64 = 7;

fn lab_with(links: u8, config: Config) -> (Lab, Vec<LinkId>) {
    let mut lab = Lab::with(config);
    let links = (1..=links).map(|number| lab.link(&puppet(number))).collect();
    // What is measured and handed out at the beginning is over.
    lab.pass(100);
    (lab, links)
}

fn tell(lab: &mut Lab, link: LinkId, push: Push) -> Vec<Effect> {
    lab.say(link, &Frame::Push(push))
}

fn carry(lab: &mut Lab, link: LinkId, signed: &Signed, tree: TreeId) -> Vec<Effect> {
    let records = vec![Carried { signed: signed.clone(), ttl: 9, hops: 1, tree }];
    tell(lab, link, Push { records, ..Push::default() })
}

/// All pushes to a link, in one.
fn told(effects: &[Effect], link: LinkId) -> Push {
    let mut all = Push::default();
    for frame in sent(effects, link) {
        if let Frame::Push(push) = frame {
            all.records.extend(push.records);
            all.have.extend(push.have);
            all.want.extend(push.want);
            all.prune.extend(push.prune);
            all.graft.extend(push.graft);
        }
    }
    all
}

/// What a link is told of.
fn names(effects: &[Effect], link: LinkId) -> Vec<ShortId> {
    told(effects, link).have.iter().map(|have| have.id).collect()
}

fn had(id: ShortId) -> Have {
    Have { id, age_ms: 0 }
}

fn reached(effects: &[Effect], links: &[LinkId], id: &RecordId) -> usize {
    links.iter().filter(|link| pushed(effects, **link).iter().any(|it| it.0 == *id)).count()
}

fn tree_of(author: &Identity) -> TreeId {
    TreeId::of(&author.id())
}

#[test]
fn a_record_on_an_unknown_tree_goes_to_all_that_lack_it() {
    // TREE-1, TREE-2, GOSSIP-1
    let (mut lab, links) = lab_with(6, config());
    let signed = message(&puppet(20), START_MS, "x");
    let name = our_name(&lab, &id_of(&signed));
    tell(&mut lab, links[1], Push { have: vec![had(name)], ..Push::default() });
    let effects = lab.push(links[0], &signed, 9);
    assert_eq!(reached(&effects, &links[..2], &id_of(&signed)), 0);
    assert_eq!(reached(&effects, &links[2..], &id_of(&signed)), 4);
    let ids = lab.engine.write(vec![(Content::Message(Message::new("t", "1")), 1_000)], lab.now);
    assert_eq!(reached(&lab.engine.drain(), &links, &ids[0]), 6);
}

#[test]
fn nothing_goes_on_before_its_signature_was_checked() {
    // TREE-2
    let (mut lab, links) = lab_with(3, config());
    lab.verifies = false;
    let signed = message(&puppet(20), START_MS, "x");
    let effects = lab.push(links[0], &signed, 9);
    assert_eq!(reached(&effects, &links, &id_of(&signed)), 0);
    let effects = lab.input(crate::Input::Verified(vec![(id_of(&signed), true)]));
    assert_eq!(reached(&effects, &links, &id_of(&signed)), 2);
}

#[test]
fn who_pushes_second_is_pruned_and_then_told_instead() {
    // TREE-3, TREE-5
    let (mut lab, links) = lab_with(3, config());
    let author = puppet(20);
    let first = message(&author, START_MS, "first");
    lab.push(links[0], &first, 9);
    lab.push(links[1], &first, 9);
    let effects = lab.pass(60);
    assert_eq!(told(&effects, links[1]).prune, vec![tree_of(&author)]);
    assert!(told(&effects, links[0]).prune.is_empty());
    // Only one direction: the link did not ask us to stop.
    let second = message(&author, START_MS + 1, "second");
    let effects = lab.push(links[0], &second, 9);
    assert_eq!(reached(&effects, &links[1..], &id_of(&second)), 2);
    // Now it does.
    tell(&mut lab, links[1], Push { prune: vec![tree_of(&author)], ..Push::default() });
    let third = message(&author, START_MS + 2, "third");
    let mut effects = lab.push(links[0], &third, 9);
    effects.extend(lab.pass(60));
    assert_eq!(reached(&effects, &links[1..], &id_of(&third)), 1);
    assert_eq!(names(&effects, links[1]), vec![ShortId::of(THEIR_KEY, &id_of(&third))]);
    // And takes it back.
    tell(&mut lab, links[1], Push { graft: vec![tree_of(&author)], ..Push::default() });
    let fourth = message(&author, START_MS + 3, "fourth");
    let effects = lab.push(links[0], &fourth, 9);
    assert_eq!(reached(&effects, &links[1..], &id_of(&fourth)), 2);
}

#[test]
fn three_of_many_are_told_and_for_a_second_they_are_the_same() {
    // TREE-3
    let (mut lab, links) = lab_with(10, config());
    let author = puppet(20);
    lab.push(links[0], &message(&author, START_MS, "0"), 9);
    for link in &links[1..] {
        tell(&mut lab, *link, Push { prune: vec![tree_of(&author)], ..Push::default() });
    }
    let mut effects = Vec::new();
    for number in 1..=4 {
        effects.extend(lab.push(links[0], &message(&author, START_MS + number, "x"), 9));
    }
    effects.extend(lab.pass(60));
    let counts: Vec<usize> = links.iter().map(|link| told(&effects, *link).have.len()).collect();
    assert_eq!(counts.iter().filter(|count| **count == 4).count(), 3, "{counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), 12);
    // One frame each.
    let frames = links.iter().flat_map(|link| sent(&effects, *link));
    assert_eq!(frames.filter(|it| matches!(it, Frame::Push(_))).count(), 3);
}

#[test]
fn what_is_announced_and_does_not_come_is_asked_for() {
    // TREE-6
    let (mut lab, links) = lab_with(4, config());
    let author = puppet(20);
    let signed = message(&author, START_MS, "x");
    let name = our_name(&lab, &id_of(&signed));
    let have = || Push { have: vec![had(name)], ..Push::default() };
    for link in &links[..3] {
        tell(&mut lab, *link, have());
    }
    assert!(links.iter().all(|link| told(&lab.pass(0), *link).want.is_empty()));
    let wants = |effects: &[Effect]| -> Vec<usize> {
        links.iter().map(|link| told(effects, *link).want.len()).collect()
    };
    let first = wants(&lab.pass(40));
    assert_eq!(first.iter().sum::<usize>(), 1);
    // No answer: two at once.
    let both: Vec<usize> = wants(&lab.pass(50));
    assert_eq!(both.iter().sum::<usize>(), 2);
    assert!(first.iter().zip(&both).all(|(one, other)| one + other <= 1));
    // It comes, goes on to who lacks it, and whoever had it is grafted: nobody pushed it.
    let effects = lab.push(links[2], &signed, 9);
    assert_eq!(told(&effects, links[2]).graft, vec![tree_of(&author)]);
    assert_eq!(reached(&effects, &links, &id_of(&signed)), 1);
    // A late copy changes nothing.
    lab.push(links[3], &signed, 9);
    assert!(told(&lab.pass(60), links[3]).prune.is_empty());
}

#[test]
fn who_does_not_answer_is_asked_whether_it_lives() {
    // TREE-6
    let (mut lab, links) = lab_with(2, config());
    lab.pass(3_000);
    tell(&mut lab, links[0], Push { have: vec![had(ShortId(1))], ..Push::default() });
    lab.pass(40);
    let pings = |effects: &[Effect]| {
        let frames = sent(effects, links[0]).into_iter();
        frames.filter(|frame| matches!(frame, Frame::Ping(_))).count()
    };
    let effects = lab.pass(300);
    assert_eq!(pings(&effects), 1);
}

#[test]
fn who_announces_what_never_comes_is_not_believed_for_long() {
    // TREE-6
    let (mut lab, links) = lab_with(2, config());
    let mut asked = 0;
    for number in 0..40_u64 {
        tell(&mut lab, links[0], Push { have: vec![had(ShortId(number))], ..Push::default() });
        asked += told(&lab.pass(5_000), links[0]).want.len();
    }
    assert!(asked < 20, "asked {asked} times for what never came");
    // The bound holds against many at once, too.
    for part in 0..40_u64 {
        let have = (0..512).map(|number| had(ShortId(1_000 + part * 512 + number))).collect();
        tell(&mut lab, links[1], Push { have, ..Push::default() });
    }
    let wanted = told(&lab.pass(1_000), links[1]).want.len();
    assert!(0 < wanted && wanted <= 16_384, "{wanted}");
}

#[test]
fn a_tree_whose_parent_is_gone_takes_the_next_that_has_what_it_lacks() {
    // TREE-6
    let (mut lab, links) = lab_with(3, config());
    let author = puppet(20);
    lab.push(links[0], &message(&author, START_MS, "x"), 9);
    lab.input(crate::Input::Disconnected(links[0], "reset".to_owned()));
    let next = message(&author, START_MS + 1, "y");
    let name = our_name(&lab, &id_of(&next));
    tell(&mut lab, links[1], Push { have: vec![had(name)], ..Push::default() });
    assert_eq!(told(&lab.pass(40), links[1]).want, vec![name]);
    let effects = lab.push(links[1], &next, 9);
    assert_eq!(told(&effects, links[1]).graft, vec![tree_of(&author)]);
    // From now on it is the parent: coming second with a stranger's record does not prune it.
    let foreign = message(&puppet(21), START_MS + 2, "z");
    carry(&mut lab, links[2], &foreign, tree_of(&author));
    carry(&mut lab, links[1], &foreign, tree_of(&author));
    assert!(told(&lab.pass(60), links[1]).prune.is_empty());
}

/// A record of an author that its parent withholds: it is announced on a link, asked for there and
/// comes. Returns the trees that this link shall push on from now on.
fn withheld(lab: &mut Lab, author: &Identity, link: LinkId, at: u64) -> Vec<TreeId> {
    let signed = message(author, START_MS + at, &at.to_string());
    let name = our_name(lab, &id_of(&signed));
    let mut effects = tell(lab, link, Push { have: vec![had(name)], ..Push::default() });
    effects.extend(lab.pass(600));
    assert_eq!(told(&effects, link).want, vec![name]);
    told(&lab.push(link, &signed, 9), link).graft
}

#[test]
fn who_withholds_in_one_tree_loses_the_others_at_its_first_silence() {
    // TREE-6
    let (mut lab, links) = lab_with(3, config());
    let authors = [puppet(20), puppet(21)];
    for author in &authors {
        lab.push(links[0], &message(author, START_MS, "x"), 9);
    }
    // One silence may be a loss, two in a row are not.
    assert_eq!(withheld(&mut lab, &authors[0], links[1], 1), []);
    assert_eq!(withheld(&mut lab, &authors[0], links[1], 2), [tree_of(&authors[0])]);
    assert_eq!(withheld(&mut lab, &authors[1], links[1], 3), [tree_of(&authors[1])]);
    // It is not chosen again where others are silent: somebody else is, as soon as it has what is missed.
    assert_eq!(withheld(&mut lab, &authors[0], links[0], 4), []);
    assert_eq!(withheld(&mut lab, &authors[0], links[0], 5), []);
    assert_eq!(withheld(&mut lab, &authors[0], links[2], 6), [tree_of(&authors[0])]);
    // After a minute it is forgiven.
    lab.answers = true;
    lab.pass(61_000);
    assert_eq!(withheld(&mut lab, &authors[1], links[0], 61_100), []);
    assert_eq!(withheld(&mut lab, &authors[1], links[0], 61_200), [tree_of(&authors[1])]);
}

#[test]
fn an_announced_record_is_handed_over_once_to_who_asks() {
    let (mut lab, links) = lab_with(3, config());
    let author = puppet(20);
    lab.push(links[0], &message(&author, START_MS, "0"), 9);
    tell(&mut lab, links[1], Push { prune: vec![tree_of(&author)], ..Push::default() });
    let signed = message(&author, START_MS + 1, "x");
    lab.push(links[0], &signed, 9);
    let have = names(&lab.pass(60), links[1]);
    let effects = tell(&mut lab, links[1], Push { want: have, ..Push::default() });
    assert_eq!(reached(&effects, &links, &id_of(&signed)), 1);
    // Names it was not told mean nothing.
    let want = vec![ShortId(1), ShortId(2)];
    let effects = tell(&mut lab, links[1], Push { want, ..Push::default() });
    assert!(sent(&effects, links[1]).is_empty());
}

#[test]
fn requests_that_wait_for_the_store_are_bounded() {
    let (mut lab, links) = lab_with(2, config());
    let signed = message(&puppet(20), START_MS, "x");
    lab.push(links[0], &signed, 9);
    lab.loads = false;
    let want = vec![ShortId::of(THEIR_KEY, &id_of(&signed))];
    let ask = |lab: &mut Lab| {
        let effects = tell(lab, links[1], Push { want: want.clone(), ..Push::default() });
        effects.iter().filter(|it| matches!(it, Effect::Load(..))).count()
    };
    let loads: usize = (0..20).map(|_| ask(&mut lab)).sum();
    assert_eq!(loads, 8);
    assert_eq!(lab.engine.status().counters.dropped, 12);
}

#[test]
fn an_alert_goes_to_everybody_and_shapes_nothing() {
    // GOSSIP-1
    let (mut lab, links) = lab_with(4, config());
    let author = puppet(20);
    lab.push(links[0], &message(&author, START_MS, "0"), 9);
    for link in &links[1..] {
        tell(&mut lab, *link, Push { prune: vec![tree_of(&author)], ..Push::default() });
    }
    let alert = Message { class: Class::Alert, ..Message::new("quake", "1") };
    let alert = sign(&author, START_MS + 1, START_MS + 1, 3_600_000, Content::Message(alert));
    let effects = lab.push(links[0], &alert, 9);
    assert_eq!(reached(&effects, &links[1..], &id_of(&alert)), 3);
    let classes = effects.iter().filter_map(|effect| match effect {
        Effect::Send(_, class, _) => Some(*class),
        _ => None,
    });
    assert!(classes.eq([Class::Alert; 3]));
    lab.push(links[1], &alert, 9);
    assert!(told(&lab.pass(60), links[1]).prune.is_empty());
}

#[test]
fn who_writes_rarely_uses_the_nearest_tree_that_others_know() {
    // TREE-4
    let (mut lab, links) = lab_with(3, Config { landmarks: 2, warm_ms: 8_000, ..config() });
    let (far, near) = (puppet(20), puppet(21));
    lab.now.unix_ms += 500;
    lab.push(links[0], &message(&far, lab.now.unix_ms - 400, "far"), 9);
    lab.push(links[1], &message(&near, lab.now.unix_ms - 20, "near"), 9);
    let write = |lab: &mut Lab| {
        lab.engine.write(vec![(Content::Message(Message::new("t", "1")), 60_000)], lab.now);
        let effects = lab.engine.drain();
        told(&effects, links[2]).records[0].tree
    };
    assert_eq!(write(&mut lab), tree_of(&near));
    assert_eq!(write(&mut lab), tree_of(&near));
    // Twice within a minute: the third has a tree of its own.
    assert_eq!(write(&mut lab), TreeId(0));
    lab.pass(7_000);
    assert_eq!(write(&mut lab), TreeId(0), "others know it for a while");
}

#[test]
fn in_a_quiet_network_the_first_record_floods() {
    // TREE-4
    let (mut lab, links) = lab_with(3, config());
    lab.push(links[0], &message(&puppet(20), START_MS, "x"), 9);
    lab.engine.write(vec![(Content::Message(Message::new("t", "1")), 60_000)], lab.now);
    assert_eq!(told(&lab.engine.drain(), links[2]).records[0].tree, TreeId(0));
}

#[test]
fn what_a_comparison_brought_is_announced_while_it_is_news() {
    // TREE-7
    let (mut lab, links) = lab_with(3, config());
    let (young, old) = (message(&puppet(20), START_MS, "x"), entry(&puppet(20), 1_000, "n", "1"));
    for (signed, set, announced) in [(&young, wire::Set::Messages, 2), (&old, wire::Set::State, 0)]
    {
        let records = vec![signed.clone()];
        let records = wire::Records { set, records, range: false, next: None };
        let mut effects = lab.say(links[0], &Frame::Records(records));
        effects.extend(lab.pass(60));
        let id = id_of(signed);
        assert_eq!(reached(&effects, &links, &id), 0);
        let name = ShortId::of(THEIR_KEY, &id);
        let told = links.iter().filter(|link| names(&effects, **link).contains(&name));
        assert_eq!(told.count(), announced);
    }
}

#[test]
fn strangers_cannot_fill_the_forest() {
    let (mut lab, links) = lab_with(2, Config { trees_max: 8, ..config() });
    for number in 0..100 {
        let prune = (0..512).map(|at| TreeId(number * 512 + at + 1)).collect();
        tell(&mut lab, links[1], Push { prune, ..Push::default() });
    }
    // Prunes of trees we know nothing of change nothing; authors make room for each other.
    for number in 20..60 {
        let signed = message(&puppet(number), START_MS, "x");
        let effects = lab.push(links[0], &signed, 9);
        assert_eq!(reached(&effects, &links, &id_of(&signed)), 1);
    }
}

#[test]
fn a_link_through_which_records_come_sooner_becomes_the_parent() {
    // TREE-8
    let (mut lab, links) = lab_with(2, config());
    let author = puppet(20);
    lab.push(links[0], &message(&author, START_MS, "0"), 9);
    tell(&mut lab, links[1], Push { prune: vec![tree_of(&author)], ..Push::default() });
    let mut told_of = |number: u64, age_ms: u32| {
        let signed = message(&author, START_MS + number, "x");
        let id = our_name(&lab, &id_of(&signed));
        lab.push(links[0], &signed, 9);
        lab.pass(20);
        let effects =
            tell(&mut lab, links[1], Push { have: vec![Have { id, age_ms }], ..Push::default() });
        told(&effects, links[1]).graft
    };
    // It would have come 40 ms sooner; once may be chance, and 4 ms are nothing.
    assert!(told_of(1, 60).is_empty());
    assert!(told_of(2, 24).is_empty());
    assert!(told_of(3, 60).is_empty());
    assert_eq!(told_of(4, 60), vec![tree_of(&author)]);
}

#[test]
fn who_announces_before_the_parent_brings_becomes_the_parent() {
    // TREE-8
    let (mut lab, links) = lab_with(2, config());
    let author = puppet(20);
    lab.push(links[0], &message(&author, START_MS, "0"), 9);
    tell(&mut lab, links[1], Push { prune: vec![tree_of(&author)], ..Push::default() });
    let mut brought_late = |number: u64, late_ms: u64| {
        let signed = message(&author, START_MS + number, "x");
        let id = our_name(&lab, &id_of(&signed));
        let have = vec![Have { id, age_ms: 0 }];
        tell(&mut lab, links[1], Push { have, ..Push::default() });
        lab.pass(late_ms);
        let effects = lab.push(links[0], &signed, 9);
        told(&effects, links[1]).graft
    };
    assert!(brought_late(1, 20).is_empty());
    assert!(brought_late(2, 4).is_empty());
    assert!(brought_late(3, 20).is_empty());
    assert_eq!(brought_late(4, 20), vec![tree_of(&author)]);
}

#[test]
fn where_the_parent_is_far_a_second_link_pushes_on() {
    // TREE-9
    let (mut lab, links) = lab_with(3, Config { far_ms: 0, ..config() });
    let author = puppet(20);
    for number in 0..3 {
        let signed = message(&author, START_MS + number, "x");
        links.iter().for_each(|link| drop(lab.push(*link, &signed, 9)));
    }
    // One stays beside the parent, the third is pruned.
    lab.pass(100);
    let pruned = links.iter().map(|link| told(&lab.effects, *link).prune.len());
    assert_eq!(pruned.collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn where_much_is_late_a_tree_keeps_its_new_parent_for_a_while() {
    // TREE-6
    let (mut lab, links) = lab_with(4, config());
    let author = puppet(20);
    lab.push(links[0], &message(&author, START_MS, "first"), 9);
    let mut grafted = Vec::new();
    for number in 1..=40_u64 {
        // Always another link is the one that has it.
        let link = links[1 + usize::try_from(number % 3).unwrap()];
        let signed = message(&author, START_MS + number, &format!("{number}"));
        let name = our_name(&lab, &id_of(&signed));
        tell(&mut lab, link, Push { have: vec![had(name)], ..Push::default() });
        let effects = lab.pass(25);
        assert_eq!(told(&effects, link).want, [name]);
        let effects = lab.push(link, &signed, 9);
        if !told(&effects, link).graft.is_empty() {
            grafted.push(lab.now.mono_ms);
        }
    }
    assert!(2 <= grafted.len(), "it does take others: {grafted:?}");
    assert!(grafted.windows(2).all(|two| 500 <= two[1] - two[0]), "{grafted:?}");
}

#[test]
fn what_is_wanted_is_found_among_the_latest_also_when_much_came_by() {
    // TREE-3
    let (mut lab, links) = lab_with(2, config());
    lab.pass(3_000);
    let signed: Vec<Signed> =
        (0..3_000).map(|number| message(&puppet(20), START_MS + number, "x")).collect();
    signed.iter().for_each(|it| drop(lab.push(links[0], it, 9)));
    let want: Vec<ShortId> = [2_999, 0, 1_500]
        .map(|at: usize| ShortId::of(THEIR_KEY, &id_of(&signed[at])))
        .into_iter()
        .chain([ShortId(1)])
        .collect();
    let effects = tell(&mut lab, links[1], Push { want, ..Push::default() });
    let mut got: Vec<RecordId> = pushed(&effects, links[1]).into_iter().map(|it| it.0).collect();
    got.sort_unstable();
    let mut wanted = [2_999, 0, 1_500].map(|at: usize| id_of(&signed[at]));
    wanted.sort_unstable();
    assert_eq!(got, wanted);
}

//! Rules: which are accepted, whatever the order; what they say, and who is told.

use std::collections::BTreeMap;

use engine::{Now, Snapshot};
use proptest::prelude::*;
use wire::{Carried, Entry, Identity, MessageKind, Record, Signed, TreeId};

use super::*;
use crate::people::Actor;
use crate::{
    Answer, Command, CommandError, CommandId, Config, Decision, Draft, Effect, Input, Node,
};

mod moments;

type AnyWord = (u8, u8, u64, Option<(usize, u64)>);

const NETWORK: Digest = Digest([9; 32]);
const NOW: Now = Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 };
const CONTENT: &[u8] = br#"{"context":"wells","logic":"rain > 10 -> level rises"}"#;

fn word(stance: Stance, confidence: u64) -> Word {
    let (logic, context) = (Digest([1; 32]), Digest([2; 32]));
    Word { stance, logic, context, confidence, evidence: 4, note: Bytes::from_static(b"\"\"") }
}

/// A record of somebody's that entered.
fn accepted(author: u8, seq: u64, content: Content) -> Accepted {
    let created = Hlc::from_ms(NOW.unix_ms + seq);
    let expires_ms = match &content {
        Content::Message(_) => NOW.unix_ms + ASK_LIFE_MS,
        Content::Contradiction(_) | Content::Entry(_) | Content::Profile(_) => 0,
    };
    let record = Record { network: NETWORK, seq, created, expires_ms, content };
    let signed = Signed::seal(&record, &Identity::from_seed([author; 32]));
    let id = signed.clone().open().unwrap().id;
    let carried = Carried { signed, ttl: 1, hops: 1, tree: TreeId::default() };
    Accepted { id, carried, record, from: None }
}

fn said(author: u8, seq: u64, rule: Digest, word: &Word) -> Accepted {
    accepted(author, seq, Content::Entry(entry(&rule, word)))
}

fn me() -> NodeId {
    Identity::from_seed([1; 32]).id()
}

fn hear(rules: &mut Rules, all: &[Accepted]) {
    all.iter().for_each(|it| {
        rules.hear(it, &me(), NOW);
    });
}

fn rule(number: u8) -> Digest {
    Digest([number; 32])
}

#[test]
fn three_who_are_sure_make_a_rule_and_challenges_take_it_back() {
    // RULE-2
    let mut rules = Rules::new(&[], Policy::default());
    assert_eq!(rules.statistics().root, Digest::default(), "zeros where there are none");
    hear(&mut rules, &[said(2, 1, rule(7), &word(Stance::Commit, 900))]);
    hear(&mut rules, &[said(3, 2, rule(7), &word(Stance::Confirm, 800))]);
    assert!(!rules.get(&rule(7)).unwrap().accepted, "two are too few");
    hear(&mut rules, &[said(4, 3, rule(7), &word(Stance::Confirm, 699))]);
    assert!(!rules.get(&rule(7)).unwrap().accepted, "799 on average");
    hear(&mut rules, &[said(4, 4, rule(7), &word(Stance::Confirm, 700))]);
    let accepted = rules.statistics();
    assert!(rules.get(&rule(7)).unwrap().accepted && accepted.root != Digest::default());
    hear(&mut rules, &[said(5, 5, rule(7), &word(Stance::Challenge, 0))]);
    let challenged = rules.get(&rule(7)).unwrap();
    assert!(!challenged.accepted);
    assert_eq!((challenged.words.len(), challenged.tally.challengers), (4, 1), "both are kept");
    assert_eq!(challenged.tally.average(), 600);
    // Who changes its mind has one word, the last; who takes it back has none.
    hear(&mut rules, &[said(5, 6, rule(7), &word(Stance::Confirm, 1_000))]);
    assert!(rules.get(&rule(7)).unwrap().accepted);
    let name = rule(7).to_string();
    let gone = Entry { collection: COLLECTION.to_owned(), name, value: None };
    hear(&mut rules, &[accepted_entry(5, 7, gone)]);
    assert_eq!(rules.get(&rule(7)).unwrap().words.len(), 3);
    assert_eq!(rules.statistics(), accepted);
}

fn accepted_entry(author: u8, seq: u64, entry: Entry) -> Accepted {
    accepted(author, seq, Content::Entry(entry))
}

#[test]
fn the_network_says_whose_word_counts_and_how_much_it_takes() {
    let four = (2..6).map(|it| said(it, it.into(), rule(1), &word(Stance::Confirm, 900)));
    let four: Vec<Accepted> = four.collect();
    let named = |seeds: &[u8]| -> std::collections::BTreeSet<NodeId> {
        seeds.iter().map(|it| Identity::from_seed([*it; 32]).id()).collect()
    };
    for (policy, accepts) in [
        (Policy::default(), true),
        (Policy { authors_min: 5, ..Policy::default() }, false),
        (Policy { confidence_min: 901, ..Policy::default() }, false),
        (Policy { evidence_min: 16, ..Policy::default() }, true),
        (Policy { evidence_min: 17, ..Policy::default() }, false),
        (Policy { authors: named(&[2, 3, 4]), ..Policy::default() }, true),
        (Policy { authors: named(&[2, 3, 9]), ..Policy::default() }, false),
    ] {
        let mut rules = Rules::new(&[], policy.clone());
        hear(&mut rules, &four);
        assert_eq!(rules.get(&rule(1)).unwrap().accepted, accepts, "{policy:?}");
    }
}

#[test]
fn what_has_another_form_is_no_word() {
    let good = word(Stance::Commit, 900);
    let text = String::from_utf8(good.encode()).unwrap();
    assert_eq!(Word::decode(text.as_bytes()), Some(good));
    for (from, to) in [
        ("commit", "Commit"),
        ("900", "0900"),
        ("900", "1001"),
        ("900", "0"),
        ("900", "-1"),
        (":4,", ":4.0,"),
        ("\"\"}", "}"),
        ("\"\"}", "\"\n\"}"),
        ("\"\"}", "\"\"} "),
        ("{", " {"),
        ("0101", "01"),
        ("logic", "magic"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_eq!(Word::decode(changed.as_bytes()), None, "{changed}");
    }
}

/// A node and its disk.
struct Lab {
    node: Node,
    own: BTreeMap<String, Vec<u8>>,
    now: Now,
    told: Vec<Accepted>,
}

impl Lab {
    fn new(seed: u8) -> Self {
        let mut lab =
            Self { node: wake(seed, Vec::new()), own: BTreeMap::new(), now: NOW, told: Vec::new() };
        lab.input(Input::Net(engine::Input::Tick));
        lab
    }

    fn input(&mut self, input: Input) -> Option<Answer> {
        let mut answer = None;
        for effect in self.node.handle(input, self.now) {
            match effect {
                Effect::Answer(_, it) => answer = Some(it),
                Effect::Net(engine::Effect::Persist(batch)) => {
                    for (name, value) in batch.own {
                        match value {
                            Some(value) => self.own.insert(name, value),
                            None => self.own.remove(&name),
                        };
                    }
                }
                Effect::Net(engine::Effect::Report(engine::Event::Accepted(it))) => {
                    self.told.push(*it);
                }
                Effect::Net(_) | Effect::Seed(_) => {}
            }
        }
        answer
    }

    fn decide(&mut self, decision: Decision) -> Answer {
        let command = Command::Decide(Actor::operator(), decision);
        self.input(Input::Command(CommandId(1), command)).unwrap()
    }

    fn rule(&mut self) -> (Rule, Option<Bytes>) {
        let command = Command::Rule(name_of(CONTENT));
        match self.input(Input::Command(CommandId(1), command)).unwrap() {
            Answer::Rule(rule, content) => (*rule, content),
            other => panic!("{other:?}"),
        }
    }
}

fn wake(seed: u8, own: Vec<(String, Vec<u8>)>) -> Node {
    let kept = Snapshot { own, ..Snapshot::default() };
    let config = Config::new(engine::Config::server(NETWORK));
    Node::new(config, Identity::from_seed([seed; 32]), kept, [2; 32], NOW)
}

fn commit() -> Decision {
    let content = Bytes::from_static(CONTENT);
    Decision::CommitRule { content, word: word(Stance::Commit, 900) }
}

#[test]
fn a_rule_of_ours_is_an_entry_and_decisions_that_cannot_be_change_nothing() {
    // RULE-1
    let mut lab = Lab::new(1);
    assert!(matches!(lab.decide(commit()), Answer::Written(_)));
    let (rule, content) = lab.rule();
    assert_eq!((rule.words.len(), rule.held), (1, true));
    assert_eq!(content.as_deref(), Some(CONTENT));
    let before = (lab.own.clone(), lab.told.len());
    let id = name_of(CONTENT);
    let note = |text: &'static [u8]| Bytes::from_static(text);
    let sure = word(Stance::Commit, 900);
    for decision in [
        commit(),
        Decision::CommitRule { content: note(b"two\nlines"), word: sure.clone() },
        Decision::CommitRule { content: note(b""), word: sure.clone() },
        Decision::CommitRule {
            content: Bytes::from(vec![b'1'; CONTENT_BYTES_MAX + 1]),
            word: sure,
        },
        Decision::CommitRule { content: note(b"1"), word: word(Stance::Commit, 1_001) },
        Decision::ConfirmRule { rule: id, confidence: 0, evidence: 1 },
        Decision::ConfirmRule { rule: NETWORK, confidence: 900, evidence: 1 },
        Decision::ChallengeRule { rule: NETWORK, note: note(b"\"no\"") },
        Decision::ChallengeRule { rule: id, note: note(b"\"n\no\"") },
    ] {
        let answer = lab.decide(decision.clone());
        assert!(
            matches!(answer, Answer::Refused(CommandError::Rule(_))),
            "{decision:?}: {answer:?}"
        );
    }
    let draft = Draft { collection: COLLECTION.to_owned(), name: "a".to_owned(), value: None };
    let answer = lab.input(Input::Command(CommandId(1), Command::Put(vec![draft]))).unwrap();
    assert!(matches!(answer, Answer::Refused(CommandError::OwnCollection("rules"))));
    assert_eq!((lab.own.clone(), lab.told.len()), before);
    // Back from disk it stands as it stood.
    let (rule, content) = lab.rule();
    lab.node = wake(1, lab.own.clone().into_iter().collect());
    assert_eq!(lab.rule(), (rule, content));
}

#[test]
fn what_a_rule_says_travels_when_somebody_asks() {
    // RULE-3
    let (mut author, mut other) = (Lab::new(1), Lab::new(2));
    author.decide(commit());
    let rule = name_of(CONTENT);
    let word = author.told.pop().unwrap();
    let Content::Entry(entry) = &word.record.content else { panic!("an entry") };
    assert!(!String::from_utf8_lossy(entry.value.as_deref().unwrap()).contains("rain"));
    // Records come in as the network would bring them: through the rules of both nodes.
    let mut theirs = Rules::new(&[], Policy::default());
    theirs.hear(&word, &other.node.engine().me(), NOW);
    let question = theirs.want(&rule, NOW).unwrap().unwrap();
    assert_eq!(theirs.want(&rule, NOW), Ok(None), "once in a while");
    assert_eq!(theirs.want(&NETWORK, NOW), Err(RuleError::Unknown));
    let asked = accepted(2, 9, Content::Message(question));
    let mut ours =
        Rules::new(&author.own.clone().into_iter().collect::<Vec<_>>(), Policy::default());
    let answer = ours.hear(&asked, &me(), NOW).unwrap();
    assert_eq!((answer.kind, answer.payload.as_ref()), (MessageKind::Response, CONTENT));
    assert_eq!(ours.hear(&asked, &me(), NOW), None, "everybody heard it");
    // Neither another text nor an answer to nobody's question is kept.
    let lie = Message { payload: Bytes::from_static(b"{}"), ..answer.clone() };
    theirs.hear(&accepted(3, 10, Content::Message(lie)), &other.node.engine().me(), NOW);
    assert_eq!(theirs.content(&rule), Ok(None));
    let told = accepted(1, 11, Content::Message(answer));
    theirs.hear(&told, &other.node.engine().me(), NOW);
    assert_eq!(theirs.content(&rule).unwrap().as_deref(), Some(CONTENT));
    let mut idle = Rules::new(&[], Policy::default());
    hear(&mut idle, &[word, told]);
    assert_eq!(idle.content(&rule), Ok(None), "nobody here asked");
    assert!(matches!(
        other.input(Input::Command(CommandId(1), Command::WantRule(rule))).unwrap(),
        Answer::Refused(CommandError::Rule(RuleError::Unknown))
    ));
}

/// A word of a made-up author, or that it takes its word back.
fn heard((author, number, seq, what): &AnyWord) -> Accepted {
    let entry = match what {
        Some((stance, confidence)) => {
            entry(&rule(*number), &word(Stance::ALL[*stance], (*confidence).max(1)))
        }
        None => Entry {
            collection: COLLECTION.to_owned(),
            name: rule(*number).to_string(),
            value: None,
        },
    };
    accepted_entry(*author, *seq, entry)
}

fn any_word() -> impl Strategy<Value = AnyWord> {
    (2..9_u8, 0..4_u8, 0..20_u64, proptest::option::of((0..3_usize, 0..=1_000_u64)))
}

proptest! {
    #[test]
    fn any_order_and_any_restarts_accept_the_same_rules(
        words in proptest::collection::vec(any_word(), 1..60),
        order in any::<u64>(),
        restart in 0..60_usize,
    ) {
        // RULE-2: words of seven authors on four rules, deletions and twice the same time included.
        let all: Vec<Accepted> = words.iter().map(heard).collect();
        let key = |it: &Accepted| {
            let Content::Entry(entry) = &it.record.content else { panic!("an entry") };
            (it.carried.signed.author, entry.name.clone())
        };
        // The engine tells of what enters: of what is newer than what stands there.
        let play = |all: &[Accepted], restart: Option<usize>| {
            let (mut rules, mut disk) = (Rules::new(&[], Policy::default()), BTreeMap::new());
            let mut set: BTreeMap<_, Accepted> = BTreeMap::new();
            for (step, it) in all.iter().enumerate() {
                let order = |it: &Accepted| (it.record.created, it.id);
                if set.get(&key(it)).is_none_or(|known| order(known) < order(it)) {
                    set.insert(key(it), it.clone());
                    hear(&mut rules, std::slice::from_ref(it));
                }
                disk.extend(rules.rows());
                if Some(step) == restart {
                    let rows = disk.iter();
                    let rows = rows.filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
                    rules = Rules::new(&rows.collect::<Vec<_>>(), Policy::default());
                }
            }
            (rules.list(None, 9), rules.statistics())
        };
        let straight = play(&all, None);
        let mut shuffled = all;
        shuffled.sort_by_key(|it| Digest::of("order", &[&order.to_be_bytes(), &it.id.0]));
        prop_assert_eq!(play(&shuffled, Some(restart)), straight);
    }
}

//! Levels over days, restarts and clocks: through the node, as the daemon drives it.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Now, Snapshot};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wire::{Content, Digest, Identity};

use crate::levels::{
    Amount, DRAWS_PER_PERIOD_MAX, DRAWS_PER_YEAR_MAX, Draws, KINDS_MAX, LevelError, OwnLevel,
    PERIOD_MS, Reading, SLOT_MS,
};
use crate::{Answer, Command, CommandError, CommandId, Config, Draft, Effect, Input, Node};

const DAY_MS: u64 = 86_400_000;
const BEGIN_MS: u64 = 1_800_000_000_000;

/// A node and its disk.
struct Lab {
    node: Node,
    own: BTreeMap<String, Vec<u8>>,
    now: Now,
    /// Values and times of all entries that went to disk.
    said: Vec<(String, String)>,
    restarts: u8,
}

impl Lab {
    fn new() -> Self {
        let now = Now { mono_ms: 0, unix_ms: BEGIN_MS };
        let node = wake(Snapshot::default(), 0, now);
        let (own, said) = (BTreeMap::new(), Vec::new());
        let mut lab = Self { node, own, now, said, restarts: 0 };
        lab.input(Input::Net(engine::Input::Tick));
        lab
    }

    fn input(&mut self, input: Input) -> Option<Answer> {
        let mut answer = None;
        for effect in self.node.handle(input, self.now) {
            match effect {
                Effect::Answer(_, it) => answer = Some(it),
                Effect::Net(engine::Effect::Persist(batch)) => self.write(batch),
                Effect::Net(_) | Effect::Seed(_) => {}
            }
        }
        answer
    }

    fn write(&mut self, batch: engine::Batch) {
        for keep in &batch.keep {
            let opened = keep.signed.clone().open().unwrap();
            if let Content::Entry(entry) = opened.record.content {
                let value = entry.value.map_or_else(|| "gone".into(), |it| it.to_vec());
                let value = String::from_utf8(value).unwrap();
                // LEVEL-3: what it was made of is in the same transaction.
                let row = format!("levels/{}", entry.name);
                assert!(batch.own.iter().any(|(name, value)| *name == row && value.is_some()));
                self.said.push((entry.name, value));
            }
        }
        for (name, value) in batch.own {
            self.own.insert(name, value.unwrap());
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now.mono_ms += ms;
        self.now.unix_ms += ms;
        self.input(Input::Net(engine::Input::Tick));
    }

    fn restart(&mut self) {
        self.restarts += 1;
        let own = self.own.clone().into_iter().collect();
        self.node = wake(Snapshot { own, ..Snapshot::default() }, self.restarts, self.now);
        self.input(Input::Net(engine::Input::Tick));
    }

    fn set(&mut self, readings: Vec<Reading>) -> Answer {
        self.input(Input::Command(CommandId(1), Command::SetLevels(readings))).unwrap()
    }

    fn water(&mut self, level: u64) -> Vec<OwnLevel> {
        match self.set(vec![reading("water", level)]) {
            Answer::Levels(own) => own,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, readings: Vec<Reading>) -> LevelError {
        let (said, own) = (self.said.len(), self.own.clone());
        match self.set(readings) {
            Answer::Refused(CommandError::Level(error)) => {
                assert_eq!((self.said.len(), &self.own), (said, &own), "nothing changed");
                error
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

fn wake(kept: Snapshot, seed: u8, now: Now) -> Node {
    let engine = engine::Config::server(Digest([9; 32]));
    Node::new(Config::new(engine), Identity::from_seed([1; 32]), kept, [seed; 32], now)
}

fn reading(kind: &str, level: u64) -> Reading {
    Reading {
        kind: kind.to_owned(),
        level: Amount(level * 1_000),
        capacity: Some(Amount(5_000_000)),
        unit: Some("L".to_owned()),
        critical: None,
    }
}

fn critical(level: u64) -> Reading {
    Reading { critical: Some(Amount(500_000)), ..reading("water", level) }
}

fn bands(lab: &Lab) -> BTreeSet<&str> {
    let band = |it: &str| it.find("\"need\"").unwrap_or(it.len());
    lab.said.iter().map(|(_, value)| &value[..band(value)]).collect()
}

#[test]
fn the_same_level_says_the_same_for_a_period_whatever_restarts() {
    // LEVEL-2, LEVEL-3
    let mut lab = Lab::new();
    lab.water(1_200);
    for hour in 0..24 * 6 {
        lab.wait(SLOT_MS);
        if hour % 5 == 0 {
            lab.restart();
        }
    }
    assert_eq!(lab.said.len(), 24 * 6 + 1, "one for each slot");
    assert_eq!(bands(&lab).len(), 1, "{:?}", bands(&lab));
    let own = lab.water(1_200);
    assert_eq!((own[0].budget.period, own[0].budget.year), (1, 1));
    for (_, value) in &lab.said {
        let numbers = value.split(|it: char| !it.is_ascii_digit()).filter(|it| !it.is_empty());
        assert_eq!(numbers.count(), 1, "the slot is the only number that leaves: {value}");
    }
}

#[test]
fn what_others_see_stays_within_a_slot() {
    // LEVEL-4
    let mut lab = Lab::new();
    lab.water(1_200);
    for level in [4_000, 100, 5_000, 0] {
        lab.wait(1_000);
        lab.water(level);
        lab.restart();
    }
    assert_eq!(lab.said.len(), 1);
    lab.wait(SLOT_MS);
    assert_eq!(lab.said.len(), 2);
}

#[test]
fn the_deadline_is_when_the_slot_begins() {
    // LEVEL-4
    let mut lab = Lab::new();
    let own = lab.water(1_200);
    let next_ms = own[0].next_ms.unwrap();
    assert!(lab.now.unix_ms < next_ms && next_ms <= lab.now.unix_ms + SLOT_MS);
    lab.wait(next_ms - lab.now.unix_ms - 1);
    assert_eq!(lab.said.len(), 1);
    let deadline = lab.node.deadline().unwrap();
    assert!(deadline.0 <= lab.now.mono_ms + 1);
    lab.wait(1);
    assert_eq!(lab.said.len(), 2);
}

#[test]
fn what_becomes_critical_is_said_at_once_but_twice_a_day_only() {
    // LEVEL-4
    let mut lab = Lab::new();
    lab.set(vec![critical(3_000)]);
    lab.set(vec![critical(400)]);
    assert_eq!(lab.said.len(), 2);
    assert!(lab.said[1].1.contains("\"band\":\"critical\",\"need\":\"deficit\""));
    lab.set(vec![critical(600)]);
    assert!(!lab.said[2].1.contains("critical"));
    lab.restart();
    lab.set(vec![critical(400)]);
    assert_eq!(lab.said.len(), 3, "the third waits for its slot");
    lab.wait(SLOT_MS);
    assert!(lab.said[3].1.contains("critical"));
}

#[test]
fn a_level_that_nobody_says_again_is_not_repeated_for_ever() {
    let mut lab = Lab::new();
    lab.water(1_200);
    (0..24 * 9).for_each(|_| lab.wait(SLOT_MS));
    assert_eq!(lab.said.len(), 24 * 7 + 1);
    assert_eq!(lab.node.handle(Input::Command(CommandId(1), Command::Levels), lab.now).len(), 1);
    lab.water(1_300);
    assert_eq!(lab.said.len(), 24 * 7 + 2);
}

#[test]
fn of_readings_all_or_none_is_taken() {
    // LEVEL-5
    let mut lab = Lab::new();
    let with = |change: &dyn Fn(&mut Reading)| {
        let mut reading = reading("food", 1);
        change(&mut reading);
        vec![self::reading("water", 1), reading]
    };
    let is = |error: LevelError, text: &str| assert!(error.to_string().contains(text), "{error}");
    is(lab.refused(with(&|it| it.kind = "Wat er".to_owned())), "is no kind");
    is(lab.refused(with(&|it| it.kind = "\u{f6}l".to_owned())), "is no kind");
    is(lab.refused(with(&|it| it.kind = "a".repeat(33))), "is no kind");
    is(lab.refused(with(&|it| it.unit = Some("\"L\"".to_owned()))), "is no unit");
    is(lab.refused(with(&|it| it.unit = None)), "capacity and its unit");
    is(lab.refused(with(&|it| it.capacity = None)), "capacity and its unit");
    is(lab.refused(with(&|it| it.capacity = Some(Amount(0)))), "capacity and its unit");
    is(lab.refused(with(&|it| it.level = Amount(5_000_001))), "more than its capacity of 5000");
    is(lab.refused(with(&|it| it.critical = it.capacity)), "must be below the capacity");
    is(lab.refused(Vec::new()), "not 0");
    is(lab.refused(vec![reading("water", 1); 4_097]), "not 4097");
    let many = (0..=KINDS_MAX).map(|kind| reading(&format!("kind-{kind}"), 1)).collect();
    is(lab.refused(many), "16 kinds already");
}

#[test]
fn what_cannot_be_read_is_not_drawn_again() {
    // LEVEL-3
    let mut lab = Lab::new();
    lab.water(1_200);
    lab.own.insert("levels/water".to_owned(), b"levels 2\n".to_vec());
    lab.restart();
    lab.wait(SLOT_MS);
    assert_eq!(lab.said.len(), 1);
    assert!(matches!(lab.refused(vec![reading("water", 1)]), LevelError::Unreadable(_)));
}

#[test]
fn what_was_taken_back_is_gone_for_all_and_set_again_shows_the_same() {
    // LEVEL-8
    let mut lab = Lab::new();
    lab.set(vec![reading("water", 1_200)]);
    let drawn = own(&mut lab)[0].stock.draws.clone();
    let removed = lab.input(Input::Command(CommandId(1), remove("water"))).unwrap();
    assert_eq!(removed, Answer::Levels(Vec::new()));
    assert_eq!(lab.said.last().unwrap().1, "gone");
    lab.restart();
    lab.wait(3 * SLOT_MS);
    assert_eq!((lab.said.len(), own(&mut lab)), (2, Vec::new()), "it is not said again");
    for kind in ["water", "food"] {
        let again = lab.input(Input::Command(CommandId(1), remove(kind))).unwrap();
        let unknown = LevelError::Unknown(kind.to_owned());
        assert_eq!(again, Answer::Refused(CommandError::Level(unknown)));
    }
    lab.set(vec![reading("water", 1_200)]);
    assert_eq!(own(&mut lab)[0].stock.draws, drawn, "nothing is drawn anew");
    assert_eq!(lab.said.len(), 3);
    assert_eq!(bands(&lab).len(), 2, "the band and the deletion");
}

fn own(lab: &mut Lab) -> Vec<OwnLevel> {
    match lab.input(Input::Command(CommandId(1), Command::Levels)).unwrap() {
        Answer::Levels(own) => own,
        other => panic!("{other:?}"),
    }
}

fn remove(kind: &str) -> Command {
    Command::RemoveLevel(kind.to_owned())
}

#[test]
fn nothing_else_writes_levels() {
    // LEVEL-6
    let mut lab = Lab::new();
    let draft = Draft { collection: "levels".to_owned(), name: "water".to_owned(), value: None };
    let answer = lab.input(Input::Command(CommandId(1), Command::Put(vec![draft]))).unwrap();
    assert!(matches!(answer, Answer::Refused(CommandError::OwnCollection("levels"))));
}

#[test]
fn the_year_has_a_budget_beyond_which_nothing_new_is_shown() {
    // LEVEL-7
    let mut random = ChaCha20Rng::seed_from_u64(3);
    let mut draws = Draws::default();
    let mut level = |draws: &mut Draws, period: u64| {
        (0..20).map(|it| draws.show(it * 50, period, &mut random)).collect::<Vec<_>>()
    };
    for period in 0..12 {
        level(&mut draws, period);
        assert!(draws.spent[&draws.period.unwrap()] <= DRAWS_PER_PERIOD_MAX);
    }
    assert_eq!(draws.spent_in_year(11), DRAWS_PER_YEAR_MAX);
    assert_eq!(draws.period, Some(5), "frozen");
    let before = level(&mut draws, 12);
    assert_eq!(before, level(&mut draws, 12));
    level(&mut draws, 13);
    assert_eq!(draws.period, Some(13), "a year later the first period counts no more");
}

proptest! {
    #[test]
    fn levels_clocks_and_restarts_never_spend_more_than_the_budget(
        steps in proptest::collection::vec((0..5_001_u64, 0..40_u64, 0..3_u8), 1..60),
    ) {
        // LEVEL-7
        let mut lab = Lab::new();
        let mut seen = BTreeMap::new();
        for (level, days, what) in steps {
            match what {
                0 => lab.wait(days * DAY_MS),
                1 => lab.restart(),
                // The clock is set back.
                _ => lab.now.unix_ms = BEGIN_MS.max(lab.now.unix_ms - days * DAY_MS / 8),
            }
            let Answer::Levels(own) = lab.set(vec![reading("water", level)]) else { continue };
            let draws = &own[0].stock.draws;
            prop_assert!(draws.drawn.len() <= usize::try_from(DRAWS_PER_PERIOD_MAX).unwrap());
            let year = lab.now.unix_ms / PERIOD_MS;
            prop_assert!(draws.spent_in_year(year) <= DRAWS_PER_YEAR_MAX);
            for (bucket, noise) in &draws.drawn {
                let first = *seen.entry((draws.period, *bucket)).or_insert(*noise);
                prop_assert_eq!(first, *noise, "drawn twice");
            }
        }
        let slots: Vec<&String> = lab.said.iter().map(|(_, value)| value).collect();
        let unique: BTreeSet<&&String> = slots.iter().collect();
        prop_assert_eq!(unique.len(), slots.len(), "two statements for one slot");
    }
}

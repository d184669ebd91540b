//! Roles, quorums and the log.

use std::collections::BTreeMap;

use engine::Now;
use proptest::prelude::*;
use wire::{Digest, Identity};

use super::*;

const NOW: Now = Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 };

/// People and their disk.
struct Lab {
    people: People,
    rows: BTreeMap<String, Vec<u8>>,
    quorums: Quorums,
}

impl Lab {
    fn new(quorums: &[(Deed, u64)]) -> Self {
        let quorums: Quorums = quorums.iter().copied().collect();
        let people = People::new(&[], quorums.clone(), Identity::from_seed([1; 32]));
        Self { people, rows: BTreeMap::new(), quorums }
    }

    fn add(&mut self, name: &str, role: Role) {
        let token = Digest::of("token", &[name.as_bytes()]);
        self.people.check_new(name).unwrap();
        self.people.add(name, role, token, NOW);
        self.write();
    }

    fn decide(&mut self, who: &Actor, deed: Deed, what: &str) -> Result<Standing, PeopleError> {
        let verdict = self.people.weigh(who, deed, what, NOW)?;
        let standing = verdict.standing();
        self.people.record(verdict, NOW);
        self.write();
        Ok(standing)
    }

    fn write(&mut self) {
        for (name, value) in self.people.rows() {
            match value {
                Some(value) => self.rows.insert(name, value),
                None => self.rows.remove(&name),
            };
        }
    }

    /// Wakes up as a store lets it: with the last line of the log alone.
    fn restart(&mut self) {
        let last = self.rows.keys().rfind(|it| it.starts_with("journal/")).cloned();
        let rows = self
            .rows
            .iter()
            .filter(|(name, _)| !name.starts_with("journal/") || Some(*name) == last.as_ref());
        let rows: Vec<_> = rows.map(|(name, value)| (name.clone(), value.clone())).collect();
        self.people = People::new(&rows, self.quorums.clone(), Identity::from_seed([1; 32]));
    }

    fn log(&self) -> Vec<Vec<u8>> {
        let rows = self.rows.iter().filter(|(name, _)| name.starts_with("journal/"));
        rows.map(|(_, value)| value.clone()).collect()
    }
}

fn person(name: &str, role: Role) -> Actor {
    Actor { name: name.to_owned(), role }
}

/// A deed of Mirrors.
fn mirrors_deed() -> Deed {
    Deed::ALL.into_iter().find(|it| !it.is_operators()).unwrap()
}

#[test]
fn each_role_decides_what_is_its_own() {
    // PEOPLE-1
    let mut lab = Lab::new(&[]);
    let deed = mirrors_deed();
    let operator = Actor::operator();
    assert_eq!(lab.decide(&operator, deed, "1"), Ok(Standing::Decided), "stands in for a Mirror");
    lab.add("ana", Role::Mirror);
    lab.add("ola", Role::Observer);
    lab.add("per", Role::Operator);
    let before = lab.rows.clone();
    for who in [operator.clone(), person("per", Role::Operator), person("ola", Role::Observer)] {
        let refused = lab.decide(&who, deed, "2");
        assert!(matches!(refused, Err(PeopleError::Role { .. })), "{refused:?}");
    }
    for who in [person("ana", Role::Mirror), person("ola", Role::Observer)] {
        let refused = lab.decide(&who, Deed::AddPerson, "2");
        assert!(matches!(refused, Err(PeopleError::Role { .. })), "{refused:?}");
    }
    // Nobody, and who pretends to another role than it was given.
    for who in [person("eve", Role::Mirror), person("ola", Role::Mirror)] {
        assert_eq!(lab.decide(&who, deed, "2"), Err(PeopleError::Unknown(who.name.clone())));
    }
    assert_eq!(lab.rows, before, "a refusal changes nothing");
    assert_eq!(lab.decide(&person("ana", Role::Mirror), deed, "2"), Ok(Standing::Decided));
    assert_eq!(lab.decide(&operator, Deed::AddPerson, "2"), Ok(Standing::Decided));
}

#[test]
fn a_token_is_known_by_its_hash_and_opens_nothing_once_it_is_taken_back() {
    // PEOPLE-2
    let mut lab = Lab::new(&[]);
    lab.add("ana", Role::Mirror);
    let token = Digest::of("token", &[b"ana"]);
    for _ in 0..2 {
        assert_eq!(lab.people.roster().whose(&token), Some(("ana", Role::Mirror)));
        assert_eq!(lab.people.roster().whose(&Digest::default()), None);
        lab.restart();
    }
    assert!(matches!(lab.people.check_new("ana"), Err(PeopleError::Known(_))));
    for bad in ["", "operator", "Ana", "a b", &"a".repeat(33)] {
        assert!(matches!(lab.people.check_new(bad), Err(PeopleError::Name(_))), "{bad}");
    }
    lab.people.remove("ana");
    lab.write();
    lab.restart();
    assert_eq!(lab.people.roster().whose(&token), None);
    assert!(lab.people.check_known("ana").is_err());
}

#[test]
fn a_quorum_takes_so_many_mirrors_with_one_word_each() {
    // PEOPLE-3
    let deed = mirrors_deed();
    let mut lab = Lab::new(&[(deed, 2), (Deed::AddPerson, 9)]);
    let few = lab.decide(&Actor::operator(), deed, "x");
    assert!(matches!(few, Err(PeopleError::Few { need: 2, have: 1, .. })));
    assert_eq!(lab.decide(&Actor::operator(), Deed::AddPerson, "x"), Ok(Standing::Decided));
    lab.add("ana", Role::Mirror);
    lab.add("bo", Role::Mirror);
    let (ana, bo) = (person("ana", Role::Mirror), person("bo", Role::Mirror));
    assert_eq!(lab.decide(&ana, deed, "x"), Ok(Standing::Waits));
    lab.restart();
    assert_eq!(lab.decide(&ana, deed, "x"), Err(PeopleError::Voted("ana".to_owned())));
    assert_eq!(lab.decide(&bo, deed, "y"), Ok(Standing::Waits), "another decision");
    assert_eq!(lab.people.assembly(NOW).votes.len(), 2);
    // Who goes takes its word along.
    lab.people.remove("ana");
    lab.add("cy", Role::Mirror);
    assert_eq!(lab.decide(&bo, deed, "x"), Ok(Standing::Waits));
    assert_eq!(lab.decide(&person("cy", Role::Mirror), deed, "x"), Ok(Standing::Decided));
    assert_eq!(lab.people.assembly(NOW).votes.len(), 1);
    let later = Now { unix_ms: NOW.unix_ms + VOTE_MS_MAX, ..NOW };
    assert_eq!(lab.people.assembly(later).votes.len(), 0, "a day is enough");
}

#[test]
fn the_log_shows_every_change_that_was_made_to_it() {
    // PEOPLE-4
    let mut lab = Lab::new(&[]);
    let deed = mirrors_deed();
    for number in 0..6 {
        lab.decide(&Actor::operator(), deed, &format!("{{\"n\":{number}}}\nnumber 7")).unwrap();
        if number % 2 == 0 {
            lab.restart();
        }
    }
    let log = lab.log();
    let read = |log: &[Vec<u8>]| read_chain(log.iter().map(Vec::as_slice));
    let whole = read(&log).unwrap().unwrap();
    assert_eq!((whole.lines, whole.first), (6, 1));
    assert_eq!(whole.node, Identity::from_seed([1; 32]).id());
    let line = LineText::decode(&log[3]).unwrap();
    assert_eq!(
        (line.number, line.person.as_str(), line.role.as_str()),
        (4, "operator", "operator")
    );
    assert_eq!(line.what, "{\"n\":3} number 7");
    // A stretch of it shows itself too.
    assert_eq!(read(&log[2..]).unwrap().unwrap().first, 3);
    for at in 0..log.len() {
        if at + 1 < log.len() {
            let mut gap = log.clone();
            gap.remove(at);
            assert_eq!(read(&gap).is_ok(), at == 0, "without line {at}");
        }
        let mut swapped = log.clone();
        swapped.swap(at, (at + 1) % log.len());
        assert!(read(&swapped).is_err());
        for byte in 0..log[at].len() {
            let mut changed = log.clone();
            changed[at][byte] ^= 1;
            assert!(read(&changed).is_err(), "byte {byte} of line {at}");
        }
    }
    assert_eq!(read(&[]), Ok(None));
}

proptest! {
    #[test]
    fn any_text_of_a_log_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        // Nothing panics, and what nobody signed is no log.
        prop_assert!(read_chain([bytes.as_slice()]).is_err());
    }
}

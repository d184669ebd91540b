//! Who was named here, and in which role.

use std::collections::BTreeMap;

use wire::Digest;

use super::Role;
use super::person::is_person;
use crate::row::Words;

/// Everybody who was named. Bound: [`PEOPLE_MAX`]; nobody makes room.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Roster(BTreeMap<String, Person>);

/// Somebody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    /// What it may do.
    pub role: Role,
    /// The hash of its token; the token itself is nowhere here.
    pub token: Digest,
    /// When it was named, unix milliseconds.
    pub added_ms: u64,
}

impl Roster {
    /// Reads the rows that were kept.
    pub(super) fn of(rows: &[(String, Vec<u8>)]) -> Self {
        let mut people = BTreeMap::new();
        for (name, value) in rows {
            let Some(name) = name.strip_prefix(PREFIX) else { continue };
            match decode(value).filter(|_| is_person(name)) {
                Some(person) => {
                    people.insert(name.to_owned(), person);
                }
                None => tracing::error!(name, "the row of a person cannot be read: it may nothing"),
            }
        }
        Self(people)
    }

    /// Returns somebody by name.
    pub fn get(&self, name: &str) -> Option<&Person> {
        self.0.get(name)
    }

    /// Returns who has a token of this hash.
    pub fn whose(&self, token: &Digest) -> Option<(&str, Role)> {
        let mut found = None;
        for (name, person) in &self.0 {
            // All are looked at, so that it takes one time whoever it is.
            let differing = person.token.0.iter().zip(token.0).fold(0, |sum, (a, b)| sum | (a ^ b));
            if std::hint::black_box(differing) == 0 {
                found = Some((name.as_str(), person.role));
            }
        }
        found
    }

    /// Returns everybody, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Person)> {
        self.0.iter().map(|(name, person)| (name.as_str(), person))
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether nobody was named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts those of a role.
    pub fn count(&self, role: Role) -> u64 {
        self.0.values().filter(|person| person.role == role).count() as u64
    }

    pub(super) fn add(&mut self, name: &str, person: Person) -> Option<(String, Option<Vec<u8>>)> {
        let row = encode(&person);
        self.0.insert(name.to_owned(), person);
        Some((format!("{PREFIX}{name}"), Some(row)))
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<(String, Option<Vec<u8>>)> {
        self.0.remove(name)?;
        Some((format!("{PREFIX}{name}"), None))
    }
}

fn encode(person: &Person) -> Vec<u8> {
    let Person { role, token, added_ms } = person;
    format!("{VERSION}\nrole {role}\ntoken {token}\nadded {added_ms}\n").into_bytes()
}

fn decode(bytes: &[u8]) -> Option<Person> {
    let mut words = Words::begin(bytes, VERSION)?;
    let role = words.value("role")?;
    let token = Digest::from_hex(words.text("token")?)?;
    let added_ms = words.value("added")?;
    words.end()?;
    Some(Person { role, token, added_ms })
}

/// The most people a node knows.
pub const PEOPLE_MAX: usize = 64;
const PREFIX: &str = "people/";
const VERSION: &str = "person 1";

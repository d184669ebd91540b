//! Who may decide at this node, how many of them it takes, and the log of what they decided.
//!
//! The operator runs the machine; Mirrors decide what it says and takes in the name of its people;
//! observers look. Where nobody was named a Mirror yet, the operator stands in for one.

mod deed;
mod journal;
mod person;
mod roster;

mod votes;

use std::collections::BTreeMap;

use engine::Now;
use wire::{Digest, Identity};

pub use deed::{Deed, UnknownDeed};
pub use journal::{BadJournal, BadRow, Chained, Journal, Line, LineText, read_chain};
pub use person::{Actor, OPERATOR, PERSON_BYTES_MAX, Role, UnknownRole, is_person};
pub use roster::{PEOPLE_MAX, Person, Roster};
use votes::Votes;
pub use votes::{VOTE_MS_MAX, VOTES_MAX, Vote};

/// How many it takes, for each kind of decision; one where nothing is said.
pub type Quorums = BTreeMap<Deed, u64>;

/// The people of one node.
#[derive(Debug)]
pub struct People {
    roster: Roster,
    votes: Votes,
    journal: Journal,
    quorums: Quorums,
    /// Rows that differ from what is on disk.
    changed: BTreeMap<String, Option<Vec<u8>>>,
}

/// What an operator may see of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assembly {
    /// Everybody who was named.
    pub roster: Roster,
    /// What waits for others.
    pub votes: Vec<Vote>,
    /// How many it takes.
    pub quorums: Quorums,
}

/// A decision on its way: nothing is written yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    actor: Actor,
    deed: Deed,
    what: String,
    vote: Vote,
    standing: Standing,
}

/// Whether a decision is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is.
    Decided,
    /// It waits for others.
    Waits,
}

/// Why somebody may not decide. Nothing changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PeopleError {
    /// The name is taken.
    #[error("there is a person named {0} here: remove it first, or choose another name")]
    Known(String),
    /// Not enough people for this quorum.
    #[error(
        "{deed} takes {need} Mirrors, and this node has {have}: name more with `trellis people \
         add`, or change quorum.{key}", key = .deed.key()
    )]
    Few {
        /// What.
        deed: Deed,
        /// How many it takes.
        need: u64,
        /// How many there are.
        have: u64,
    },
    /// Too many people.
    #[error("{PEOPLE_MAX} people are named here, the most a node knows: remove one first")]
    Many,
    /// A name that is none.
    #[error("{0:?} is no name: use 1 to {PERSON_BYTES_MAX} of a-z, 0-9 and -, and not operator")]
    Name(String),
    /// The role does not fit.
    #[error("{deed} is for {wanted}, and {who} is {role} here")]
    Role {
        /// Who tried.
        who: String,
        /// As what.
        role: Role,
        /// What.
        deed: Deed,
        /// Whose it is.
        wanted: &'static str,
    },
    /// Nobody of that name, or not in that role any more.
    #[error("there is no person named {0} here: see `trellis people list`")]
    Unknown(String),
    /// Said twice by the same person.
    #[error("{0} has said so already: it waits for another Mirror")]
    Voted(String),
    /// Too much waits.
    #[error("{VOTES_MAX} decisions wait for other Mirrors: they agree, or wait a day")]
    Waiting,
}

impl People {
    /// Wakes up with the rows that were kept.
    pub fn new(rows: &[(String, Vec<u8>)], quorums: Quorums, identity: Identity) -> Self {
        Self {
            roster: Roster::of(rows),
            votes: Votes::of(rows),
            journal: Journal::of(rows, identity),
            quorums,
            changed: BTreeMap::new(),
        }
    }

    /// Returns who is who.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns all that may be seen.
    pub fn assembly(&self, now: Now) -> Assembly {
        let votes = self.votes.open(now.unix_ms).cloned().collect();
        Assembly { roster: self.roster.clone(), votes, quorums: self.quorums.clone() }
    }

    /// Weighs a decision: who may make it, and how many have by now (PEOPLE-1, PEOPLE-3). Changes
    /// nothing: see [`People::record`].
    pub fn weigh(
        &self,
        actor: &Actor,
        deed: Deed,
        what: &str,
        now: Now,
    ) -> Result<Verdict, PeopleError> {
        self.check(actor, deed)?;
        let need = self.need(deed);
        let have = self.roster.count(Role::Mirror).max(1);
        if have < need {
            return Err(PeopleError::Few { deed, need, have });
        }
        let known = self.votes.find(deed, what, now.unix_ms);
        let begun = Vote {
            deed,
            what: what.to_owned(),
            by: Vec::new(),
            need,
            until_ms: now.unix_ms.saturating_add(VOTE_MS_MAX),
        };
        let mut vote = Vote { need, ..known.cloned().unwrap_or(begun) };
        // Who was removed meanwhile counts no more.
        vote.by.retain(|name| self.is_mirror(name));
        if vote.by.contains(&actor.name) {
            return Err(PeopleError::Voted(actor.name.clone()));
        }
        vote.by.push(actor.name.clone());
        let decided = need <= vote.by.len() as u64;
        if !decided && known.is_none() && VOTES_MAX <= self.votes.open(now.unix_ms).count() {
            return Err(PeopleError::Waiting);
        }
        let standing = if decided { Standing::Decided } else { Standing::Waits };
        let (actor, what) = (actor.clone(), what.to_owned());
        Ok(Verdict { actor, deed, what, vote, standing })
    }

    /// Writes a decision into the log, and what waits beside it.
    pub fn record(&mut self, verdict: Verdict, now: Now) -> Option<Vote> {
        let Verdict { actor, deed, what, vote, standing } = verdict;
        let (by, need) = (vote.by.len(), vote.need);
        let result = match standing {
            Standing::Decided => "decided".to_owned(),
            Standing::Waits => format!("{by} of {need}"),
        };
        let line = Line {
            person: actor.name,
            role: actor.role.name(),
            deed: deed.name().to_owned(),
            result,
            what,
        };
        self.note(&line, now);
        self.changed.extend(self.votes.forget_old(now.unix_ms));
        match standing {
            Standing::Decided => {
                self.changed.extend(self.votes.close(&vote));
                None
            }
            Standing::Waits => {
                self.changed.extend(self.votes.keep(&vote));
                Some(vote)
            }
        }
    }

    /// Writes a line into the log (PEOPLE-4).
    pub fn note(&mut self, line: &Line, now: Now) {
        let (name, row) = self.journal.append(line, now.unix_ms);
        self.changed.insert(name, Some(row));
    }

    /// Says whether somebody can be named so.
    pub fn check_new(&self, name: &str) -> Result<(), PeopleError> {
        if !is_person(name) {
            return Err(PeopleError::Name(name.chars().take(40).collect()));
        }
        if self.roster.get(name).is_some() {
            return Err(PeopleError::Known(name.to_owned()));
        }
        if self.roster.len() < PEOPLE_MAX { Ok(()) } else { Err(PeopleError::Many) }
    }

    /// Says whether somebody of that name is here.
    pub fn check_known(&self, name: &str) -> Result<(), PeopleError> {
        let unknown = || PeopleError::Unknown(name.chars().take(40).collect());
        self.roster.get(name).map(|_| ()).ok_or_else(unknown)
    }

    /// Names somebody, known by the hash of a token that nobody else has.
    pub fn add(&mut self, name: &str, role: Role, token: Digest, now: Now) {
        let person = Person { role, token, added_ms: now.unix_ms };
        self.changed.extend(self.roster.add(name, person));
    }

    /// Takes a name away; its token opens nothing any more.
    pub fn remove(&mut self, name: &str) {
        self.changed.extend(self.roster.remove(name));
    }

    /// Returns the rows that must be on disk before anything that follows.
    pub fn rows(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    fn need(&self, deed: Deed) -> u64 {
        if deed.takes_one() { 1 } else { self.quorums.get(&deed).copied().unwrap_or(1).max(1) }
    }

    fn check(&self, actor: &Actor, deed: Deed) -> Result<(), PeopleError> {
        let Actor { name, role } = actor;
        // Who came in with a token that was taken back meanwhile.
        if name != OPERATOR && self.roster.get(name).map(|it| it.role) != Some(*role) {
            return Err(PeopleError::Unknown(name.clone()));
        }
        let no_mirrors = self.roster.count(Role::Mirror) == 0;
        let may = match role {
            Role::Mirror => !deed.is_operators(),
            Role::Observer => false,
            Role::Operator => deed.is_operators() || no_mirrors,
        };
        if may {
            return Ok(());
        }
        let wanted = if deed.is_operators() { "the operator" } else { "a Mirror" };
        Err(PeopleError::Role { who: name.clone(), role: *role, deed, wanted })
    }

    /// Says whether a vote of this name counts.
    fn is_mirror(&self, name: &str) -> bool {
        match self.roster.get(name) {
            Some(person) => person.role == Role::Mirror,
            None => name == OPERATOR && self.roster.count(Role::Mirror) == 0,
        }
    }
}

impl Verdict {
    /// Whether it is made with this.
    pub fn standing(&self) -> Standing {
        self.standing
    }
}

#[cfg(test)]
mod tests;

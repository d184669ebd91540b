//! The shapes of people and their decisions.

use node::people::{Assembly, OPERATOR, Person, Role, Vote};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Json;
use crate::clock::rfc3339;

/// `trellis.people/1`: who may decide at this node, and what waits for them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct PeopleAnswer {
    /// `trellis.people/1`.
    pub schema: String,
    /// Everybody who was named, by name. Whoever holds DIR/token is `operator` beside them.
    pub people: Vec<PersonRow>,
    /// Decisions that wait for another Mirror.
    pub waiting: Vec<VoteRow>,
    /// Kinds of decision that take more than one Mirror.
    pub quorums: Vec<QuorumRow>,
}

/// Somebody.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct PersonRow {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: PersonRole,
    /// When it was named, RFC 3339.
    pub added: String,
}

/// What somebody may do at this node.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersonRole {
    /// Decides what the node says and takes in the name of its people.
    Mirror,
    /// Looks.
    Observer,
    /// Runs the machine, and names the others.
    Operator,
}

/// A decision that waits for another Mirror, who makes the same one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct VoteRow {
    /// What kind.
    pub deed: String,
    /// What exactly.
    #[schema(value_type = serde_json::Value)]
    pub what: Json,
    /// Who has made it.
    pub by: Vec<String>,
    /// How many it takes.
    pub need: u64,
    /// When it is forgotten, RFC 3339.
    pub until: String,
}

/// How many Mirrors a kind of decision takes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct QuorumRow {
    /// What kind.
    pub deed: String,
    /// How many.
    pub need: u64,
}

/// `trellis.waits/1`: a decision takes another Mirror; this one's word is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Waits {
    /// `trellis.waits/1`.
    pub schema: String,
    /// The decision.
    #[serde(flatten)]
    pub vote: VoteRow,
}

/// Body of `POST /v1/people`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// 1 to 32 of a-z, 0-9 and -.
    pub name: String,
    /// What it may do.
    pub role: PersonRole,
}

/// `trellis.person/1`: somebody, with the token that is shown this once.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct PersonAnswer {
    /// `trellis.person/1`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: PersonRole,
    /// What it shows at the API. The node keeps a hash of it alone.
    pub token: String,
}

impl PeopleAnswer {
    pub(crate) fn of(assembly: &Assembly) -> Self {
        let row = |(name, person): (&str, &Person)| PersonRow {
            name: name.to_owned(),
            role: person.role.into(),
            added: rfc3339(person.added_ms),
        };
        debug_assert!(assembly.roster.get(OPERATOR).is_none(), "nobody is named so");
        let quorums = assembly.quorums.iter().filter(|(_, need)| 1 < **need);
        let quorum = |(deed, need): (&node::people::Deed, &u64)| QuorumRow {
            deed: deed.to_string(),
            need: *need,
        };
        Self {
            schema: "trellis.people/1".to_owned(),
            people: assembly.roster.iter().map(row).collect(),
            waiting: assembly.votes.iter().map(VoteRow::of).collect(),
            quorums: quorums.map(quorum).collect(),
        }
    }
}

impl VoteRow {
    fn of(vote: &Vote) -> Self {
        Self {
            deed: vote.deed.to_string(),
            what: Json::of(vote.what.as_bytes()),
            by: vote.by.clone(),
            need: vote.need,
            until: rfc3339(vote.until_ms),
        }
    }
}

impl Waits {
    pub(crate) fn of(vote: &Vote) -> Self {
        Self { schema: "trellis.waits/1".to_owned(), vote: VoteRow::of(vote) }
    }
}

impl From<PersonRole> for Role {
    fn from(role: PersonRole) -> Self {
        match role {
            PersonRole::Mirror => Self::Mirror,
            PersonRole::Observer => Self::Observer,
            PersonRole::Operator => Self::Operator,
        }
    }
}

impl From<Role> for PersonRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Mirror => Self::Mirror,
            Role::Observer => Self::Observer,
            Role::Operator => Self::Operator,
        }
    }
}

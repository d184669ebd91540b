//! The shapes of invitations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/invites`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    /// How long it is good for, seconds; 900 unless told, at most 30 days.
    pub life_s: Option<u64>,
    /// Where the guest finds this node; unless told, where peers find it.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// `trellis.invite/1`: an invitation that was made. The link is a secret until it is used.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct InviteMade {
    /// `trellis.invite/1`.
    pub schema: String,
    /// Its name, which tells nothing of the link.
    pub invite: String,
    /// What the guest needs.
    pub link: String,
    /// Until when, RFC 3339.
    pub expires: String,
    /// Where the guest will look for this node.
    pub addresses: Vec<String>,
}

/// `trellis.invites/1`: those that are open, and what became of others.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct InviteList {
    /// `trellis.invites/1`.
    pub schema: String,
    /// The invitations, the newest last.
    pub invites: Vec<InviteRow>,
}

/// One invitation.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct InviteRow {
    /// Its name.
    pub invite: String,
    /// Until when, RFC 3339.
    pub expires: String,
    /// How far it is.
    pub state: InviteState,
    /// Who took it up; null while nobody has.
    pub node: Option<String>,
    /// What both humans compare; empty while nobody has come.
    pub words: Vec<String>,
}

/// How far an invitation is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteState {
    /// Nobody came in time.
    Expired,
    /// Nobody came yet.
    Open,
    /// A human said no, or took it back.
    Refused,
    /// Somebody came; a human decides.
    Waiting,
    /// A human said yes.
    Welcome,
}

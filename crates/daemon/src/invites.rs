//! Invitations of this node: made, taken up by one guest, decided by a human (INVITE).
//!
//! They stand in a file of the directory, so that one that was used stays used after a restart. Bound:
//! `INVITES_MAX`; those that are over make room.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use wire::{Address, Digest, Identity, Invite, Knock, Reply, Step, limits};

use crate::directory::{self, DirectoryError};

/// All of them, and what answers to guests need.
#[derive(Debug)]
pub(crate) struct Invites {
    directory: PathBuf,
    identity: Identity,
    /// The network file's exact bytes.
    network_file: String,
    network: Digest,
    rows: Mutex<Vec<Row>>,
}

/// One invitation as it stands in the file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    secret: [u8; 16],
    expires_s: u64,
    addresses: Vec<String>,
    state: State,
    guest: Option<Guest>,
}

/// Who took it up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Guest {
    node: String,
    nonce: [u8; 16],
    reply_nonce: [u8; 16],
}

/// How far an invitation is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nobody came yet.
    Open,
    /// Somebody came; a human decides.
    Waiting,
    /// No, or taken back.
    Refused,
    /// Yes.
    Welcome,
}

/// An invitation as a human sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shown {
    pub(crate) name: Digest,
    pub(crate) expires_s: u64,
    pub(crate) state: State,
    pub(crate) node: Option<String>,
    pub(crate) words: Option<[&'static str; 4]>,
}

/// Why an invitation is not made or decided. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InviteError {
    #[error("no invitation of that name is open: `trellis invite list` shows them")]
    Unknown,
    #[error("it is decided already")]
    Decided,
    #[error("nobody has come yet: wait until the guest's words are shown")]
    NobodyThere,
    #[error("{INVITES_MAX} invitations are open: refuse one of them, or wait until one expires")]
    TooMany,
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl Invites {
    /// Reads those of a directory, whose network file is there.
    pub(crate) fn open(directory: &Path, identity: Identity) -> Result<Self, DirectoryError> {
        let missing = |path: &Path, why: String| DirectoryError::Io { path: path.to_owned(), why };
        let file = directory.join("network.toml");
        let text = directory::read_optional(&file)?;
        let network_file = text.ok_or_else(|| missing(&file, "it is gone".to_owned()))?;
        let network = Digest::of("trellis-network-v1", &[network_file.as_bytes()]);
        let path = directory.join(FILE);
        let rows = match directory::read_secret(&path)? {
            None => Vec::new(),
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| missing(&path, format!("it is damaged, remove it: {error}")))?,
        };
        let directory = directory.to_owned();
        Ok(Self { directory, identity, network_file, network, rows: Mutex::new(rows) })
    }

    /// Makes one.
    pub(crate) fn make(
        &self,
        expires_s: u64,
        addresses: Vec<Address>,
        now_s: u64,
    ) -> Result<Invite, InviteError> {
        let secret = self.random()?;
        let addresses: Vec<Address> =
            addresses.into_iter().take(limits::INVITE_ADDRESSES_MAX).collect();
        let texts = addresses.iter().map(ToString::to_string).collect();
        let row = Row { secret, expires_s, addresses: texts, state: State::Open, guest: None };
        self.change(|rows| {
            rows.retain(|row| now_s < row.expires_s.saturating_add(KEPT_S));
            if INVITES_MAX <= rows.iter().filter(|row| row.is_open(now_s)).count() {
                return Err(InviteError::TooMany);
            }
            if ROWS_MAX <= rows.len() {
                let over = rows.iter().position(|row| !row.is_open(now_s));
                over.map(|at| rows.remove(at));
            }
            rows.push(row.clone());
            Ok(())
        })?;
        Ok(self.invite(&row))
    }

    /// Lists them, the newest last.
    pub(crate) fn list(&self) -> Vec<Shown> {
        self.lock().iter().map(|row| self.shown(row)).collect()
    }

    /// Says yes or no to the guest of one; a no takes one back that nobody took up.
    pub(crate) fn decide(
        &self,
        name: &Digest,
        step: Step,
        now_s: u64,
    ) -> Result<Shown, InviteError> {
        let mut decided = None;
        self.change(|rows| {
            let row = rows.iter_mut().find(|row| self.invite(row).name() == *name);
            let row = row.filter(|row| now_s < row.expires_s).ok_or(InviteError::Unknown)?;
            row.state = match (row.state, step) {
                (State::Refused | State::Welcome, _) => return Err(InviteError::Decided),
                (State::Open, Step::Welcome) => return Err(InviteError::NobodyThere),
                (State::Waiting, Step::Welcome) => State::Welcome,
                (State::Open | State::Waiting, Step::Refused) => State::Refused,
                (State::Open | State::Waiting, Step::Waiting) => return Ok(()),
            };
            decided = Some(row.clone());
            Ok(())
        })?;
        decided.map(|row| self.shown(&row)).ok_or(InviteError::Unknown)
    }

    /// Answers a guest; `None` where it is not invited. The first genuine one takes the invitation, and that is on
    /// disk before it hears of it.
    pub(crate) fn knock(&self, knock: &Knock, now_s: u64) -> Result<Option<Reply>, InviteError> {
        let find = |rows: &[Row]| {
            let named = rows.iter().position(|row| self.invite(row).name() == knock.invite);
            named.filter(|at| now_s < rows[*at].expires_s)
        };
        let found = {
            let rows = self.lock();
            find(&rows).map(|at| rows[at].clone())
        };
        let Some(mut row) = found.filter(|row| knock.is_genuine(&row.secret)) else {
            return Ok(None);
        };
        if row.guest.is_none() && row.state == State::Open {
            let reply_nonce = self.random()?;
            let guest = Guest { node: knock.node.to_string(), nonce: knock.nonce, reply_nonce };
            self.change(|rows| {
                let at = find(rows).ok_or(InviteError::Unknown)?;
                // Two may have come at once: the first has it.
                if rows[at].guest.is_none() && rows[at].state == State::Open {
                    (rows[at].guest, rows[at].state) = (Some(guest), State::Waiting);
                }
                row = rows[at].clone();
                Ok(())
            })?;
        }
        let Some(guest) = row.guest.filter(|it| it.node == knock.node.to_string()) else {
            return Ok(None);
        };
        let answer = match row.state {
            State::Open | State::Waiting => (Step::Waiting, None),
            State::Refused => (Step::Refused, None),
            State::Welcome => (Step::Welcome, Some(self.network_file.clone())),
        };
        // The words are made of the first knock's nonce: another one would show others.
        if guest.nonce != knock.nonce {
            return Ok(None);
        }
        Ok(Some(Reply::new(knock, guest.reply_nonce, answer, &self.identity)))
    }

    fn invite(&self, row: &Row) -> Invite {
        Invite {
            inviter: self.identity.id(),
            network: self.network,
            secret: row.secret,
            expires_s: row.expires_s,
            addresses: row.addresses.iter().filter_map(|text| text.parse().ok()).collect(),
        }
    }

    fn shown(&self, row: &Row) -> Shown {
        let invite = self.invite(row);
        let words = row.guest.as_ref().and_then(|guest| {
            let knock = Knock {
                invite: invite.name(),
                node: guest.node.parse().ok()?,
                nonce: guest.nonce,
                proof: Digest::default(),
                signature: [0; 64],
            };
            Some(invite.words(&knock, &guest.reply_nonce))
        });
        Shown {
            name: invite.name(),
            expires_s: row.expires_s,
            state: row.state,
            node: row.guest.as_ref().map(|guest| guest.node.clone()),
            words,
        }
    }

    /// Changes the rows and writes them down; what cannot be written does not change.
    fn change(
        &self,
        change: impl FnOnce(&mut Vec<Row>) -> Result<(), InviteError>,
    ) -> Result<(), InviteError> {
        let mut rows = self.lock();
        let mut changed = rows.clone();
        change(&mut changed)?;
        let path = self.directory.join(FILE);
        let text = serde_json::to_string_pretty(&changed)
            .map_err(|error| DirectoryError::Io { path: path.clone(), why: error.to_string() })?;
        directory::create(&self.directory, &path, text.as_bytes(), 0o600)?;
        *rows = changed;
        Ok(())
    }

    fn random(&self) -> Result<[u8; 16], DirectoryError> {
        let bytes = directory::random(&self.directory.join(FILE))?;
        Ok(std::array::from_fn(|at| bytes[at]))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn is_open(&self, now_s: u64) -> bool {
        matches!(self.state, State::Open | State::Waiting) && now_s < self.expires_s
    }
}

/// Invitations that wait for a guest or a decision.
pub(crate) const INVITES_MAX: usize = 32;
/// With those that are over, so that a list can say what became of them.
const ROWS_MAX: usize = 128;
/// For so long after they expired.
const KEPT_S: u64 = 7 * 86_400;
/// In the node's directory.
const FILE: &str = "invites.json";

//! Invitations: one guest each, decided once, over restarts.

use std::fs;
use std::path::Path;

use wire::{Digest, Identity, Invite, Knock, Step};

use crate::invites::{INVITES_MAX, InviteError, Invites, State};

const FILE: &str = "name = \"valley\"\n";

fn open(dir: &Path) -> Invites {
    fs::write(dir.join("network.toml"), FILE).unwrap();
    Invites::open(dir, Identity::from_seed([1; 32])).unwrap()
}

fn knock(invite: &Invite, seed: u8) -> Knock {
    Knock::new(invite, &Identity::from_seed([seed; 32]), [seed; 16])
}

#[test]
fn the_first_guest_has_it_and_gets_the_network_once_a_human_said_yes() {
    // INVITE-3, INVITE-4
    let dir = tempfile::tempdir().unwrap();
    let invites = open(dir.path());
    let invite = invites.make(100, Vec::new(), 0).unwrap();
    let invite: Invite = invite.to_string().parse().unwrap();
    let early = invites.decide(&invite.name(), Step::Welcome, 1);
    assert!(matches!(early, Err(InviteError::NobodyThere)));

    let first = knock(&invite, 2);
    let reply = invites.knock(&first, 1).unwrap().unwrap();
    assert_eq!((reply.step, reply.is_genuine(&invite, &first)), (Step::Waiting, true));
    // Both humans see the same words, and whoever comes second sees nothing.
    let shown = invites.list().pop().unwrap();
    assert_eq!(shown.words, Some(invite.words(&first, &reply.nonce)));
    assert_eq!(invites.knock(&knock(&invite, 3), 1).unwrap(), None);

    // Used stays used, also after a restart.
    let invites = open(dir.path());
    assert_eq!(invites.knock(&knock(&invite, 3), 1).unwrap(), None);
    invites.decide(&invite.name(), Step::Welcome, 2).unwrap();
    let reply = invites.knock(&first, 2).unwrap().unwrap();
    assert!(reply.is_genuine(&invite, &first));
    assert_eq!(reply.network_file.as_deref(), Some(FILE));
    let again = invites.decide(&invite.name(), Step::Refused, 3);
    assert!(matches!(again, Err(InviteError::Decided)));
}

#[test]
fn a_no_and_the_end_of_its_time_are_final() {
    // INVITE-2, INVITE-3
    let dir = tempfile::tempdir().unwrap();
    let invites = open(dir.path());
    let refused = invites.make(100, Vec::new(), 0).unwrap();
    let guest = knock(&refused, 2);
    invites.knock(&guest, 1).unwrap().unwrap();
    invites.decide(&refused.name(), Step::Refused, 1).unwrap();
    assert_eq!(invites.knock(&guest, 1).unwrap().unwrap().step, Step::Refused);
    let late = invites.make(100, Vec::new(), 0).unwrap();
    assert_eq!(invites.knock(&knock(&late, 2), 100).unwrap(), None);
    assert!(matches!(invites.decide(&late.name(), Step::Refused, 100), Err(InviteError::Unknown)));
    let taken_back = invites.make(100, Vec::new(), 0).unwrap();
    invites.decide(&taken_back.name(), Step::Refused, 1).unwrap();
    assert_eq!(invites.knock(&knock(&taken_back, 2), 1).unwrap(), None);
    assert_eq!(invites.list().last().unwrap().state, State::Refused);
    let unknown = invites.decide(&Digest([1; 32]), Step::Refused, 1);
    assert!(matches!(unknown, Err(InviteError::Unknown)));
}

#[test]
fn without_the_secret_nobody_takes_it_up() {
    // INVITE-2
    let dir = tempfile::tempdir().unwrap();
    let invites = open(dir.path());
    let invite = invites.make(100, Vec::new(), 0).unwrap();
    let guess =
        Knock { invite: invite.name(), ..knock(&Invite { secret: [0; 16], ..invite.clone() }, 2) };
    assert_eq!(invites.knock(&guess, 1).unwrap(), None);
    assert_eq!(invites.list()[0].state, State::Open);
    assert!(invites.knock(&knock(&invite, 3), 1).unwrap().is_some());
}

#[test]
fn they_are_bounded_and_those_that_are_over_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let invites = open(dir.path());
    for _ in 0..INVITES_MAX {
        invites.make(100, Vec::new(), 0).unwrap();
    }
    assert!(matches!(invites.make(100, Vec::new(), 0), Err(InviteError::TooMany)));
    let made = (0..300).map(|at| invites.make(200 + at, Vec::new(), 150 + at));
    let made = made.filter(Result::is_ok).count();
    assert!(INVITES_MAX <= made && invites.list().len() <= 128, "{made}");
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).make(100, Vec::new(), 0).unwrap();
    let path = dir.path().join("invites.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[1..]).unwrap();
    let error = Invites::open(dir.path(), Identity::from_seed([1; 32])).unwrap_err().to_string();
    assert!(error.contains("invites.json") && error.contains("damaged"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text[1..]);
}

//! Invitations: links that survive being read, and words that only two see.

use proptest::prelude::*;

use crate::{Digest, Identity, Invite, Knock, Reply, Step, WireError, fuzz};

const FILE: &str = "name = \"valley\"\n";

fn host() -> Identity {
    Identity::from_seed([1; 32])
}

fn guest() -> Identity {
    Identity::from_seed([2; 32])
}

fn invite() -> Invite {
    Invite {
        inviter: host().id(),
        network: Digest::of("trellis-network-v1", &[FILE.as_bytes()]),
        secret: [7; 16],
        expires_s: 1_800_000_000,
        addresses: vec!["http://192.0.2.7:8880".parse().unwrap()],
    }
}

#[test]
fn a_link_is_read_as_it_was_written_in_any_case_and_with_or_without_its_scheme() {
    // INVITE-1
    let link = invite().to_string();
    assert!(link.starts_with("trellis:JOIN1"), "{link}");
    let bare = link.strip_prefix("trellis:").unwrap();
    for text in [link.clone(), link.to_lowercase(), bare.to_owned(), format!("  {link}\n")] {
        assert_eq!(text.parse::<Invite>(), Ok(invite()), "{text}");
    }
    for text in ["", "trellis:", "trellis:JOIN1", "http://192.0.2.7:8880", "tr\u{fc}llis:"] {
        assert_eq!(text.parse::<Invite>(), Err(WireError::Invite), "{text}");
    }
}

#[test]
fn one_wrong_character_is_noticed() {
    // INVITE-1
    let link = invite().to_string();
    for at in "trellis:JOIN1".len()..link.len() {
        let mut wrong = link.clone().into_bytes();
        wrong[at] = if wrong[at] == b'Q' { b'P' } else { b'Q' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert_eq!(wrong.parse::<Invite>(), Err(WireError::Invite), "at {at}");
        let lost = format!("{}{}", &link[..at], &link[at + 1..]);
        assert_eq!(lost.parse::<Invite>(), Err(WireError::Invite), "without {at}");
    }
}

#[test]
fn a_knock_is_genuine_only_as_it_was_made() {
    // INVITE-2
    let knock = Knock::new(&invite(), &guest(), [3; 16]);
    assert!(knock.is_genuine(&[7; 16]));
    assert!(!knock.is_genuine(&[8; 16]));
    let other = Identity::from_seed([4; 32]);
    let forged = [
        Knock { node: other.id(), ..knock.clone() },
        Knock { nonce: [4; 16], ..knock.clone() },
        Knock { proof: Digest([0; 32]), ..knock.clone() },
        Knock { invite: Digest([0; 32]), ..knock.clone() },
        Knock { signature: other.sign(b"x"), ..knock.clone() },
        // Whoever lacks the secret cannot come with a key of its own.
        Knock::new(&Invite { secret: [8; 16], ..invite() }, &other, [3; 16]),
    ];
    assert!(forged.iter().all(|it| !it.is_genuine(&[7; 16])));
}

#[test]
fn an_answer_is_the_inviters_to_this_knock_with_the_network_that_was_promised() {
    // INVITE-2, INVITE-3
    let knock = Knock::new(&invite(), &guest(), [3; 16]);
    let file = |text: &str| (Step::Welcome, Some(text.to_owned()));
    let reply = Reply::new(&knock, [5; 16], file(FILE), &host());
    assert!(reply.is_genuine(&invite(), &knock));
    let another = Knock::new(&invite(), &guest(), [4; 16]);
    assert!(!reply.is_genuine(&invite(), &another));
    let wrong = [
        Reply { nonce: [6; 16], ..reply.clone() },
        Reply { step: Step::Waiting, ..reply.clone() },
        Reply { network_file: None, ..reply.clone() },
        Reply::new(&knock, [5; 16], file("name = \"hill\"\n"), &host()),
        Reply::new(&knock, [5; 16], (Step::Welcome, None), &host()),
        Reply::new(&knock, [5; 16], (Step::Waiting, Some(FILE.to_owned())), &host()),
        Reply::new(&knock, [5; 16], file(FILE), &guest()),
    ];
    assert!(wrong.iter().all(|it| !it.is_genuine(&invite(), &knock)));
    assert!(
        Reply::new(&knock, [5; 16], (Step::Refused, None), &host()).is_genuine(&invite(), &knock)
    );
}

#[test]
fn words_are_the_same_for_both_and_for_nobody_else() {
    // INVITE-4
    let knock = Knock::new(&invite(), &guest(), [3; 16]);
    let words = invite().words(&knock, &[5; 16]);
    assert_eq!(words, invite().words(&knock.clone(), &[5; 16]));
    let thief = Knock::new(&invite(), &Identity::from_seed([9; 32]), [3; 16]);
    let others = [
        invite().words(&thief, &[5; 16]),
        invite().words(&knock, &[6; 16]),
        Invite { inviter: guest().id(), ..invite() }.words(&knock, &[5; 16]),
        Invite { secret: [8; 16], ..invite() }.words(&knock, &[5; 16]),
    ];
    assert!(others.iter().all(|it| *it != words));
}

proptest! {
    #[test]
    fn foreign_text_is_no_link_and_ours_survives(text in ".{0,200}", secret: [u8; 16], expires_s: u64) {
        fuzz::text(text.as_bytes());
        let invite = Invite { secret, expires_s, ..invite() };
        fuzz::text(invite.to_string().as_bytes());
    }
}

//! Letters: what a stranger on a link can make of them, and what it cannot.

use bytes::Bytes;
use wire::{
    Direct, DirectStep, Found, Frame, Identity, Letter, LetterId, RouteId, Subject, limits,
    receipt_to_sign,
};

use super::lab::*;
use crate::direct::sealed;
use crate::direct::senders::LETTERS_MAX;
use crate::direct::{info, receivers, relays};
use crate::{Config, Effect, LetterRefused, LinkId, Mail, Undelivered};

fn say(lab: &mut Lab, link: LinkId, route: RouteId, step: DirectStep) -> Vec<Effect> {
    lab.say(link, &Frame::Direct(Direct { route, step }))
}

/// Steps said on a link.
fn steps(effects: &[Effect], link: LinkId) -> Vec<(RouteId, DirectStep)> {
    let frames = sent(effects, link).into_iter();
    let steps = frames.filter_map(|frame| match frame {
        Frame::Direct(Direct { route, step }) => Some((route, step)),
        _ => None,
    });
    steps.collect()
}

fn found(signer: &Identity, route: &RouteId, key: [u8; 32]) -> DirectStep {
    let signature = signer.sign(&Found::to_sign(&NETWORK, route, &key));
    DirectStep::Found(Found { key, signature })
}

fn pair(seed: u8) -> sealed::Pair {
    use rand_chacha::rand_core::SeedableRng as _;
    sealed::Pair::draw(&mut rand_chacha::ChaCha20Rng::from_seed([seed; 32]))
}

fn letter(author: &Identity, number: u8, body: &'static str) -> Letter {
    let (id, body) = (LetterId([number; 16]), Bytes::from_static(body.as_bytes()));
    Letter { author: author.id(), id, subject: Subject::Note, body }
}

/// A letter of a puppet's, as it goes over the wire; our key is in what we found.
fn sealed_to(key: &[u8; 32], route: &RouteId, author: &Identity, letter: &Letter) -> Bytes {
    use rand_chacha::rand_core::SeedableRng as _;
    let to = me().id();
    let bytes = letter.encode(&NETWORK, route, &to, author);
    let mut random = rand_chacha::ChaCha20Rng::from_seed([5; 32]);
    sealed::seal(key, &info(&NETWORK, route, &to), &bytes, &mut random).unwrap()
}

/// Seeks us over a link and returns the key we answer with.
fn key_of(lab: &mut Lab, link: LinkId, route: RouteId) -> Option<[u8; 32]> {
    let effects = say(lab, link, route, DirectStep::Seek { to: me().id(), hops: 0 });
    steps(&effects, link).into_iter().find_map(|(_, step)| match step {
        DirectStep::Found(found) => {
            let to_sign = Found::to_sign(&NETWORK, &route, &found.key);
            assert!(me().id().verify(&to_sign, &found.signature));
            Some(found.key)
        }
        _ => None,
    })
}

#[test]
fn a_letter_goes_straight_and_its_receipt_ends_it() {
    // DIRECT-1, DIRECT-4, DIRECT-5
    let mut lab = Lab::new();
    let peer = puppet(1);
    let link = lab.link(&peer);
    let body = Bytes::from_static(b"\"hello\"");
    let id = lab.engine.send_letter(peer.id(), Subject::Note, body.clone(), lab.now).unwrap();
    let effects = lab.engine.drain();
    let [(route, DirectStep::Seek { to, hops: 0 })] = steps(&effects, link)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(to, peer.id());
    let pair = pair(1);
    let effects = say(&mut lab, link, route, found(&peer, &route, pair.public()));
    let [(_, DirectStep::Letter(sealed))] = &steps(&effects, link)[..] else { panic!("no letter") };
    assert!(!sealed.windows(5).any(|it| it == b"hello"));
    let opened = pair.open(&info(&NETWORK, &route, &peer.id()), sealed).unwrap();
    let letter = Letter::open(&opened, &NETWORK, &route, &peer.id()).unwrap();
    assert_eq!((letter.author, letter.id, letter.body), (me().id(), id, body));
    // A receipt that somebody else signed, or for other bytes, is none.
    let other = DirectStep::Receipt(puppet(2).sign(&receipt_to_sign(&NETWORK, &route, sealed)));
    say(&mut lab, link, route, other);
    let other = DirectStep::Receipt(peer.sign(&receipt_to_sign(&NETWORK, &route, b"other")));
    say(&mut lab, link, route, other);
    assert_eq!(lab.engine.take_mail(), Vec::new());
    lab.pass(7);
    let receipt = DirectStep::Receipt(peer.sign(&receipt_to_sign(&NETWORK, &route, sealed)));
    say(&mut lab, link, route, receipt);
    let mail = lab.engine.take_mail();
    let [Mail::Delivered(of, delivery)] = mail[..] else { panic!("{mail:?}") };
    assert_eq!((of, delivery.took_ms, delivery.relayed), (id, 7, false));
}

#[test]
fn without_a_receipt_a_letter_ends_at_its_deadline_and_says_what_is_known() {
    // DIRECT-5
    let mut lab = Lab::new();
    let (peer, away) = (puppet(1), puppet(9));
    let link = lab.link(&peer);
    let body = Bytes::from_static(b"1");
    let first = lab.engine.send_letter(away.id(), Subject::Note, body.clone(), lab.now).unwrap();
    let second = lab.engine.send_letter(peer.id(), Subject::Note, body, lab.now).unwrap();
    let effects = lab.engine.drain();
    for (route, step) in steps(&effects, link) {
        if step == (DirectStep::Seek { to: peer.id(), hops: 0 }) {
            say(&mut lab, link, route, found(&peer, &route, pair(1).public()));
        }
    }
    let effects = lab.pass(9_999);
    // It goes farther each time.
    let hops = steps(&effects, link).into_iter().filter_map(|(_, step)| match step {
        DirectStep::Seek { to, hops } if to == away.id() => Some(hops),
        _ => None,
    });
    assert_eq!(hops.collect::<Vec<u8>>(), [1, 2, 3, 3, 3]);
    assert_eq!(lab.engine.take_mail(), Vec::new());
    lab.pass(1);
    let mut mail = lab.engine.take_mail();
    mail.sort_by_key(|it| matches!(it, Mail::Failed(id, _) if *id == second));
    let expected =
        [Mail::Failed(first, Undelivered::Away), Mail::Failed(second, Undelivered::Unanswered)];
    assert_eq!(mail, expected);
    assert_eq!(lab.engine.direct_len(), (0, (0, 0, 0), 0));
}

#[test]
fn a_way_that_its_end_did_not_sign_costs_the_link() {
    // DIRECT-2
    let mut lab = Lab::new();
    let (liar, away) = (puppet(1), puppet(9));
    let link = lab.link(&liar);
    let body = Bytes::from_static(b"1");
    lab.engine.send_letter(away.id(), Subject::Note, body, lab.now).unwrap();
    let effects = lab.engine.drain();
    let (route, _) = steps(&effects, link)[0];
    let effects = say(&mut lab, link, route, found(&liar, &route, pair(1).public()));
    assert_eq!(closed(&effects), [(link, wire::Reason::Misbehaved)]);
    assert_eq!(steps(&effects, link), []);
    // The same where it leads through here.
    let mut lab = Lab::new();
    let (asks, link) = (lab.link(&puppet(2)), lab.link(&liar));
    let route = RouteId([3; 16]);
    let effects = say(&mut lab, asks, route, DirectStep::Seek { to: away.id(), hops: 2 });
    assert_eq!(steps(&effects, link), [(route, DirectStep::Seek { to: away.id(), hops: 1 })]);
    let effects = say(&mut lab, link, route, found(&liar, &route, pair(1).public()));
    assert_eq!(closed(&effects), [(link, wire::Reason::Misbehaved)]);
    assert_eq!(steps(&effects, asks), []);
}

#[test]
fn a_letter_is_shown_once_and_its_key_opens_no_other() {
    // DIRECT-2, DIRECT-4
    let mut lab = Lab::new();
    let author = puppet(1);
    let link = lab.link(&author);
    let (route, again) = (RouteId([1; 16]), RouteId([2; 16]));
    let key = key_of(&mut lab, link, route).unwrap();
    let sealed = sealed_to(&key, &route, &author, &letter(&author, 1, "1"));
    let effects = say(&mut lab, link, route, DirectStep::Letter(sealed.clone()));
    let [(_, DirectStep::Receipt(receipt))] = steps(&effects, link)[..] else { panic!("none") };
    assert!(me().id().verify(&receipt_to_sign(&NETWORK, &route, &sealed), &receipt));
    assert_eq!(lab.engine.take_mail(), [Mail::Came(letter(&author, 1, "1"))]);
    // The receipt was lost: the same letter has the same receipt, and is not shown again.
    let effects = say(&mut lab, link, route, DirectStep::Letter(sealed.clone()));
    assert_eq!(steps(&effects, link), [(route, DirectStep::Receipt(receipt))]);
    // Another one to the same key is not opened.
    let other = sealed_to(&key, &route, &author, &letter(&author, 2, "2"));
    let effects = say(&mut lab, link, route, DirectStep::Letter(other));
    assert_eq!(steps(&effects, link), [(route, DirectStep::Receipt(receipt))]);
    // Along another way it is the same letter all the same.
    let key = key_of(&mut lab, link, again).unwrap();
    let sealed = sealed_to(&key, &again, &author, &letter(&author, 1, "1"));
    let effects = say(&mut lab, link, again, DirectStep::Letter(sealed));
    assert!(matches!(steps(&effects, link)[..], [(_, DirectStep::Receipt(_))]));
    assert_eq!(lab.engine.take_mail(), Vec::new());
}

#[test]
fn what_was_sealed_for_another_way_is_not_read_and_its_key_stays_good() {
    // DIRECT-3
    let mut lab = Lab::new();
    let author = puppet(1);
    let link = lab.link(&author);
    let (route, other) = (RouteId([1; 16]), RouteId([2; 16]));
    let key = key_of(&mut lab, link, route).unwrap();
    let replayed = sealed_to(&key, &other, &author, &letter(&author, 1, "1"));
    assert_eq!(steps(&say(&mut lab, link, route, DirectStep::Letter(replayed)), link), []);
    let mut bent = sealed_to(&key, &route, &author, &letter(&author, 1, "1")).to_vec();
    bent[40] ^= 1;
    assert_eq!(steps(&say(&mut lab, link, route, DirectStep::Letter(bent.into())), link), []);
    // Signed by somebody else than it says: no letter of its author.
    let forged = letter(&puppet(2), 1, "1");
    let bytes = sealed_to(&key, &route, &author, &forged);
    say(&mut lab, link, route, DirectStep::Letter(bytes));
    let mail = lab.engine.take_mail();
    assert!(!mail.contains(&Mail::Came(forged)), "{mail:?}");
    // Who is not on the way cannot put anything in.
    let mut lab = Lab::new();
    let (link, stranger) = (lab.link(&author), lab.link(&puppet(2)));
    let key = key_of(&mut lab, link, route).unwrap();
    let sealed = sealed_to(&key, &route, &author, &letter(&author, 1, "1"));
    say(&mut lab, stranger, route, DirectStep::Letter(sealed.clone()));
    assert_eq!(lab.engine.take_mail(), Vec::new());
    say(&mut lab, link, route, DirectStep::Letter(sealed));
    assert_eq!(lab.engine.take_mail().len(), 1);
}

#[test]
fn a_node_between_carries_a_way_and_its_letter_and_nothing_else() {
    // DIRECT-1
    let mut lab = Lab::new();
    let (author, end, stranger) = (puppet(1), puppet(2), puppet(3));
    let (back, on) = (lab.link(&author), lab.link(&end));
    let aside = lab.link(&stranger);
    let route = RouteId([1; 16]);
    let seek = |hops| DirectStep::Seek { to: end.id(), hops };
    // Linked to the end, it asks nobody else.
    let effects = say(&mut lab, back, route, seek(3));
    assert_eq!(steps(&effects, on), [(route, seek(2))]);
    assert_eq!(steps(&effects, aside), []);
    let way = found(&end, &route, pair(1).public());
    assert_eq!(steps(&say(&mut lab, aside, route, way.clone()), back), []);
    assert_eq!(steps(&say(&mut lab, on, route, way.clone()), back), [(route, way)]);
    let letter = DirectStep::Letter(Bytes::from_static(b"sealed"));
    assert_eq!(steps(&say(&mut lab, aside, route, letter.clone()), on), []);
    let effects = say(&mut lab, back, route, letter.clone());
    assert_eq!(steps(&effects, on), [(route, letter)]);
    let receipt = DirectStep::Receipt([1; 64]);
    assert_eq!(steps(&say(&mut lab, aside, route, receipt.clone()), back), []);
    let effects = say(&mut lab, on, route, receipt.clone());
    assert_eq!(steps(&effects, back), [(route, receipt)]);
    // No hop is left: it ends here, unless the end is linked.
    let far = RouteId([2; 16]);
    let nobody = puppet(9).id();
    let effects = say(&mut lab, back, far, DirectStep::Seek { to: nobody, hops: 1 });
    assert!(steps(&effects, on).is_empty() && steps(&effects, aside).is_empty());
}

#[test]
fn one_link_brings_so_many_ways_and_steps_and_no_more() {
    // DIRECT-6
    let mut lab = Lab::new();
    let (flooder, other) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let route = |number: u32| {
        let mut route = [0; 16];
        route[..4].copy_from_slice(&number.to_be_bytes());
        RouteId(route)
    };
    let mut carried = 0;
    for number in 0..10_000 {
        let seek = DirectStep::Seek { to: puppet(9).id(), hops: 4 };
        carried += steps(&say(&mut lab, flooder, route(number), seek), other).len();
        let seek = DirectStep::Seek { to: me().id(), hops: 4 };
        say(&mut lab, flooder, route(number + 20_000), seek);
        if number % 100 == 99 {
            lab.pass(100);
        }
        let (_, (open, _, _), relayed) = lab.engine.direct_len();
        assert!(open <= receivers::LINK_MAX && relayed <= relays::LINK_MAX);
    }
    // 10 s; a tenth of what came in each second was taken.
    assert!((50..=200).contains(&carried), "{carried}");
    // Somebody else is heard meanwhile.
    assert!(key_of(&mut lab, other, RouteId([7; 16])).is_some());
}

#[test]
fn one_author_sends_so_many_letters_in_a_minute_and_no_more() {
    // DIRECT-6
    let mut lab = Lab::with(Config { letters_per_minute: 3, ..config() });
    let author = puppet(1);
    let link = lab.link(&author);
    let mut receipts = 0;
    for number in 0..5 {
        let route = RouteId([number; 16]);
        let key = key_of(&mut lab, link, route).unwrap();
        let sealed = sealed_to(&key, &route, &author, &letter(&author, number, "1"));
        receipts += steps(&say(&mut lab, link, route, DirectStep::Letter(sealed)), link).len();
    }
    assert_eq!((receipts, lab.engine.take_mail().len()), (3, 3));
}

#[test]
fn our_own_wishes_are_bounded_and_wrong_ones_are_refused() {
    // DIRECT-6
    let mut lab = Lab::new();
    let body = || Bytes::from_static(b"1");
    let mut send = |to: &Identity, body| {
        lab.engine.send_letter(to.id(), Subject::Note, body, lab.now).map(|_| ())
    };
    assert_eq!(send(&me(), body()), Err(LetterRefused::Self_));
    let long = Bytes::from(vec![b'1'; limits::LETTER_BYTES_MAX + 1]);
    let size = limits::LETTER_BYTES_MAX + 1;
    assert_eq!(send(&puppet(1), long), Err(LetterRefused::TooLong(size)));
    for _ in 0..LETTERS_MAX {
        assert_eq!(send(&puppet(1), body()), Ok(()));
    }
    assert_eq!(send(&puppet(1), body()), Err(LetterRefused::Busy(LETTERS_MAX)));
}

#[test]
fn a_letter_does_not_go_round_in_a_ring() {
    // DIRECT-6: two nodes that asked each other for one way both lead there.
    let mut lab = Lab::new();
    let (back, on) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let (end, route) = (puppet(9), RouteId([1; 16]));
    let seek = |hops| DirectStep::Seek { to: end.id(), hops };
    say(&mut lab, back, route, seek(3));
    say(&mut lab, on, route, seek(2));
    let way = found(&end, &route, pair(1).public());
    say(&mut lab, on, route, way);
    let letter = DirectStep::Letter(Bytes::from_static(b"sealed"));
    let effects = say(&mut lab, back, route, letter.clone());
    assert_eq!(steps(&effects, on), [(route, letter.clone())]);
    say(&mut lab, on, route, letter.clone());
    assert_eq!(steps(&say(&mut lab, on, route, letter.clone()), on), []);
    assert_eq!(steps(&say(&mut lab, back, route, letter), on), []);
    // Liars cannot make it go on by bending it each time.
    let bent = |number: u8| DirectStep::Letter(Bytes::from(vec![number; 9]));
    let passed =
        (0..100).filter(|number| !steps(&say(&mut lab, back, route, bent(*number)), on).is_empty());
    assert_eq!(passed.count(), 14);
}

//! Two records with one number are proof, whoever makes it and however large they are.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use crate::{
    Class, Content, Contradiction, Digest, Entry, Hlc, Identity, Message, Opened, Record, Signed,
    WITNESS, generated, limits, witness,
};

const NETWORK: Digest = Digest([2; 32]);

fn author() -> Identity {
    Identity::from_seed([1; 32])
}

fn opened(seq: u64, created: u64, content: Content) -> Opened {
    let expires_ms = if let Content::Message(_) = content { 9 } else { 0 };
    let record = Record { network: NETWORK, seq, created: Hlc(created), expires_ms, content };
    Signed::seal(&record, &author()).open().unwrap()
}

fn entry(value: usize) -> Content {
    let value = Some(Bytes::from(vec![b'1'; value]));
    Content::Entry(Entry { collection: "c".to_owned(), name: "n".to_owned(), value })
}

fn message(class: Class, payload: usize) -> Content {
    Content::Message(Message { class, ..Message::new("t", vec![b'1'; payload]) })
}

fn read(opened: &Opened) -> Contradiction {
    let again = Signed::decode(&opened.signed.encode()).unwrap().open().unwrap();
    let Content::Contradiction(it) = again.record.content else { panic!("no contradiction") };
    it
}

#[test]
fn the_witness_is_who_its_label_says() {
    assert_eq!(witness().id(), WITNESS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn two_records_of_any_size_with_one_number_are_proof(
        sizes in (0..250_000_usize, 0..250_000_usize),
        seq in any::<u64>(),
        created in any::<(u64, u64)>(),
    ) {
        // CONTRA-1
        let one = opened(seq, created.0, entry(sizes.0));
        let other = opened(seq, created.1, message(Class::Alert, sizes.1));
        let made = Contradiction::of(&one, &other).unwrap().seal().unwrap();
        let turned = Contradiction::of(&other, &one).unwrap().seal().unwrap();
        prop_assert_eq!(&made, &turned);
        prop_assert!(made.claim().verify(&NETWORK));
        prop_assert!(made.signed.body.len() <= limits::CONTRADICTION_BYTES_MAX);
        prop_assert_eq!(made.record.created, Hlc(created.0.max(created.1)));
        let read = read(&made);
        prop_assert!(read.is_genuine(&NETWORK));
        prop_assert!(!read.is_genuine(&Digest::default()));
        let mut ids = [one.id, other.id];
        ids.sort_unstable();
        prop_assert_eq!(read.ids(), ids);
        prop_assert_eq!(read.author, author().id());
    }

    #[test]
    fn no_byte_of_a_proof_can_be_changed(size in 1..40_000_usize, at in any::<prop::sample::Index>()) {
        // CONTRA-2
        let one = opened(7, 1, entry(size));
        let made = Contradiction::of(&one, &opened(7, 2, entry(1))).unwrap().seal().unwrap();
        let mut body = made.signed.body.to_vec();
        let at = at.index(body.len());
        body[at] ^= 1;
        let signed = Signed { body: Bytes::from(body), ..made.signed };
        let genuine = signed.open().is_ok_and(|it| {
            let Content::Contradiction(inner) = &it.record.content else { return false };
            inner.is_genuine(&NETWORK)
        });
        prop_assert!(!genuine);
    }
}

#[test]
fn one_record_or_two_numbers_or_two_authors_contradict_nothing() {
    // CONTRA-1
    let one = opened(7, 1, entry(1));
    assert_eq!(Contradiction::of(&one, &one), None);
    assert_eq!(Contradiction::of(&one, &opened(8, 1, entry(2))), None);
    let other = Record { seq: 7, ..opened(7, 1, entry(2)).record };
    let other = Signed::seal(&other, &Identity::from_seed([3; 32])).open().unwrap();
    assert_eq!(Contradiction::of(&one, &other), None);
}

#[test]
fn nothing_else_is_taken_from_the_witness_and_a_proof_from_nobody_else() {
    // CONTRA-3
    let record = opened(7, 1, entry(1)).record;
    assert!(Signed::seal(&record, &witness()).open().is_err());
    let made = Contradiction::of(&opened(7, 1, entry(1)), &opened(7, 1, entry(2)));
    let made = made.unwrap().seal().unwrap();
    assert!(Signed::seal(&made.record, &author()).open().is_err());
}

#[test]
fn a_body_that_begins_otherwise_is_no_record() {
    // RECORD-4
    let record = opened(7, 1 << 20, entry(1)).record;
    let body = record.encode();
    assert_eq!(Record::decode(&Bytes::from(body.clone())).as_ref(), Ok(&record));
    // A later field of the same number is what a decoder believes.
    let later = generated::Record { seq: 8, ..generated::Record::default() }.encode_to_vec();
    let twice = [body.clone(), later].concat();
    assert_eq!(generated::Record::decode(twice.as_slice()).unwrap().seq, 8);
    assert!(Record::decode(&Bytes::from(twice)).is_err());
    let (network, rest) = body.split_at(34);
    let (seq, rest) = rest.split_at(2);
    let moved = [network, rest, seq].concat();
    assert_eq!(generated::Record::decode(moved.as_slice()).unwrap().seq, 7);
    assert!(Record::decode(&Bytes::from(moved)).is_err());
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    // CONTRA-2
    let proof = |seq: u64| {
        let made = Contradiction::of(&opened(seq, 1, entry(1)), &opened(seq, 2, entry(2)));
        made.unwrap().seal().unwrap().record
    };
    let mended = |change: &dyn Fn(&mut generated::Contradiction)| {
        let mut schema = generated::Record::decode(proof(7).encode().as_slice()).unwrap();
        let Some(generated::record::Content::Contradiction(inner)) = &mut schema.content else {
            panic!("no contradiction")
        };
        change(inner);
        Record::decode(&Bytes::from(schema.encode_to_vec()))
    };
    assert!(mended(&|_| {}).is_ok());
    assert!(mended(&|it| std::mem::swap(&mut it.first, &mut it.second)).is_err());
    assert!(mended(&|it| it.second = it.first.clone()).is_err());
    assert!(mended(&|it| it.second = None).is_err());
    let other = generated::Record::decode(proof(8).encode().as_slice()).unwrap();
    let Some(generated::record::Content::Contradiction(other)) = other.content else {
        panic!("no contradiction")
    };
    assert!(mended(&|it| *it = other.clone()).is_err());
    let moved = Record { seq: 8, ..proof(7) };
    assert!(Record::decode(&Bytes::from(moved.encode())).is_err());
    let later = Record { created: Hlc(3), ..proof(7) };
    assert!(Record::decode(&Bytes::from(later.encode())).is_err());
}

//! Each limit holds: the most passes, one more is refused with its name.

use bytes::Bytes;

use crate::{
    Address, Carried, Chunk, ChunkPart, ChunkStep, Compare, Content, Digest, Direct, DirectStep,
    Entry, Fetch, Frame, Goodbye, Hlc, Identity, Item, Message, Profile, Proof, Range, Reason,
    Record, Records, RouteId, Seed, SeedPiece, SeedStep, Set, Signed, Sketch, SketchStep, Subtree,
    TransferStep, TransferWord, View, Wanted, WireError, limits,
};

/// What is too large, how large, and what is allowed; `None` if it passes.
type Verdict = Option<(&'static str, usize, usize)>;

#[track_caller]
fn verdict<T: std::fmt::Debug>(result: Result<T, WireError>) -> Verdict {
    match result {
        Ok(_) => None,
        Err(WireError::TooLarge { what, size, max }) => Some((what, size, max)),
        Err(error) => panic!("refused for another reason: {error:?}"),
    }
}

/// The most passes, one more does not.
#[track_caller]
fn check(what: &'static str, max: usize, of_size: impl Fn(usize) -> Verdict) {
    assert_eq!(of_size(max), None, "{what}: the most is refused");
    assert_eq!(of_size(max + 1), Some((what, max + 1, max)), "{what}: one more passes");
}

fn frame(frame: &Frame) -> Verdict {
    verdict(Frame::decode(&Bytes::from(frame.encode())))
}

fn push(records: Vec<Carried>) -> crate::Push {
    crate::Push { records, ..crate::Push::default() }
}

fn record(content: Content, expires_ms: u64) -> Record {
    Record { network: Digest([2; 32]), seq: 1, created: Hlc(1), expires_ms, content }
}

fn opened(content: Content, expires_ms: u64) -> Result<Record, WireError> {
    Record::decode(&Bytes::from(record(content, expires_ms).encode()))
}

fn signed() -> Signed {
    let profile = Profile { addresses: vec![], agent: String::new(), capabilities: vec![] };
    Signed::seal(&record(Content::Profile(profile), 0), &Identity::from_seed([1; 32]))
}

fn message(change: impl FnOnce(&mut Message)) -> Result<Record, WireError> {
    let mut message = Message::new("t", "1");
    change(&mut message);
    opened(Content::Message(message), 1)
}

fn profile(change: impl FnOnce(&mut Profile)) -> Verdict {
    let mut profile = Profile { addresses: vec![], agent: String::new(), capabilities: vec![] };
    change(&mut profile);
    verdict(opened(Content::Profile(profile), 0))
}

#[test]
fn a_record_body_has_a_ceiling() {
    let max = limits::BODY_BYTES_CEILING;
    let body = |payload: usize| {
        let message = Message::new("t", vec![b'1'; payload]);
        Bytes::from(record(Content::Message(message), 1).encode())
    };
    let rest = body(max).len() - max;
    assert_eq!(body(max - rest).len(), max);
    assert_eq!(verdict(Record::decode(&body(max - rest))), None);
    let refused = verdict(Record::decode(&body(max - rest + 1)));
    assert_eq!(refused, Some(("record body bytes", max + 1, max)));
    let large = Bytes::from(vec![0; max + 1]);
    let signed = Signed { body: large, ..signed() };
    assert_eq!(
        verdict(Signed::decode(&signed.encode())),
        Some(("record body bytes", max + 1, max))
    );
    let (size, max) = (max + 129, max + 128);
    assert_eq!(verdict(Signed::decode(&vec![0; size])), Some(("record bytes", size, max)));
}

#[test]
fn a_body_of_one_piece_travels_whole_and_leaves_room_for_an_alert() {
    const { assert!(limits::BODY_BYTES_MAX <= limits::BODY_BYTES_CEILING) };
    let full = |size| {
        let signed = Signed { body: Bytes::from(vec![1; size]), ..signed() };
        Carried { signed, ttl: limits::HOPS_MAX, hops: 255, tree: crate::TreeId(u64::MAX) }
    };
    check("bytes of a whole body", limits::PIECE_BYTES, |size| {
        frame(&Frame::Push(push(vec![full(size)])))
    });
    check("bytes of a whole body", limits::PIECE_BYTES, |size| {
        let (set, records) = (Set::State, vec![full(size).signed]);
        frame(&Frame::Records(Records { set, records, next: None, range: false }))
    });
    let largest = full(limits::PIECE_BYTES);
    assert!(Frame::Push(push(vec![largest])).encode().len() <= 16 * 1024);
    // Smaller ones share a frame up to the target, by their sizes with what is around them.
    for size in [0, 10, 300, 5_000] {
        let one = full(size);
        let many = vec![one.clone(); limits::RECORDS_BYTES_TARGET / one.signed.size()];
        let bytes = Frame::Push(push(many.clone())).encode().len();
        assert!(bytes <= limits::RECORDS_BYTES_TARGET + 16, "{bytes} of {}", many.len());
    }
}

#[test]
fn a_frame_has_a_length() {
    let (max, large) = (limits::FRAME_BYTES_MAX, vec![0; limits::FRAME_BYTES_MAX + 1]);
    let refused = verdict(Frame::decode(&Bytes::from(large)));
    assert_eq!(refused, Some(("frame bytes", max + 1, max)));
}

#[test]
fn a_frame_carries_so_many_records() {
    let max = limits::RECORDS_PER_FRAME_MAX;
    let carried = Carried { signed: signed(), ttl: 1, hops: 0, tree: crate::TreeId(0) };
    check("records", max, |size| frame(&Frame::Push(push(vec![carried.clone(); size]))));
    check("short ids", limits::SHORT_IDS_MAX, |size| {
        let have = vec![crate::Have { id: crate::ShortId(1), age_ms: 1 }; size];
        frame(&Frame::Push(crate::Push { have, ..crate::Push::default() }))
    });
    check("records", max, |size| {
        let (set, records) = (Set::State, vec![signed(); size]);
        frame(&Frame::Records(Records { set, records, next: None, range: false }))
    });
    check("records", limits::PEERS_MAX, |size| {
        let profiles = vec![signed(); size];
        frame(&Frame::Peers(crate::Peers { profiles, ..Default::default() }))
    });
}

#[test]
fn a_comparison_has_so_many_ranges_and_parts() {
    let range = |view| Range { prefix: Digest::default(), bits: 0, view, answer: false };
    let compare =
        |ranges| frame(&Frame::Compare(Compare { set: Set::State, ranges, cutoff_ms: None }));
    let empty = range(View::Items(vec![]));
    let council = |size| {
        let notes = vec![Bytes::from_static(b"n"); size];
        frame(&Frame::Council(crate::Council { known: None, notes }))
    };
    check("notes", limits::NOTES_MAX, council);
    check("ranges", limits::RANGES_MAX, |size| compare(vec![empty.clone(); size]));
    let item = Item { key: Digest::default(), value: Digest::default() };
    check("parts of a range", limits::RANGE_PARTS_MAX, |size| {
        compare(vec![range(View::Items(vec![item; size]))])
    });
    let subtree = Subtree { prefix: Digest::default(), bits: 0, hash: Digest::default() };
    check("parts of a range", limits::RANGE_PARTS_MAX, |size| {
        compare(vec![range(View::Subtrees(vec![subtree; size]))])
    });
}

#[test]
fn a_letter_is_short_and_goes_only_so_far() {
    // DIRECT-1
    let step = |step| Frame::Direct(Direct { route: RouteId([1; 16]), step });
    check("letter bytes", limits::LETTER_SEALED_BYTES_MAX, |size| {
        frame(&step(DirectStep::Letter(Bytes::from(vec![0; size]))))
    });
    let to = Identity::from_seed([1; 32]).id();
    let far = Bytes::from(step(DirectStep::Seek { to, hops: u8::MAX }).encode());
    let hops = limits::DIRECT_HOPS_MAX;
    assert_eq!(Frame::decode(&far), Ok(step(DirectStep::Seek { to, hops })));
}

#[test]
fn a_piece_of_a_seed_fits_one_frame_and_few_are_asked_for_at_once() {
    // SEED-3
    let seed = |step| frame(&Frame::Seed(Seed { id: Digest::default(), step }));
    let piece = |bytes: usize, path: usize| {
        let (bytes, path) = (Bytes::from(vec![1; bytes]), vec![[0; 32]; path]);
        seed(SeedStep::Piece(SeedPiece { index: u32::MAX, bytes, path }))
    };
    check("bytes of a seed's piece", limits::SEED_PIECE_BYTES, |size| piece(size.max(1), 0));
    check("hashes of a seed's piece", limits::SEED_PATH_MAX, |size| piece(1, size));
    check("pieces of a seed", limits::SEED_WISH_MAX, |size| {
        seed(SeedStep::Wanted { from: 0, count: u32::try_from(size).unwrap().max(1) })
    });
    for (from, count) in [(0, 0), (u32::MAX, 1)] {
        let wish =
            Frame::Seed(Seed { id: Digest::default(), step: SeedStep::Wanted { from, count } });
        assert!(Frame::decode(&wish.encode().into()).is_err(), "{from} {count}");
    }
}

#[test]
fn the_terms_of_a_transfer_are_short() {
    // TRANSFER-1
    check("terms bytes", limits::TERMS_BYTES_MAX, |size| {
        let what = TransferWord::Offer(Bytes::from(vec![0; size]), [1; 64]);
        verdict(TransferStep::decode(&TransferStep { id: Digest([1; 32]), what }.encode()))
    });
}

#[test]
fn a_chunk_has_so_many_records_and_parts() {
    let chunk = |step| frame(&Frame::Chunk(Chunk { wish: 1, step }));
    let item = Item { key: Digest::default(), value: Digest::default() };
    check("records of a chunk", limits::CHUNK_RECORDS_MAX, |size| {
        let items = vec![item; size];
        chunk(ChunkStep::Records { records: Vec::new(), items, last: true, from: 0 })
    });
    let part = ChunkPart { prefix: Digest::default(), bits: 0, hash: Digest::default(), count: 0 };
    check("parts of a chunk", limits::CHUNK_PARTS_MAX, |size| {
        chunk(ChunkStep::Parts(vec![part; size]))
    });
}

#[test]
fn a_sketch_has_so_many_symbols_and_ids() {
    let sketch = |step| frame(&Frame::Sketch(Sketch { exchange: 1, step }));
    check("estimate bytes", limits::SKETCH_BYTES_MAX, |size| {
        let estimate = Bytes::from(vec![0; size]);
        sketch(SketchStep::Begin { set: Set::State, cutoff_ms: None, estimate })
    });
    check("symbol bytes", limits::SKETCH_BYTES_MAX, |size| {
        let symbols = Bytes::from(vec![0; size]);
        sketch(SketchStep::Symbols { nonce: 1, differing: 1, from: 0, until: 1, symbols })
    });
    check("ids", limits::SKETCH_IDS_MAX, |size| sketch(SketchStep::Want(vec![7; size])));
}

#[test]
fn a_wish_has_so_many_keys() {
    check("keys", limits::KEYS_MAX, |size| {
        let wanted = Wanted::Keys(vec![Digest::default(); size]);
        frame(&Frame::Fetch(Fetch { set: Set::State, wanted }))
    });
}

#[test]
fn a_profile_has_so_many_addresses_and_capabilities() {
    let address: Address = "http://h".parse().unwrap();
    let addresses = |size| profile(|it| it.addresses = vec![address.clone(); size]);
    check("addresses", limits::ADDRESSES_MAX, addresses);
    check("capabilities", limits::CAPABILITIES_MAX, |size| {
        profile(|it| it.capabilities = vec!["c".into(); size])
    });
    check("capability bytes", limits::TEXT_BYTES_MAX, |size| {
        profile(|it| it.capabilities = vec!["c".repeat(size)])
    });
    check("agent bytes", limits::TEXT_BYTES_MAX, |size| profile(|it| it.agent = "a".repeat(size)));
}

#[test]
fn a_goodbye_is_short() {
    check("goodbye text", limits::TEXT_BYTES_MAX, |size| {
        frame(&Frame::Goodbye(Goodbye { reason: Reason::Busy, text: "t".repeat(size) }))
    });
}

#[test]
fn an_address_has_a_length() {
    let address = |size: usize| format!("http://{}", "h".repeat(size - 7)).parse::<Address>();
    assert!(address(limits::ADDRESS_BYTES_MAX).is_ok());
    let refused = address(limits::ADDRESS_BYTES_MAX + 1).unwrap_err().to_string();
    assert!(refused.starts_with("not an address: too long: http://hhh"), "{refused}");
    // What counts is how it is printed: each space becomes three bytes.
    let spaces = format!("http://h/{}x", " ".repeat(100));
    let refused = spaces.parse::<Address>().unwrap_err().to_string();
    assert!(refused.starts_with("not an address: too long"), "{refused}");
}

#[test]
fn labels_and_names_have_a_length() {
    let entry = |collection: usize, name: usize| {
        let (collection, name) = ("c".repeat(collection), "n".repeat(name));
        opened(Content::Entry(Entry { collection, name, value: None }), 0).map(|_| ())
    };
    let (label, name) = (limits::LABEL_BYTES_MAX, limits::NAME_BYTES_MAX);
    assert_eq!(entry(label, name), Ok(()));
    assert_eq!(entry(label + 1, 1), Err(WireError::Label("collection", label)));
    assert_eq!(entry(1, name + 1), Err(WireError::Label("name", name)));
    let topic = |size| message(|it| it.topic = "t".repeat(size)).map(|_| ());
    assert_eq!(topic(label), Ok(()));
    assert_eq!(topic(label + 1), Err(WireError::Label("topic", label)));
}

#[test]
fn a_message_speaks_of_so_many_items() {
    check("item hashes", limits::ITEM_HASHES_MAX, |size| {
        verdict(message(|it| it.item_hashes = vec![Digest::default(); size]))
    });
}

#[test]
fn what_a_bridge_carries_over_is_short() {
    let max = limits::TEXT_BYTES_MAX;
    let bridged = |id: usize, kind: usize, origin: usize| {
        message(|it| {
            it.bridged = Some(crate::Bridged {
                message_id: "i".repeat(id),
                message_type: "t".repeat(kind),
                origin_peer: "o".repeat(origin),
            });
        })
        .map(|_| ())
    };
    assert_eq!(bridged(max, max, max), Ok(()));
    assert_eq!(bridged(max + 1, 1, 1), Err(WireError::Label("message_id", max)));
    assert_eq!(bridged(1, max + 1, 1), Err(WireError::Label("message_type", max)));
    check("origin_peer bytes", max, |size| verdict(bridged(1, 1, size)));
}

#[test]
fn a_proof_has_a_length() {
    assert_eq!(verdict(Proof::decode(&[0; 257])), Some(("proof bytes", 257, 256)));
}

#[test]
fn an_invitation_names_only_a_few_addresses() {
    let of_count = |count: usize| {
        let invite = crate::Invite {
            inviter: Identity::from_seed([1; 32]).id(),
            network: Digest([2; 32]),
            secret: [3; 16],
            expires_s: 1,
            addresses: vec!["http://192.0.2.7:1".parse().unwrap(); count],
        };
        invite.to_string().parse::<crate::Invite>()
    };
    assert!(of_count(limits::INVITE_ADDRESSES_MAX).is_ok());
    let refused = of_count(limits::INVITE_ADDRESSES_MAX + 1);
    assert_eq!(refused, Err(WireError::Field("addresses")));
}

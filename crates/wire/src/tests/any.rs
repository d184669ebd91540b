//! Any value of the schema, for tests that hold for all of them.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{
    Bridged, Carried, CarriedHead, Chunk, ChunkPart, ChunkRefusal, ChunkStep, Class, Compare,
    Content, Digest, Direct, DirectStep, Entry, Fetch, Found, Frame, Goodbye, Have, Head, Hello,
    Hlc, Item, Message, MessageKind, NodeId, Offer, Peers, PeersWanted, Piece, PieceSet, Ping,
    Pong, Profile, Pull, Push, Range, Reason, Record, Records, Report, RouteId, Seed, SeedPiece,
    SeedRefusal, SeedStep, Set, SetSummary, ShortId, Signed, Sketch, SketchStep, Subtree, Summary,
    TreeId, View, Wanted, limits,
};

pub(super) fn record() -> impl Strategy<Value = Record> {
    let content = prop_oneof![
        entry().prop_map(Content::Entry),
        message().prop_map(Content::Message),
        profile().prop_map(Content::Profile),
    ];
    let numbers = (any::<u64>(), any::<u64>(), 1..u64::MAX);
    (digest(), numbers, content).prop_map(|(network, (seq, created, expires), content)| {
        let expires_ms = match &content {
            Content::Contradiction(_) | Content::Entry(_) => 0,
            Content::Message(_) => expires,
            Content::Profile(_) => expires % 2,
        };
        Record { network, seq, created: Hlc(created), expires_ms, content }
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    (label(), label(), proptest::option::of(bytes(64)))
        .prop_map(|(collection, name, value)| Entry { collection, name, value })
}

fn message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![
        Just(MessageKind::Announce),
        Just(MessageKind::Heartbeat),
        Just(MessageKind::Request),
        Just(MessageKind::Response),
    ];
    let bridged = (label(), label(), text()).prop_map(|(message_id, message_type, origin_peer)| {
        Bridged { message_id, message_type, origin_peer }
    });
    let links = (vec(digest(), 0..3), proptest::option::of(digest()));
    let class = prop_oneof![Just(Class::Alert), Just(Class::Normal), Just(Class::Bulk)];
    (label(), kind, bytes(64), links, proptest::option::of(bridged), class).prop_map(
        |(topic, kind, payload, (item_hashes, reply_to), bridged, class)| Message {
            topic,
            kind,
            payload,
            item_hashes,
            reply_to,
            bridged,
            class,
        },
    )
}

fn profile() -> impl Strategy<Value = Profile> {
    let address = (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| {
        let [a, b, c, d] = ip;
        format!("http://{a}.{b}.{c}.{d}:{port}").parse().unwrap()
    });
    (vec(address, 0..limits::ADDRESSES_MAX), text(), vec(text(), 0..3))
        .prop_map(|(addresses, agent, capabilities)| Profile { addresses, agent, capabilities })
}

/// Every kind of frame, each as likely as the others.
pub(super) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        moment().prop_map(Frame::Agreed),
        (set(), vec(range(), 0..4), moment()).prop_map(|(set, ranges, cutoff_ms)| {
            Frame::Compare(Compare { set, ranges, cutoff_ms })
        }),
        (proptest::option::of((any::<u64>(), digest())), vec(bytes(40), 0..4))
            .prop_map(|(known, notes)| Frame::Council(crate::Council { known, notes })),
        direct(),
        fetch().prop_map(Frame::Fetch),
        goodbye(),
        hello(),
        (vec(signed(), 0..4), any::<bool>()).prop_map(|(profiles, answer_wanted)| {
            Frame::Peers(Peers { profiles, answer_wanted })
        }),
        prop_oneof![Just(PeersWanted::Any), Just(PeersWanted::Near)].prop_map(Frame::PeersWanted),
        (any::<u32>(), report()).prop_map(|(nonce, report)| Frame::Ping(Ping { nonce, report })),
        (any::<u32>(), report()).prop_map(|(nonce, report)| Frame::Pong(Pong { nonce, report })),
        push(),
        pull(),
        piece(),
        records(),
        chunk(),
        seed(),
        sketch(),
        summary().prop_map(Frame::Summary),
    ]
}

fn direct() -> impl Strategy<Value = Frame> {
    let seek = (digest(), 0..=limits::DIRECT_HOPS_MAX)
        .prop_map(|(to, hops)| DirectStep::Seek { to: NodeId::from_bytes(to.0), hops });
    let signature = || (digest(), digest()).prop_map(|(one, two)| signature_of(&one, &two));
    let found = (digest(), signature())
        .prop_map(|(key, signature)| DirectStep::Found(Found { key: key.0, signature }));
    let step = prop_oneof![
        seek,
        found,
        bytes(600).prop_map(DirectStep::Letter),
        signature().prop_map(DirectStep::Receipt),
    ];
    (any::<[u8; 16]>(), step)
        .prop_map(|(route, step)| Frame::Direct(Direct { route: RouteId(route), step }))
}

fn seed() -> impl Strategy<Value = Frame> {
    let wanted = (0..9_u32, 1..=64_u32).prop_map(|(from, count)| SeedStep::Wanted { from, count });
    let path = vec(any::<[u8; 32]>(), 0..=limits::SEED_PATH_MAX);
    let piece = (any::<u32>(), vec(any::<u8>(), 1..600), path).prop_map(|(index, bytes, path)| {
        SeedStep::Piece(SeedPiece { index, bytes: bytes.into(), path })
    });
    let refused = prop_oneof![Just(SeedRefusal::Absent), Just(SeedRefusal::Exhausted)];
    let step = prop_oneof![wanted, piece, refused.prop_map(SeedStep::Refused)];
    (digest(), step).prop_map(|(id, step)| Frame::Seed(Seed { id, step }))
}

fn signature_of(one: &Digest, two: &Digest) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&one.0);
    signature[32..].copy_from_slice(&two.0);
    signature
}

fn chunk() -> impl Strategy<Value = Frame> {
    let part = (prefix(), digest(), any::<u64>())
        .prop_map(|((prefix, bits), hash, count)| ChunkPart { prefix, bits, hash, count });
    let wanted = (prefix(), proptest::option::of(digest()))
        .prop_map(|((prefix, bits), hash)| ChunkStep::Wanted { prefix, bits, hash });
    let item = (digest(), digest()).prop_map(|(key, value)| Item { key, value });
    let records = (vec(signed(), 0..3), vec(item, 0..3), any::<(bool, u32)>()).prop_map(
        |(records, items, (last, from))| ChunkStep::Records { records, items, last, from },
    );
    let step = prop_oneof![
        wanted,
        vec(part, 0..4).prop_map(ChunkStep::Parts),
        records,
        Just(ChunkStep::Refused(ChunkRefusal::Absent)),
        Just(ChunkStep::Refused(ChunkRefusal::Exhausted)),
    ];
    (any::<u32>(), step).prop_map(|(wish, step)| Frame::Chunk(Chunk { wish, step }))
}

fn sketch() -> impl Strategy<Value = Frame> {
    let begin = (set(), moment(), bytes(300))
        .prop_map(|(set, cutoff_ms, estimate)| SketchStep::Begin { set, cutoff_ms, estimate });
    let symbols = (any::<[u32; 3]>(), any::<u64>(), bytes(300)).prop_map(
        |([differing, from, until], nonce, symbols)| SketchStep::Symbols {
            nonce,
            differing,
            from,
            until,
            symbols,
        },
    );
    let step = prop_oneof![
        begin,
        any::<u32>().prop_map(SketchStep::More),
        vec(any::<u64>(), 0..9).prop_map(SketchStep::Want),
        symbols,
        Just(SketchStep::Refused),
    ];
    (any::<u64>(), step).prop_map(|(exchange, step)| Frame::Sketch(Sketch { exchange, step }))
}

pub(super) fn signed() -> impl Strategy<Value = Signed> {
    (bytes(200), any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(body, author, half)| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&half);
        Signed { body, author: NodeId::from_bytes(author), signature }
    })
}

fn push() -> impl Strategy<Value = Frame> {
    let numbers = || vec(any::<u64>(), 0..4);
    let records = (vec(carried(), 0..4), vec(head(), 0..3));
    (records, numbers(), numbers(), numbers(), numbers()).prop_map(
        |((records, heads), haves, want, prune, graft)| {
            let ids = |ids: Vec<u64>| ids.into_iter().map(ShortId).collect();
            let trees = |trees: Vec<u64>| trees.into_iter().map(TreeId).collect();
            let have = |id: u64| Have { id: ShortId(id), age_ms: (id >> 33) as u32 };
            let have = haves.into_iter().map(have).collect();
            let want = ids(want);
            let (prune, graft) = (trees(prune), trees(graft));
            Frame::Push(Push { records, have, want, prune, graft, heads })
        },
    )
}

fn head() -> impl Strategy<Value = CarriedHead> {
    let class = prop_oneof![Just(Class::Alert), Just(Class::Normal), Just(Class::Bulk)];
    let offer = prop_oneof![Just(Offer::Ask), Just(Offer::Follow), Just(Offer::Repair)];
    let size = limits::PIECE_BYTES + 1..=limits::BODY_BYTES_CEILING;
    (signed(), size, digest(), class, (0..=limits::HOPS_MAX, any::<u8>(), any::<u64>(), offer))
        .prop_map(|(signed, size, hash, class, (ttl, hops, tree, offer))| {
            let Signed { author, signature, .. } = signed;
            let hashes = vec![hash; size.div_ceil(limits::PIECE_BYTES)];
            let size = u32::try_from(size).unwrap();
            let head = Head { author, signature, class, size, hashes };
            CarriedHead { head, ttl, hops, tree: TreeId(tree), offer }
        })
}

fn piece() -> impl Strategy<Value = Frame> {
    (any::<u64>(), 0..limits::PIECES_MAX, bytes(300)).prop_map(|(name, index, bytes)| {
        let index = u8::try_from(index).unwrap();
        Frame::Piece(Piece { name: ShortId(name), index, bytes })
    })
}

fn pull() -> impl Strategy<Value = Frame> {
    let set = || (0..=limits::PIECES_MAX).prop_map(PieceSet::first);
    (any::<u64>(), set(), set())
        .prop_map(|(name, pieces, held)| Frame::Pull(Pull { name: ShortId(name), pieces, held }))
}

fn report() -> impl Strategy<Value = Option<Report>> {
    let some = (any::<u64>(), summary());
    proptest::option::of(some.prop_map(|(time_ms, summary)| Report { time_ms, summary }))
}

fn hello() -> impl Strategy<Value = Frame> {
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>());
    let texts = (text(), vec(text(), 0..3));
    (numbers, digest(), texts, signed(), summary()).prop_map(
        |((version, session, time_ms), network, (agent, capabilities), profile, summary)| {
            Frame::Hello(Box::new(Hello {
                version,
                network,
                session,
                agent,
                capabilities,
                time_ms,
                profile,
                summary,
                ids_key: session,
            }))
        },
    )
}

fn goodbye() -> impl Strategy<Value = Frame> {
    let reasons = [
        Reason::Busy,
        Reason::Duplicate,
        Reason::Leaving,
        Reason::Misbehaved,
        Reason::Rotated,
        Reason::Silent,
        Reason::Unspecified,
        Reason::Version,
        Reason::WrongNetwork,
    ];
    (proptest::sample::select(reasons.to_vec()), text())
        .prop_map(|(reason, text)| Frame::Goodbye(Goodbye { reason, text }))
}

fn records() -> impl Strategy<Value = Frame> {
    let next = proptest::option::of((prefix(), digest()));
    (set(), vec(signed(), 0..4), any::<bool>(), next).prop_map(|(set, records, range, next)| {
        let next = next.map(|((prefix, bits), after)| {
            let after = Some(after);
            Fetch { set, wanted: Wanted::Range { prefix, bits, after } }
        });
        Frame::Records(Records { set, records, range, next })
    })
}

fn fetch() -> impl Strategy<Value = Fetch> {
    let wanted = prop_oneof![
        vec(digest(), 0..4).prop_map(Wanted::Keys),
        (prefix(), proptest::option::of(digest()))
            .prop_map(|((prefix, bits), after)| Wanted::Range { prefix, bits, after }),
    ];
    (set(), wanted).prop_map(|(set, wanted)| Fetch { set, wanted })
}

fn range() -> impl Strategy<Value = Range> {
    let item = (digest(), digest()).prop_map(|(key, value)| Item { key, value });
    let subtree =
        (prefix(), digest()).prop_map(|((prefix, bits), hash)| Subtree { prefix, bits, hash });
    let view = prop_oneof![
        vec(item, 0..4).prop_map(View::Items),
        vec(subtree, 0..4).prop_map(View::Subtrees),
    ];
    (prefix(), view, any::<bool>()).prop_map(|((prefix, bits), view, answer)| Range {
        prefix,
        bits,
        view,
        answer,
    })
}

fn carried() -> impl Strategy<Value = Carried> {
    (signed(), 0..=limits::HOPS_MAX, any::<u8>(), any::<u64>())
        .prop_map(|(signed, ttl, hops, tree)| Carried { signed, ttl, hops, tree: TreeId(tree) })
}

fn summary() -> impl Strategy<Value = Summary> {
    let set = || (digest(), any::<u64>()).prop_map(|(root, count)| SetSummary { root, count });
    let both = prop_oneof![(set(), set()), Just(Default::default())];
    (both, any::<bool>(), moment()).prop_map(|((state, messages), answer_wanted, cutoff_ms)| {
        Summary { state, messages, answer_wanted, cutoff_ms }
    })
}

fn moment() -> impl Strategy<Value = Option<u64>> {
    proptest::option::of(1..u64::MAX)
}

fn set() -> impl Strategy<Value = Set> {
    prop_oneof![Just(Set::State), Just(Set::Messages)]
}

/// A prefix whose unused bits are zero.
fn prefix() -> impl Strategy<Value = (Digest, u16)> {
    (digest(), 0..=256_u16).prop_map(|(mut prefix, bits)| {
        for bit in bits..256 {
            prefix.0[usize::from(bit / 8)] &= !(0x80 >> (bit % 8));
        }
        (prefix, bits)
    })
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

fn label() -> impl Strategy<Value = String> {
    "[a-z0-9/ \u{e4}]{1,40}"
}

fn text() -> impl Strategy<Value = String> {
    "[ -~]{0,60}"
}

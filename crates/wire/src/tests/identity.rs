//! Keys, ids and signatures are those the world knows, and weak ones are refused.

use bytes::Bytes;

use crate::{
    Address, Content, Digest, Entry, Family, Hlc, Host, Identity, Medium, Multiaddr, NodeId, Proof,
    Record, Signed, WireError,
};

fn seed() -> [u8; 32] {
    std::array::from_fn(|at| u8::try_from(at).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn golden() -> Record {
    Record {
        network: Digest::of("golden network", &[]),
        seq: 7,
        created: Hlc::from_ms(1_700_000_000_000),
        expires_ms: 0,
        content: Content::Entry(Entry {
            collection: "airports".into(),
            name: "00M".into(),
            value: Some(Bytes::from_static(b"{\"name\":\"Thigpen\"}")),
        }),
    }
}

#[test]
fn one_record_has_these_bytes_id_and_signature() {
    // SIGN-2
    let identity = Identity::from_seed(seed());
    let public = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
    assert_eq!(hex(identity.id().as_bytes()), public);
    let signed = Signed::seal(&golden(), &identity);
    assert_eq!(hex(&signed.body), GOLDEN_BODY);
    assert_eq!(hex(&signed.signature), GOLDEN_SIGNATURE);
    assert!(signed.verify(&golden().network));
    assert_eq!(signed.open().unwrap().id.to_string(), GOLDEN_ID);
}

#[test]
fn a_signature_holds_for_one_network_one_author_and_these_bytes() {
    let network = golden().network;
    let signed = Signed::seal(&golden(), &Identity::from_seed(seed()));
    assert!(!signed.verify(&Digest::default()));
    let other = Identity::from_seed([1; 32]).id();
    assert!(!Signed { author: other, ..signed.clone() }.verify(&network));
    for at in 0..signed.body.len() {
        let mut body = signed.body.to_vec();
        body[at] ^= 1;
        assert!(!Signed { body: Bytes::from(body), ..signed.clone() }.verify(&network), "{at}");
    }
    for at in 0..64 {
        let mut hurt = signed.clone();
        hurt.signature[at] ^= 1;
        assert!(!hurt.verify(&network), "{at}");
    }
}

#[test]
fn the_id_of_a_record_depends_on_its_author() {
    let (one, other) = (Identity::from_seed(seed()), Identity::from_seed([1; 32]));
    let id = |identity| Signed::seal(&golden(), identity).open().unwrap().id;
    assert_ne!(id(&one), id(&other));
}

#[test]
fn keys_for_which_anybody_can_sign_are_refused() {
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    // Order two, and order four twice.
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    let order_four = [0; 32];
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&identity_point);
    for key in [identity_point, order_two, order_four] {
        let id = NodeId::from_bytes(key);
        assert!(id.is_weak());
        assert!(!id.verify(b"anything", &signature));
        assert_eq!(id.to_string().parse::<NodeId>(), Err(WireError::BadKey));
    }
    assert!(!Identity::from_seed(seed()).id().is_weak());
}

#[test]
fn the_text_form_is_the_peer_id_of_libp2p() {
    // The Ed25519 key of the test vectors in the peer id specification of libp2p.
    let seed = "7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d";
    let id = Identity::from_seed(Digest::from_hex(seed).unwrap().0).id();
    let public = "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";
    assert_eq!(hex(id.as_bytes()), public);
    let text = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq";
    assert_eq!((id.to_string().as_str(), text.parse()), (text, Ok(id)));
    assert_eq!(format!("{id:?}"), "mo7R3pq"[1..]);
    // An example of the same specification.
    let example = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
    assert_eq!(example.parse::<NodeId>().unwrap().to_string(), example);
}

#[test]
fn what_is_no_peer_id_of_an_ed25519_key_is_refused() {
    let rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
    let cut = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3p";
    for bad in ["", "12D3KooW", rsa, cut, "0OIl", &"1".repeat(65), &"1".repeat(38)] {
        assert_eq!(bad.parse::<NodeId>(), Err(WireError::BadKey), "{bad}");
    }
}

#[test]
fn a_key_survives_its_pem_file() {
    let identity = Identity::from_seed(seed());
    let pem = identity.to_pem();
    assert_eq!(Identity::from_pem(&pem).unwrap().id(), identity.id());
    // Of `openssl genpkey -algorithm ed25519`: the private half alone.
    let openssl = "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
         -----END PRIVATE KEY-----\n";
    assert_eq!(Identity::from_pem(openssl).unwrap().id(), identity.id());
    for bad in ["", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", &pem[..60]] {
        assert_eq!(Identity::from_pem(bad).map(|it| it.id()), Err(WireError::BadKey));
    }
}

#[test]
fn a_private_key_is_not_printed() {
    let identity = Identity::from_seed(seed());
    let (shown, secret) = (format!("{identity:?}"), hex(&seed()));
    assert_eq!(shown, format!("Identity({:?})", identity.id()));
    assert!(!shown.contains(&secret[..8]));
}

#[test]
fn a_proof_binds_one_channel_to_one_node() {
    let (identity, network) = (Identity::from_seed(seed()), Digest([2; 32]));
    let mut read = Proof::decode(&Proof::new(&identity, network, &[3; 32]).encode()).unwrap();
    assert_eq!((read.author, read.network), (identity.id(), network));
    assert!(read.binds(&[3; 32]));
    assert!(!read.binds(&[4; 32]));
    read.network = Digest([4; 32]);
    assert!(!read.binds(&[3; 32]));
    (read.network, read.author) = (network, Identity::from_seed([1; 32]).id());
    assert!(!read.binds(&[3; 32]));
}

#[test]
fn an_address_behind_a_relay_names_both_nodes() {
    // NAT-1
    let [relay, node] = [7, 8].map(|seed| Identity::from_seed([seed; 32]).id());
    let text = format!("/ip4/192.0.2.7/tcp/8888/p2p/{relay}/p2p-circuit/p2p/{node}");
    let Ok(Address::Libp2p(address)) = text.parse() else { panic!("{text}") };
    assert_eq!((address.via, address.node), (Some(relay), Some(node)));
    assert_eq!((address.medium(), address.carried_by()), (Medium::Relay, Medium::Tcp));
    assert_eq!(address.to_string(), text);
    for wrong in [
        format!("/ip4/192.0.2.7/tcp/8888/p2p/{relay}/p2p-circuit"),
        format!("/ip4/192.0.2.7/tcp/8888/p2p-circuit/p2p/{node}"),
        format!("{text}/p2p-circuit/p2p/{node}"),
        format!("/ip4/192.0.2.7/tcp/8888/p2p/nobody/p2p-circuit/p2p/{node}"),
    ] {
        assert!(wrong.parse::<Address>().is_err(), "{wrong}");
    }
}

#[test]
fn addresses_have_one_form() {
    let print = |text: &str| text.parse::<Address>().map(|it| it.to_string());
    for (text, printed) in [
        ("http://h:1", "http://h:1"),
        ("http://h:1/", "http://h:1"),
        ("HTTP://H:80/", "http://h"),
        ("http://[::1]:7/a/", "http://[::1]:7/a"),
        ("http://127.1:7", "http://127.0.0.1:7"),
        // LIBP2P-1
        ("/ip4/192.0.2.7/udp/8888/quic-v1", "/ip4/192.0.2.7/udp/8888/quic-v1"),
        ("/ip6/2001:DB8:0::7/tcp/8888", "/ip6/2001:db8::7/tcp/8888"),
        ("/dns/Node.Example/tcp/0", "/dns/node.example/tcp/0"),
        ("/dns4/a_b-c.example./udp/1/quic-v1", "/dns4/a_b-c.example./udp/1/quic-v1"),
        (PINNED, PINNED),
    ] {
        assert_eq!(print(text).as_deref(), Ok(printed), "{text}");
        assert_eq!(print(printed).as_deref(), Ok(printed), "{text}");
    }
    let address: Address = "http://[::1]:7/a/".parse().unwrap();
    assert_eq!(address.url(), Some("http://[::1]:7/a"));
    assert_eq!(address.host_port(), ("[::1]".to_owned(), 7));
    assert_eq!("http://h".parse::<Address>().unwrap().host_port(), ("h".to_owned(), 80));
}

#[test]
fn a_multiaddr_says_what_it_is_made_of() {
    let read = |text: &str| match text.parse().unwrap() {
        Address::Libp2p(address) => *address,
        Address::Http(url) => panic!("{url}"),
    };
    let (pinned, plain) = (read(PINNED), read("/ip6/::1/udp/7/quic-v1"));
    assert_eq!((pinned.medium(), plain.medium()), (Medium::Tcp, Medium::Quic));
    assert_eq!(pinned.node, Some(Identity::from_seed([7; 32]).id()));
    assert_eq!((pinned.host.clone(), pinned.ip()), (Host::Dns(Family::V6, "h".to_owned()), None));
    let (ip, other) = ("::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
    assert_eq!((plain.ip(), plain.node), (Some(ip), None));
    assert_eq!(plain, Multiaddr::quic(ip, 7));
    assert_eq!(pinned.at(other, 9), Multiaddr::tcp(other, 9));
    let address = Address::Libp2p(Box::new(plain));
    assert_eq!(address.host_port(), ("[::1]".to_owned(), 7));
    assert_eq!((address.url(), address.medium()), (None, Medium::Quic));
    let named = Medium::ALL.map(Medium::name);
    assert_eq!(named, ["http", "quic", "relay", "tcp"]);
    let counts = |family: Family| (family.has(ip), family.has(other));
    assert_eq!(counts(Family::Any), (true, true));
    assert_eq!(counts(Family::V4), (false, true));
    assert_eq!(counts(Family::V6), (true, false));
}

#[test]
fn bad_addresses_are_refused_with_a_reason() {
    for (text, why) in [
        ("", "use http://HOST:PORT"),
        ("h:1", "use http://HOST:PORT"),
        ("127.0.0.1:1", "use http://HOST:PORT"),
        ("ftp://h:1", "use http://HOST:PORT"),
        ("file:///etc/passwd", "use http://HOST:PORT"),
        ("http://", "use http://HOST:PORT"),
        ("http://h:99999", "use http://HOST:PORT"),
        ("https://user@h:1", "no user or password"),
        ("https://", "use http://HOST:PORT or https://HOST:PORT"),
        ("http://user@h:1", "no user or password"),
        ("http://:secret@h:1", "no user or password"),
        ("http://h:1?a=b", "no query or fragment"),
        ("http://h:1#a", "no query or fragment"),
        ("/", "use /ip4/IP/udp/PORT/quic-v1"),
        ("/ip4", "use /ip4/IP/udp/PORT/quic-v1"),
        ("/ip4/1.2.3.4", "use /ip4/IP/udp/PORT/quic-v1"),
        ("/unix/tmp", "use /ip4/IP/udp/PORT/quic-v1"),
        ("/ip4/1.2.3.4/sctp/1", "use /ip4/IP/udp/PORT/quic-v1"),
        ("/ip4/::1/tcp/1", "not an IPv4 address"),
        ("/ip6/1.2.3.4/tcp/1", "not an IPv6 address"),
        ("/dns/a..b/tcp/1", "not a DNS name"),
        ("/dns//tcp/1", "not a DNS name"),
        ("/dns/a b/tcp/1", "not a DNS name"),
        ("/ip4/1.2.3.4/tcp/65536", "a port is a number up to 65535"),
        ("/ip4/1.2.3.4/tcp/+1", "a port is a number up to 65535"),
        ("/ip4/1.2.3.4/tcp/01", "a port is a number up to 65535"),
        ("/ip4/1.2.3.4/udp/1", "what follows udp is /quic-v1"),
        ("/ip4/1.2.3.4/udp/1/quic", "the old QUIC is not supported"),
        ("/ip4/1.2.3.4/tcp/1/ws", "for WebSockets use http://"),
        ("/ip4/1.2.3.4/tcp/1/", "only /p2p/NODE may follow"),
        ("/ip4/1.2.3.4/tcp/1/p2p", "what follows p2p is a node id"),
        (
            "/ip4/1.2.3.4/tcp/1/p2p/QmSoLju6m7xTh3DuokvT3886QRYqxAzb1kShaanJgW36yx",
            "what follows p2p",
        ),
        (WEAK, "what follows p2p is a node id"),
        (FOLLOWED, "nothing may follow /p2p/NODE"),
        (RELAYED, "what follows p2p-circuit is /p2p/NODE"),
    ] {
        let refused = text.parse::<Address>().unwrap_err().to_string();
        assert!(refused.contains(why), "{text}: {refused}");
    }
    let shown = "ftp://\u{1b}[31m".parse::<Address>().unwrap_err().to_string();
    assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
}

const PINNED: &str = "/dns6/h/tcp/1/p2p/12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7";
const FOLLOWED: &str =
    "/ip4/1.2.3.4/tcp/1/p2p/12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7/tls";
const RELAYED: &str =
    "/ip4/1.2.3.4/tcp/1/p2p/12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7/p2p-circuit";
/// The identity point as a key.
const WEAK: &str = "/ip4/1.2.3.4/tcp/1/p2p/12D3KooW9tGaPdJo5jmCpadQ971nfiq4kLcQjeBPYTfutBTtckPH";

/// Of this and the next two: computed by other implementations of protobuf, SHA-256 and Ed25519.
const GOLDEN_BODY: &str = "0a207e62b37f90f3db2e0b9bd672d319b609091630c77a96f98af844425069ba91aa100718808080c0d6fcf3c5014a230a08616972706f727473120330304d1a127b226e616d65223a225468696770656e227d";
const GOLDEN_ID: &str = "809a98677c50868860bd5a317ad2bfa5f965182716430ce29e695fc559f46c43";
const GOLDEN_SIGNATURE: &str = "ac642260497a0f5e11eb540f4a98e243c9727a637c695956deed8f70a78e6cbc685ea3978fbb7400faaca10f86f8126596cf10849b2a921370216470d2821f03";

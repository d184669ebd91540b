//! Private networks: who is let in, who is not, and what each end is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::{Address, Class, Identity, NodeId};

use super::world::{Node, PATIENCE, Way, over_every_way, start};
use crate::{
    Authorities, Certificate, Config, GossipAnswer, Inbound, Limits, Private, Transport,
    member_name,
};

/// The authority of a private network.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a certificate says; the default is what it should.
#[derive(Clone, Debug)]
pub(super) struct Said {
    key: u8,
    names: Vec<String>,
    begins: i64,
    days: i64,
    usage: Vec<ExtendedKeyUsagePurpose>,
}

fn identity(seed: u8) -> Identity {
    Identity::from_seed([seed; 32])
}

fn id(seed: u8) -> NodeId {
    identity(seed).id()
}

pub(super) fn said(seed: u8) -> Said {
    let usage = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    Said { key: seed, names: vec![member_name(id(seed))], begins: -60, days: 20, usage }
}

impl Said {
    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = |it: &String| SanType::URI(it.clone().try_into().unwrap());
        params.subject_alt_names = self.names.iter().map(name).collect();
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        // So many seconds from now.
        let at = |after_s: i64| {
            let unix_s = now_s.checked_add_signed(after_s).unwrap();
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(unix_s)
        };
        params.not_before = at(self.begins);
        params.not_after = at(self.begins + self.days * 86_400);
        params.extended_key_usages = self.usage.clone();
        params
    }

    fn key(&self) -> KeyPair {
        KeyPair::from_pem(&identity(self.key).to_pem()).unwrap()
    }

    fn with_key(&self, chain: &str) -> Certificate {
        Certificate::from_pem(chain.as_bytes(), identity(self.key).to_pem().as_bytes()).unwrap()
    }

    fn self_signed(&self) -> Certificate {
        self.with_key(&self.params().self_signed(&self.key()).unwrap().pem())
    }
}

impl Authority {
    pub(super) fn new(seed: u8) -> Self {
        let key = KeyPair::from_pem(&identity(seed).to_pem()).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, format!("authority {seed}"));
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(super) fn sign(&self, said: &Said) -> Certificate {
        said.with_key(&said.params().signed_by(&said.key(), &self.issuer).unwrap().pem())
    }

    pub(super) fn private(&self, certificate: Certificate) -> Private {
        let authorities = Authorities::from_pem(self.pem.as_bytes()).unwrap();
        Private { authorities, certificate, revoked: BTreeSet::new() }
    }

    async fn node(&self, way: Way, seed: u8, certificate: Certificate) -> Node {
        let private = Some(self.private(certificate));
        start(Config { private, ..way.config(seed, 0, Limits::default()) }).await
    }

    async fn member(&self, way: Way, seed: u8) -> Node {
        self.node(way, seed, self.sign(&said(seed))).await
    }
}

fn address(node: &Node) -> Address {
    match node.address() {
        Address::Http(_) => format!("https://{}", node.addr()).parse().unwrap(),
        libp2p @ Address::Libp2p(_) => libp2p,
    }
}

async fn link(dialler: &mut Node, dialled: &mut Node) -> (u64, u64) {
    dialler.transport.dial(address(dialled));
    (dialler.linked().await.link, dialled.linked().await.link)
}

fn refusals(transport: &Transport) -> u64 {
    let traffic = transport.traffic();
    traffic.handshakes.not_member + traffic.tls_failed
}

over_every_way!(
    members_link,
    outsiders_are_refused_by_both_ends,
    the_revoked_go_at_once,
    a_new_certificate_lets_in,
    an_expired_member_goes
);

/// CA-1, CA-2, CA-3: the good pair.
async fn members_link(way: Way) {
    let authority = Authority::new(90);
    let (mut first, mut second) = (authority.member(way, 1).await, authority.member(way, 2).await);
    let (ours, theirs) = link(&mut second, &mut first).await;
    for class in Class::ALL {
        let frame = Bytes::from(vec![5; 2_000]);
        second.transport.send(ours, class, &frame);
        assert_eq!(first.frame().await, frame);
        first.transport.send(theirs, class, &frame);
        assert_eq!(second.frame().await, frame);
    }
    assert_eq!((refusals(&first.transport), refusals(&second.transport)), (0, 0));
}

/// All that may be wrong with what somebody shows, and what is said of it.
fn wrong(authority: &Authority) -> Vec<(Certificate, &'static str)> {
    let own = said(2);
    let names = |names: Vec<String>| authority.sign(&Said { names, ..own.clone() });
    let two = vec![member_name(id(2)), member_name(id(3))];
    vec![
        (own.self_signed(), "no authority of this network"),
        (Authority::new(91).sign(&own), "no authority of this network"),
        (authority.sign(&Said { begins: -40 * 86_400, ..own.clone() }), "expired"),
        (authority.sign(&Said { begins: 86_400, ..own.clone() }), "not good yet"),
        (authority.sign(&Said { days: 60, ..own.clone() }), "longer than 30 days"),
        // Another node's, with its key, on a node that is not it.
        (authority.sign(&said(3)), "that of another node"),
        (names(vec![member_name(id(3))]), "names another node than its key"),
        (names(two), "exactly one node"),
        (names(Vec::new()), "exactly one node"),
        (names(vec!["urn:example:2".to_owned()]), "exactly one node"),
        (
            authority.sign(&Said { usage: vec![ExtendedKeyUsagePurpose::ServerAuth], ..own }),
            "no certificate",
        ),
    ]
}

/// CA-1: whichever end dials, an outsider's first frame is never read.
async fn outsiders_are_refused_by_both_ends(way: Way) {
    let authority = Authority::new(90);
    let mut member = authority.member(way, 1).await;
    for (certificate, why) in wrong(&authority) {
        let outsider = authority.node(way, 2, certificate.clone()).await;
        let said = member.fails_to_dial(address(&outsider)).await;
        let heard = ["expired", "not good yet", "authority"].iter().any(|it| said.contains(it));
        assert!(said.contains(why) || (way == Way::Http && heard), "{way:?} {why}: {said}");
        // Another one: what the first has heard is no part of this.
        let mut outsider = authority.node(way, 2, certificate).await;
        let before = refusals(&member.transport);
        outsider.transport.dial(address(&member));
        loop {
            match outsider.next().await {
                Inbound::DialFailed { why: said, .. } | Inbound::Closed { why: said, .. } => {
                    let told = ["refuse", "no member", why].iter().any(|it| said.contains(it));
                    assert!(told, "{way:?} {why}: the outsider reads {said:?}");
                    break;
                }
                // What the last word of a handshake is, its sender cannot know; it ends at once.
                Inbound::Linked(linked) => {
                    outsider.transport.send(linked.link, Class::Alert, &Bytes::from_static(b"in?"));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(before < refusals(&member.transport), "{way:?} {why}");
    }
    // Nothing of all that has reached the core.
    let mut friend = authority.member(way, 4).await;
    friend.transport.dial(address(&member));
    friend.linked().await;
    assert_eq!(member.linked().await.peer, id(4));
}

/// CA-4
async fn the_revoked_go_at_once(way: Way) {
    let authority = Authority::new(90);
    let (mut first, mut second) = (authority.member(way, 1).await, authority.member(way, 2).await);
    let (ours, theirs) = link(&mut second, &mut first).await;
    first.transport.revoke(BTreeSet::from([id(3)]));
    first.transport.send(theirs, Class::Normal, &Bytes::from_static(b"still"));
    assert_eq!(second.frame().await, "still");
    first.transport.revoke(BTreeSet::from([id(2), id(3)]));
    assert_eq!(first.closed(theirs).await, "closed by this node");
    second.closed(ours).await;
    let said = first.fails_to_dial(address(&second)).await;
    assert!(said.contains("revoked"), "{said}");
    second.transport.dial(address(&first));
    match second.next().await {
        Inbound::DialFailed { why, .. } => assert!(why.contains("revoked"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// CA-5
async fn a_new_certificate_lets_in(way: Way) {
    let authority = Authority::new(90);
    let mut member = authority.member(way, 1).await;
    let old = authority.sign(&Said { begins: -40 * 86_400, ..said(2) });
    let mut late = authority.node(way, 2, old).await;
    let why = member.fails_to_dial(address(&late)).await;
    assert!(why.contains("expired"), "{why}");
    late.transport.show(&authority.sign(&said(2)));
    link(&mut late, &mut member).await;
}

/// CA-4: a link does not outlive what let it in.
async fn an_expired_member_goes(way: Way) {
    let authority = Authority::new(90);
    let mut first = authority.member(way, 1).await;
    let short = Said { begins: 3 - 10 * 86_400, days: 10, ..said(2) };
    let mut second = authority.node(way, 2, authority.sign(&short)).await;
    let (_, theirs) = link(&mut second, &mut first).await;
    let ends = async {
        loop {
            first.transport.revoke(BTreeSet::new());
            if let Ok(Some(inbound)) = timeout(Duration::from_millis(50), first.inbox.recv()).await
            {
                break inbound;
            }
        }
    };
    match timeout(PATIENCE, ends).await.unwrap() {
        Inbound::Closed { link, .. } => assert_eq!(link, theirs),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_private_node_dials_no_plain_door() {
    let authority = Authority::new(90);
    let mut member = authority.member(Way::Http, 1).await;
    let plain = Way::Http.node(2).await;
    let said = member.fails_to_dial(plain.address()).await;
    assert!(said.contains("only https://"), "{said}");
}

#[tokio::test]
async fn another_member_than_the_dialled_one_is_refused() {
    let authority = Authority::new(90);
    for way in [Way::Noise, Way::Quic, Way::Tls] {
        let mut member = authority.member(way, 1).await;
        let other = authority.member(way, 2).await;
        let pinned = format!("{}/p2p/{}", other.address(), id(3)).parse().unwrap();
        let said = member.fails_to_dial(pinned).await;
        assert!(said.contains("another node answers"), "{said}");
    }
}

#[tokio::test]
async fn without_a_certificate_only_an_invitation_is_asked_for() {
    // CA-2
    let authority = Authority::new(90);
    let core = authority.member(Way::Http, 1).await.with_core(GossipAnswer::Accepted);
    for (request, status, code) in [
        ("GET /health", 403, "not-member"),
        ("GET /state", 403, "not-member"),
        ("POST /gossip", 403, "not-member"),
        ("GET /link", 403, "not-member"),
        ("GET /invite", 403, "not-member"),
        ("POST /invite", 415, "unsupported-media-type"),
    ] {
        let mut socket = stranger(&core.node).await;
        let head = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains(code), "{request}: {answer}");
    }
}

#[tokio::test]
async fn an_older_tls_is_refused_by_members() {
    let member = Authority::new(90).member(Way::Http, 1).await;
    super::tls::refuses_tls_12(member.addr()).await;
}

/// A connection of somebody who believes everything and shows nothing.
async fn stranger(node: &Node) -> tokio_rustls::client::TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Gullible));
    let config = Arc::new(config.with_no_client_auth());
    let socket = TcpStream::connect(node.addr()).await.unwrap();
    let name = ServerName::try_from("h.example").unwrap();
    TlsConnector::from(config).connect(name, socket).await.unwrap()
}

#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

//! The door behind TLS: who is believed, which HTTP is spoken, and how long anybody may take.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wire::Address;

use super::world::{Answering, Node, PATIENCE, config, linked, start};
use crate::{Caller, Certificate, CertificateError, Config, GossipAnswer, Limits, Roots};

/// An authority, as an operator may have one.
struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), pem)
    }

    /// Makes a certificate for a host, PEM, with its key.
    fn sign(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn certificate(&self, host: &str) -> Certificate {
        let (chain, key) = self.sign(host, |_| {});
        Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    fn roots(&self) -> Roots {
        Roots::default().with_pem(self.1.as_bytes()).unwrap()
    }
}

async fn node(seed: u8, certificate: Certificate, limits: Limits) -> Node {
    start(Config { certificate: Some(certificate), limits, ..config(seed, 0) }).await
}

async fn answering(authority: &Authority) -> Answering {
    let node = node(1, authority.certificate("127.0.0.1"), Limits::default()).await;
    node.with_core(GossipAnswer::Accepted)
}

async fn believing(seed: u8, roots: Roots) -> Node {
    start(Config { roots, ..config(seed, 0) }).await
}

fn https(node: &Node) -> Address {
    format!("https://{}", node.addr()).parse().unwrap()
}

/// A connection past its handshake that speaks `alpn`, from a client without patience of its own.
async fn open(node: &Node, authority: &Authority, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut store = rustls::RootCertStore::empty();
    let pem = authority.1.as_bytes();
    let der = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(pem);
    store.add(der.unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let socket = TcpStream::connect(node.addr()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(std::sync::Arc::new(config)).connect(name, socket).await.unwrap()
}

#[tokio::test]
async fn a_link_comes_up_through_tls() {
    // TLS-1, TLS-3
    let authority = Authority::new();
    let mut door = node(1, authority.certificate("127.0.0.1"), Limits::default()).await;
    let mut dialler = believing(2, authority.roots()).await;
    dialler.transport.dial(https(&door));
    let (ours, theirs) = (dialler.linked().await, door.linked().await);
    assert_eq!(ours.dialled, Some(https(&door)));
    for class in wire::Class::ALL {
        let frame = bytes::Bytes::from(vec![7; 3_000]);
        dialler.transport.send(ours.link, class, &frame);
        assert_eq!(door.frame().await, frame);
        door.transport.send(theirs.link, class, &frame);
        assert_eq!(dialler.frame().await, frame);
    }
    let traffic = (door.transport.traffic(), dialler.transport.traffic());
    assert_eq!((traffic.0.tls_completed, traffic.1.tls_completed), (1, 1));
}

#[tokio::test]
async fn a_certificate_that_is_not_good_stops_the_dial_with_its_reason() {
    // TLS-3
    let authority = Authority::new();
    let long_ago = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    };
    let from = |(chain, key): (String, String)| {
        Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    };
    let bad = [
        (Authority::new().certificate("127.0.0.1"), "http.tls_roots"),
        (authority.certificate("example.org"), "is not for 127.0.0.1"),
        (from(authority.sign("127.0.0.1", long_ago)), "has expired"),
    ];
    for (certificate, why) in bad {
        let door = node(1, certificate, Limits::default()).await;
        let mut dialler = believing(2, authority.roots()).await;
        let said = dialler.fails_to_dial(https(&door)).await;
        assert!(said.contains(why), "{said}");
        assert_eq!(dialler.transport.traffic().tls_failed, 1);
        assert_eq!(dialler.transport.traffic().handshakes.completed, 0);
    }
}

#[tokio::test]
async fn the_wrong_scheme_is_said_to_be_that() {
    let plain = start(config(1, 0)).await;
    let mut dialler = believing(2, Roots::default()).await;
    let said = dialler.fails_to_dial(https(&plain)).await;
    assert!(said.contains("does not speak TLS: is it http://"), "{said}");
    let door = node(3, Authority::new().certificate("127.0.0.1"), Limits::default()).await;
    let said = dialler.fails_to_dial(door.address()).await;
    assert!(said.contains("is it https:// there?"), "{said}");
}

#[tokio::test]
async fn both_kinds_of_http_answer_by_what_was_agreed() {
    // TLS-2
    let authority = Authority::new();
    let core = answering(&authority).await;
    let socket = open(&core.node, &authority, b"h2").await;
    let connected =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (mut sender, connection) = connected.await.unwrap();
    let connection = tokio::spawn(connection);
    for path in ["/health", "/state", "/nothing"] {
        let request = Request::get(format!("https://127.0.0.1{path}"));
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status() == 200, path != "/nothing", "{path}");
        answer.into_body().collect().await.unwrap();
    }
    connection.abort();
    let caller = Caller::new("test/1", &authority.roots());
    let (status, body) = caller.ask(&https(&core.node), "/health", None).await.unwrap();
    assert!(status == 200 && body.starts_with(b"{"), "{status} {body:?}");
    let (status, body) =
        caller.ask(&https(&core.node), "/gossip", Some("{}".into())).await.unwrap();
    assert!(status == 400 && body.starts_with(b"{"), "{status} {body:?}");
}

#[tokio::test]
async fn nobody_holds_the_door_by_being_slow() {
    // TLS-1: silent; half a hello; half a header line; idle after a request; ten bytes of the
    // preface of HTTP/2; all of it and then silence.
    let limits = Limits { handshake_ms: 300, header_ms: 300, idle_ms: 600, ..Limits::default() };
    let authority = Authority::new();
    let core = node(1, authority.certificate("127.0.0.1"), limits).await;
    let core = core.with_core(GossipAnswer::Accepted);
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00"] {
        let mut socket = TcpStream::connect(core.node.addr()).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        ends(&mut socket, 250).await;
    }
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let probes: [(&[u8], &[u8], u64); 5] = [
        (b"http/1.1", b"", 250),
        (b"http/1.1", b"GET /hea", 250),
        (b"http/1.1", request, 550),
        (b"h2", &preface[..10], 250),
        (b"h2", preface, 250),
    ];
    for (alpn, bytes, at_least_ms) in probes {
        let mut socket = open(&core.node, &authority, alpn).await;
        socket.write_all(bytes).await.unwrap();
        ends(&mut socket, at_least_ms).await;
    }
    assert_eq!(core.node.transport.traffic().tls_failed, 2);
    assert_eq!(core.node.transport.traffic().connections_cut, 5);
    assert_eq!(core.node.transport.traffic().connections_open, 0);
}

/// Reads to the end, which comes neither at once nor never.
async fn ends(socket: &mut (impl tokio::io::AsyncRead + Unpin), at_least_ms: u64) {
    let (begun, mut bytes) = (Instant::now(), Vec::new());
    let read = timeout(PATIENCE, socket.read_to_end(&mut bytes));
    let _cut_or_closed = read.await.expect("never closed");
    assert!(Duration::from_millis(at_least_ms) < begun.elapsed(), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_older_tls_is_refused() {
    // TLS-1
    let door = node(1, Authority::new().certificate("127.0.0.1"), Limits::default()).await;
    refuses_tls_12(door.addr()).await;
}

/// Sends a hello that offers TLS 1.2 and nothing newer, and reads what comes back.
pub(super) async fn refuses_tls_12(addr: std::net::SocketAddr) {
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    // Groups and schemes that TLS 1.2 knows.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 0x17, 0, 13, 0, 4, 0, 2, 4, 3];
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let size = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0, size + 4, 1, 0, 0, size];
    record.extend(hello);
    let mut socket = TcpStream::connect(addr).await.unwrap();
    socket.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap().unwrap();
    // A fatal alert: protocol_version.
    assert_eq!(answer, [0x15, 0x03, 0x03, 0, 2, 2, 70]);
}

#[tokio::test]
async fn another_certificate_is_shown_without_a_restart() {
    // TLS-4
    let (first, second) = (Authority::new(), Authority::new());
    let mut door = node(1, first.certificate("127.0.0.1"), Limits::default()).await;
    let mut old = believing(2, first.roots()).await;
    old.transport.dial(https(&door));
    let link = (old.linked().await, door.linked().await).0.link;
    door.transport.show(&second.certificate("127.0.0.1"));
    let mut new = believing(3, second.roots()).await;
    new.transport.dial(https(&door));
    new.linked().await;
    door.linked().await;
    // The link that was there lives on.
    let frame = bytes::Bytes::from_static(b"still here");
    old.transport.send(link, wire::Class::Normal, &frame);
    assert_eq!(door.frame().await, frame);
    let mut stale = believing(4, first.roots()).await;
    let said = stale.fails_to_dial(https(&door)).await;
    assert!(said.contains("not trusted"), "{said}");
}

#[tokio::test]
async fn a_tls_door_and_a_plain_one_are_equal_citizens() {
    let authority = Authority::new();
    let mut tls = node(1, authority.certificate("127.0.0.1"), Limits::default()).await;
    let mut plain = believing(2, authority.roots()).await;
    linked(&mut tls, &mut plain).await;
}

#[test]
fn files_that_are_no_pair_are_refused_with_a_reason() {
    let authority = Authority::new();
    let (chain, key) = authority.sign("h.example", |_| {});
    let (_, other) = authority.sign("h.example", |_| {});
    let read = |chain: &str, key: &str| Certificate::from_pem(chain.as_bytes(), key.as_bytes());
    let good = read(&chain, &key).unwrap();
    assert_eq!(good.names(), ["h.example"]);
    assert!(1_700_000_000 < good.expires_s());
    assert_eq!(read("", &key).unwrap_err(), CertificateError::NoCertificate);
    assert!(matches!(read(&chain, "").unwrap_err(), CertificateError::NoKey(_)));
    assert!(matches!(read(&chain, &chain).unwrap_err(), CertificateError::NoKey(_)));
    assert_eq!(read(&chain, &other).unwrap_err(), CertificateError::WrongKey);
    let cut = chain.replacen("MII", "AII", 1);
    assert!(matches!(read(&cut, &key).unwrap_err(), CertificateError::Unreadable(_)));
    assert!(Roots::default().with_pem(b"nothing").is_err());
}

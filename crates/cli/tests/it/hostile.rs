//! What strangers and bad luck do to a real node, which stays healthy meanwhile.

mod disk;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::plain::{self, Answer};
use crate::support::{Node, trellis, until};
use crate::{cluster::PATIENCE, lattice};

fn alone() -> (tempfile::TempDir, Node) {
    let place = tempfile::tempdir().unwrap();
    let node = Node::start(&place.path().join("node"), &[]);
    (place, node)
}

/// Checks that the node answers strangers, does what its operator wants, and has not swollen.
#[track_caller]
fn healthy(node: &Node, name: &str) {
    let health = plain::get(&node.text("http"), "/health").unwrap();
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("healthy")));
    let value = json!({ "written": name });
    node.json(&["put", name, &value.to_string()]);
    assert_eq!(node.json(&["get", name])["value"], value);
    let resident = resident_kib(node);
    assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB");
}

fn resident_kib(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// A request to the operator's API, with anything as its body.
fn api(node: &Node, line: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let host = node.text("api").trim_start_matches("http://").to_owned();
    let token = std::fs::read_to_string(node.directory.join("token")).unwrap();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        token.trim()
    );
    [head.as_bytes(), body].concat()
}

fn ask_api(node: &Node, line: &str, body: &[u8]) -> Answer {
    plain::exchange(&node.text("api"), &api(node, line, body.len(), body)).unwrap()
}

/// Opens a connection and sends the beginning of something.
fn begin(url: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = plain::connect(url).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Reads what a connection still says before the node closes it.
fn last_words(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it is still open: {error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As many as may be open beside what other tests need.
fn idle_connections(url: &str) -> Vec<TcpStream> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let files: usize = files.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX);
    let count = files.saturating_sub(300).min(1_000);
    (0..count).map(|_| plain::connect(url).unwrap()).collect()
}

#[test]
fn a_thousand_idle_connections_and_slow_clients_keep_nobody_out() {
    let (_place, node) = alone();
    let (door, operator) = (node.text("http"), node.text("api"));
    let idle = idle_connections(&door);
    let slow_head = b"GET /health HTTP/1.1\r\nhost: ";
    let slow_body = b"POST /gossip HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                      content-length: 1000\r\n\r\n{\"message_id\":";
    let heads: Vec<TcpStream> =
        [&door, &operator].iter().flat_map(|url| (0..8).map(|_| begin(url, slow_head))).collect();
    let bodies: Vec<TcpStream> = (0..8).map(|_| begin(&door, slow_body)).collect();
    let put = api(&node, "PUT /v1/entries/slow", 1_000, b"{\"a\":");
    let puts: Vec<TcpStream> = (0..8).map(|_| begin(&operator, &put)).collect();
    healthy(&node, "while-they-wait");
    // All of them wait at once: together they take as long as one.
    for body in bodies {
        let said = last_words(body);
        assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("too-slow"), "{said:?}");
    }
    for put in puts {
        let said = last_words(put);
        assert!(said.starts_with("HTTP/1.1 4") && said.contains("not complete"), "{said:?}");
    }
    heads.into_iter().for_each(|head| drop(last_words(head)));
    drop(idle);
    node.run(&["get", "slow"]).exits(5);
    healthy(&node, "afterwards");
}

#[test]
fn an_import_that_waits_for_its_input_ends_with_ctrl_c() {
    let (_place, node) = alone();
    let mut command = trellis(&node.directory);
    command.args(["import", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Neither written nor closed: the other end is busy with something else.
    let _stdin = child.stdin.take().unwrap();
    // Until the command listens a signal kills it; what comes after is what is tested.
    let listens = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mut caught = status.lines().filter_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.next().unwrap().trim(), 16).unwrap();
        if caught & SIGINT_BIT == 0 { Err("it does not listen yet".to_owned()) } else { Ok(()) }
    };
    until("it listens", Duration::from_secs(20), listens);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = || child.try_wait().unwrap().ok_or_else(|| "still reads".to_owned());
    let status = until("it ends", Duration::from_secs(20), ended);
    assert_eq!(status.code(), Some(130));
}

#[test]
fn garbage_on_every_port_is_refused_and_forgotten() {
    let (_place, node) = alone();
    let before = lattice::root(&node);
    let noise: Vec<u8> =
        (0..70_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let long_line = [b"GET /".as_slice(), &[b'a'; 100_000]].concat();
    let many_headers = format!("GET /health HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(20_000));
    let inputs: [&[u8]; 8] = [
        &noise,
        &long_line,
        many_headers.as_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client hello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /gossip HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ];
    for url in [node.text("http"), node.text("api")] {
        for input in inputs {
            let mut stream = plain::connect(&url).unwrap();
            // The node may have had enough before all of it is sent.
            let _cut = stream.write_all(input);
            let _cut = stream.shutdown(std::net::Shutdown::Write);
            let said = last_words(stream);
            assert!(!said.starts_with("HTTP/1.1 2"), "{said}");
        }
    }
    assert_eq!(lattice::root(&node), before);
    healthy(&node, "afterwards");
}

#[test]
fn bad_requests_have_their_codes_and_change_nothing() {
    let (_place, node) = alone();
    let door = node.text("http");
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let large = format!("\"{}\"", "x".repeat(500_000));
    let gossip = |payload: &str| {
        let body = format!(
            "{{\"message_id\":\"m\",\"message_type\":\"t\",\"timestamp\":1,\"ttl\":1,\"payload\":{payload}}}"
        );
        plain::post(&door, "/gossip", body.as_bytes()).unwrap()
    };
    gossip(&deep).is(400, "code", "bad-json");
    gossip(&large).is(413, "code", "too-large");
    plain::post(&door, "/gossip", b"{\"message_id\": \"\xff\"}")
        .unwrap()
        .is(400, "code", "bad-json");
    let cases: [(&str, &[u8], u16, &str); 8] = [
        ("PUT /v1/entries/x", deep.as_bytes(), 400, "bad-json"),
        ("PUT /v1/entries/x", large.as_bytes(), 413, "too-large"),
        ("PUT /v1/entries/x", b"\"\xff\"", 400, "bad-json"),
        ("PUT /v1/entries/x", b"{\"a\":", 400, "bad-json"),
        ("PUT /v1/entries/x?colection=y", b"1", 400, "bad-request"),
        ("POST /v1/messages", b"{\"topic\":\"t\",\"payload\":1,\"lifes\":1}", 400, "bad-json"),
        ("POST /v1/messages", b"{\"topic\":7,\"payload\":1}", 400, "bad-json"),
        ("POST /v1/import", deep.as_bytes(), 400, "bad-json"),
    ];
    for (line, body, status, code) in cases {
        let answer = ask_api(&node, line, body);
        let found = answer.json();
        assert_eq!((answer.status, &found["code"]), (status, &Value::from(code)), "{line} {found}");
    }
    let status = node.json(&["status"]);
    assert_eq!((&status["state"]["entries"], &status["messages"]["count"]), (&json!(0), &json!(0)));
    healthy(&node, "afterwards");
}

/// Most shells allow no more than 1,024 open files: the door gives way before the disk does.
#[test]
fn a_node_that_may_open_few_files_survives_more_connections_than_that() {
    let (_place, node) = alone();
    let pid = node.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, "--nofile=128"]).status();
    if !limited.is_ok_and(|it| it.success()) {
        return disk::skip("prlimit is not here");
    }
    let idle: Vec<TcpStream> =
        (0..200).map(|_| plain::connect(&node.text("http")).unwrap()).collect();
    until("an answer at the door", PATIENCE, || plain::get(&node.text("http"), "/health"));
    until("a put", PATIENCE, || match node.run(&["put", "x", "1"]) {
        ran if ran.code == 0 => Ok(()),
        ran => Err(ran.stderr),
    });
    drop(idle);
    healthy(&node, "afterwards");
}

/// Several times what a node needs while it does nothing.
const RESIDENT_KIB_MAX: u64 = 400 * 1_024;
const SIGINT_BIT: u64 = 1 << 1;

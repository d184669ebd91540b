//! Every command against a real node: exit codes, JSON, and what it says when things go wrong.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Node, free_port, run, run_with_input, trellis, until};

fn alone() -> (TempDir, Node) {
    let place = tempfile::tempdir().unwrap();
    let node = Node::start(&place.path().join("node"), &[]);
    (place, node)
}

/// Checks that a document names its schema and has these keys.
#[track_caller]
fn has(document: &Value, schema: &str, keys: &[&str]) {
    assert_eq!(document["schema"], schema, "{document}");
    for key in keys {
        assert!(document.get(key).is_some(), "no {key} in {document}");
    }
}

#[test]
fn no_digit_is_lost_between_put_and_get() {
    let place = TempDir::new().unwrap();
    let node = Node::start(&place.path().join("node"), &[]);
    let text = r#"{"b":[123456789012345678901234567890,1.10],"a":"x y"}"#;
    node.run(&["put", "exact", text]).succeeds();
    for arguments in
        [&["get", "exact"][..], &["get", "exact", "--json"], &["list"], &["list", "--json"]]
    {
        let shown = node.run(arguments).succeeds().stdout;
        assert!(shown.contains(text), "{arguments:?}: {shown}");
    }
}

#[test]
fn every_command_answers_with_its_schema() {
    let (_place, node) = alone();
    has(&node.up, "trellis.up/1", &["node", "directory", "http", "api", "pid"]);
    let status = node.json(&["status"]);
    has(&status, "trellis.status/1", &["health", "why", "state", "messages", "links", "counters"]);
    assert_eq!(status["health"], "alone");
    assert_eq!(status["node"], node.up["node"]);
    has(&node.json(&["peers"]), "trellis.peers/1", &["peers"]);
    let published = node.json(&["publish", "news", "{\"a\":1}", "--life", "1h"]);
    let keys = ["id", "links", "class", "demoted", "links_queued", "links_congested"];
    has(&published, "trellis.published/1", &keys);
    assert_eq!(published["class"], "normal");
    let written = node.json(&["put", "well/3", "{\"litres\":500}"]);
    has(&written, "trellis.written/1", &["ids", "root", "entries"]);
    let entry = node.json(&["get", "well/3"]);
    has(&entry, "trellis.entry/1", &["id", "collection", "author", "created", "others"]);
    assert_eq!(entry["value"], json!({ "litres": 500 }));
    has(&node.json(&["list"]), "trellis.entries/1", &["entries", "next"]);
    has(&node.json(&["root"]), "trellis.root/1", &["root", "entries", "version", "agreeing"]);
    has(&node.json(&["rm", "well/3"]), "trellis.written/1", &["ids", "root"]);
    has(&node.json(&["config", "show"]), "trellis.config/1", &["settings"]);
    has(&node.json(&["completions", "bash"]), "trellis.completions/1", &["shell", "script"]);
    let events = node.run(&["watch", "--from", "0", "--count", "1", "--json"]).succeeds();
    has(&events.json(), "trellis.event/1", &["id", "time", "kind", "data"]);
}

#[test]
fn every_command_also_speaks_to_people() {
    let (_place, node) = alone();
    node.run(&["put", "well/3", "[1,2]"]).succeeds().says("the root is");
    let got = node.run(&["get", "well/3"]).succeeds();
    assert_eq!(serde_json::from_str::<Value>(&got.stdout).unwrap(), json!([1, 2]));
    let listed = node.run(&["list"]).succeeds().says("1 entry");
    assert!(listed.stdout.contains("well/3"), "{}", listed.stdout);
    let status = node.run(&["status"]).succeeds().stdout;
    assert!(status.contains("alone") && status.contains(&node.text("node")), "{status}");
    assert_eq!(node.run(&["root"]).succeeds().stdout.trim().len(), 64);
    node.run(&["peers"]).succeeds().says("no peer is known");
    node.run(&["publish", "news", "1"]).succeeds().says("no peer is linked");
    let said = node.run(&["publish", "news", "1", "--class", "control"]).exits(2);
    said.says("what nodes say to each other");
    assert!(node.run(&["config", "show"]).succeeds().stdout.contains("flag --http"));
}

#[test]
fn values_come_from_standard_input_too() {
    let (_place, node) = alone();
    let put = run_with_input(&node.directory, &["put", "note", "-"], b"{\"from\": \"stdin\"}\n");
    put.succeeds();
    assert_eq!(node.json(&["get", "note"])["value"]["from"], "stdin");
    let broken = run_with_input(&node.directory, &["put", "note"], b"{\"from\":\n oops}");
    broken.exits(2).says("line 2 column 2");
}

#[test]
fn a_value_that_is_not_json_is_told_where_and_how_to_quote() {
    let (_place, node) = alone();
    node.run(&["put", "note", "hello"]).exits(2).says("'\"hello\"'").says("column 1");
    node.run(&["publish", "news", "{\"a\": }"]).exits(2).says("line 1 column 7");
    assert_eq!(node.json(&["root"])["entries"], 0);
}

#[test]
fn without_a_node_every_command_says_how_to_start_one() {
    let place = tempfile::tempdir().unwrap();
    let verbs: [&[&str]; 9] = [
        &["status"],
        &["peers"],
        &["publish", "t", "1"],
        &["watch"],
        &["put", "n", "1"],
        &["get", "n"],
        &["rm", "n"],
        &["list"],
        &["root"],
    ];
    for verb in verbs {
        run(place.path(), verb).exits(3).says("start one with `trellis up --dir");
    }
}

#[test]
fn a_node_that_was_killed_is_no_node() {
    let (_place, node) = alone();
    let directory = node.directory.clone();
    node.kill();
    run(&directory, &["status"]).exits(3).says("nobody answers").says("trellis up --dir");
}

#[test]
fn a_wrong_token_is_refused_and_named() {
    let (_place, node) = alone();
    std::fs::write(node.directory.join("token"), "0".repeat(64)).unwrap();
    node.run(&["status"]).exits(4).says("token");
}

#[test]
fn what_is_not_there_is_not_found() {
    let (_place, node) = alone();
    node.run(&["get", "nothing"]).exits(5);
    node.run(&["rm", "nothing"]).exits(5);
    node.run(&["import", "no-such-file.ndjson"]).exits(5).says("no-such-file.ndjson");
}

#[test]
fn a_name_that_no_url_can_carry_is_wrong_usage() {
    let (_place, node) = alone();
    for name in ["", ".", ".."] {
        node.run(&["put", name, "1"]).exits(2).says("cannot be the name");
        node.run(&["get", name]).exits(2).says("cannot be the name");
        node.run(&["rm", name]).exits(2).says("cannot be the name");
    }
    node.run(&["put", "...", "1"]).succeeds();
    node.run(&["get", "..."]).succeeds();
}

#[test]
fn a_name_or_a_value_out_of_bounds_is_refused_and_says_what_fits() {
    // RECORD-1
    let (_place, node) = alone();
    let name = "n".repeat(4_096);
    node.run(&["put", &name, "1"]).exits(2).says("name must be 1 to 1024 bytes");
    // 64 KiB hold 160 bytes around it, `default` and `n`.
    let value = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let room = 64 * 1_024 - 160 - 7 - 1;
    node.run(&["put", "n", &value(room + 1)]).says("65537, the most is 65536");
    assert_eq!(node.json(&["root"])["entries"], 0);
    node.run(&["put", "n", &value(room)]).succeeds();
    assert_eq!(node.json(&["root"])["entries"], 1);
}

#[test]
fn an_entry_of_another_author_is_not_ours_to_delete() {
    let place = tempfile::tempdir().unwrap();
    let first = Node::start(&place.path().join("n1"), &[]);
    let second = Node::start(&place.path().join("n2"), &["--peer", &first.text("http")]);
    first.json(&["put", "theirs", "1"]);
    until("the entry at the second", Duration::from_secs(20), || {
        let got = second.run(&["get", "theirs"]);
        if got.code == 0 { Ok(()) } else { Err(got.stderr) }
    });
    second.run(&["rm", "theirs"]).exits(4);
    assert_eq!(first.json(&["get", "theirs"])["value"], 1);
}

#[test]
fn wrong_usage_has_its_own_code() {
    let place = tempfile::tempdir().unwrap();
    run(place.path(), &["no-such-verb"]).exits(2);
    run(place.path(), &["up", "--http", "nonsense"]).exits(2).says("http.listen");
    run(place.path(), &["up", "--peer", "https://x?y"]).exits(2).says("no query");
    run(place.path(), &["up", "--listen", "http://0.0.0.0:1"]).exits(2).says("libp2p.listen");
    run(place.path(), &["up", "--listen", "/dns/h/tcp/1"]).exits(2).says("libp2p.listen");
    let both = ["up", "--listen", "none", "--listen", "/ip4/127.0.0.1/tcp/0"];
    run(place.path(), &both).exits(2).says("none alone");
    run(place.path(), &["publish", "t", "1", "--life", "3w"]).exits(2).says("unknown unit");
    run(place.path(), &["watch", "news", "--kind", "root"]).exits(2).says("topic");
}

#[test]
fn a_broken_line_of_an_import_is_named_and_nothing_is_in() {
    let (place, node) = alone();
    let file = place.path().join("lines.ndjson");
    let mut text: String = (0..2_500).map(line).collect();
    text.push_str("{\"name\": \"x\"}\n");
    std::fs::write(&file, &text).unwrap();
    let file = file.to_str().unwrap();
    node.run(&["import", file]).exits(1).says("line 2501").says("nothing was written");
    assert_eq!(node.json(&["root"])["entries"], 0);
    let piped = run_with_input(&node.directory, &["import", "-"], text.as_bytes()).exits(1);
    piped.says("line 2501").says("lines 1-2000 are in, nothing from line 2001 on");
    assert_eq!(node.json(&["root"])["entries"], 2_000);
}

#[test]
fn an_import_says_what_is_in_and_lists_follow_their_pages() {
    let (place, node) = alone();
    let file = place.path().join("lines.ndjson");
    std::fs::write(&file, (0..1_234).map(line).collect::<String>()).unwrap();
    let imported = node.json(&["import", file.to_str().unwrap(), "--collection", "lines"]);
    has(&imported, "trellis.imported/1", &["entries", "lines", "root", "took_ms"]);
    assert_eq!(imported["entries"], 1_234);
    let listed = |flags: &[&str]| {
        let mut all = vec!["list"];
        all.extend(flags);
        node.json(&all)["entries"].as_array().unwrap().len()
    };
    assert_eq!(listed(&[]), 1_234);
    assert_eq!(listed(&["--collection", "lines", "--limit", "700"]), 700);
    assert_eq!(listed(&["--collection", "other"]), 0);
    assert_eq!(listed(&["--prefix", "n123"]), 5);
    assert_eq!(listed(&["--author", &node.text("node"), "--limit", "3"]), 3);
}

#[test]
fn a_closed_pipe_is_success() {
    let (place, node) = alone();
    let file = place.path().join("lines.ndjson");
    std::fs::write(&file, (0..3_000).map(line).collect::<String>()).unwrap();
    node.json(&["import", file.to_str().unwrap()]);
    let mut child = trellis(&node.directory)
        .arg("list")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_watcher_sees_what_comes_and_stops_after_its_count() {
    let (_place, node) = alone();
    let mut child = trellis(&node.directory)
        .args(["watch", "news", "--count", "2", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut watching = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut watching).unwrap();
    assert!(watching.contains("watching"), "{watching}");
    node.json(&["publish", "other", "0"]);
    node.json(&["publish", "news", "1"]);
    node.json(&["publish", "news", "2", "--kind", "request", "--class", "alert"]);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let payloads: Vec<&Value> = events.iter().map(|event| &event["data"]["payload"]).collect();
    assert_eq!(payloads, [&json!(1), &json!(2)]);
    assert_eq!(events[1]["data"]["kind"], "request");
    assert_eq!(
        (&events[0]["data"]["class"], &events[1]["data"]["class"]),
        (&json!("normal"), &json!("alert"))
    );
    let shown =
        node.run(&["watch", "news", "--from", &events[0]["id"].to_string(), "--count", "1"]);
    assert!(shown.succeeds().stdout.contains("\talert"));
    let last = events[0]["id"].to_string();
    let again = node.run(&["watch", "news", "--from", &last, "--count", "1", "--json"]);
    assert_eq!(again.succeeds().json()["data"]["payload"], 2);
}

#[test]
fn a_port_asked_for_by_hand_that_is_taken_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--http", "--api"] {
        let said = Node::try_start(&place.path().join("node"), &[flag, &address]).unwrap_err();
        assert!(said.contains(&address), "{said}");
    }
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = datagrams.local_addr().unwrap().port();
    let quic = (format!("/ip4/127.0.0.1/udp/{port}/quic-v1"), format!("127.0.0.1:{port}"));
    let tcp = (format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port()), address);
    for (listen, address) in [quic, tcp] {
        let said = Node::try_start(&place.path().join("node"), &["--listen", &listen]).unwrap_err();
        assert!(said.contains(&format!("{address} (libp2p.listen) is taken by")), "{said}");
        if cfg!(target_os = "linux") {
            assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
        }
    }
}

#[test]
fn a_node_is_reached_by_the_multiaddrs_it_prints() {
    let place = tempfile::tempdir().unwrap();
    let first = Node::start(
        &place.path().join("first"),
        &[
            "--http",
            "none",
            "--listen",
            "/ip4/127.0.0.1/udp/0/quic-v1",
            "--listen",
            "/ip4/127.0.0.1/tcp/0",
        ],
    );
    let listen = first.up["listen"].as_array().unwrap();
    assert_eq!(listen.len(), 2, "{listen:?}");
    for (number, (address, medium)) in listen.iter().zip(["quic", "tcp"]).enumerate() {
        let address = address.as_str().unwrap();
        assert!(address.ends_with(&format!("/p2p/{}", first.up["node"].as_str().unwrap())));
        let directory = place.path().join(format!("other{number}"));
        let other = Node::start(&directory, &["--http", "none", "--peer", address]);
        until("a link", Duration::from_secs(20), || {
            let peers = other.json(&["peers"]);
            let links = peers["peers"].as_array().unwrap();
            let linked =
                links.iter().any(|it| it["medium"] == medium && it["state"] == "connected");
            if linked { Ok(()) } else { Err(peers.to_string()) }
        });
        assert!(other.run(&["peers"]).stdout.contains(medium));
        let name = format!("over-{medium}");
        other.json(&["put", &name, "1"]);
        until("the entry at the first", Duration::from_secs(20), || {
            let got = first.run(&["get", &name]);
            if got.code == 0 { Ok(()) } else { Err(got.stderr) }
        });
    }
    assert_eq!(first.json(&["status"])["listen"], first.up["listen"]);
}

#[test]
fn two_nodes_on_one_directory_are_one_too_many() {
    let (_place, node) = alone();
    let flags = ["--http", "127.0.0.1:0", "--api", "127.0.0.1:0"];
    let mut arguments = vec!["up"];
    arguments.extend(flags);
    let second = node.run(&arguments).exits(1);
    second.says(&node.pid().to_string());
    node.json(&["put", "still", "true"]);
}

#[test]
fn config_show_names_the_origin_of_each_value() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("config.toml"), "[gossip]\nfanout = 4\n").unwrap();
    let mut command = trellis(place.path());
    command.env("TRELLIS_GOSSIP_TTL", "7").args(["config", "show", "--json"]);
    let output = command.output().unwrap();
    assert!(output.status.success());
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(origin(&shown, "gossip.ttl"), "env TRELLIS_GOSSIP_TTL");
    assert!(origin(&shown, "gossip.fanout").starts_with("file "), "{shown}");
    assert_eq!(origin(&shown, "http.listen"), "default");
    let node = Node::start(place.path(), &["--unsigned", "relay"]);
    let shown = node.json(&["config", "show"]);
    assert_eq!(origin(&shown, "http.unsigned"), "flag --unsigned");
    assert!(origin(&shown, "gossip.fanout").starts_with("file "), "{shown}");
}

fn origin(shown: &Value, key: &str) -> String {
    let settings = shown["settings"].as_array().unwrap();
    let setting = settings.iter().find(|it| it["key"] == key).unwrap();
    setting["origin"].as_str().unwrap().to_owned()
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("config.toml"), "[http]\nlisen = \"127.0.0.1:0\"\n").unwrap();
    for verb in [&["up"][..], &["config", "show"]] {
        run(place.path(), verb).exits(2).says("http.lisen").says("http.listen");
    }
}

#[test]
fn ctrl_c_and_sigterm_leave_politely() {
    for signal in ["INT", "TERM"] {
        let (_place, mut node) = alone();
        node.json(&["put", "kept", "1"]);
        node.signal(signal);
        // Half of its patience: nothing is under way that would be waited for.
        let status = node.ends_within(Duration::from_secs(5));
        assert_eq!(status.code(), Some(0), "{}", node.log());
        assert!(node.log().contains("left"), "{}", node.log());
        assert!(!node.directory.join("run.json").exists(), "run.json stays after {signal}");
        let again = Node::start(&node.directory, &[]);
        assert_eq!(again.text("node"), node.text("node"));
        assert_eq!(again.json(&["get", "kept"])["value"], 1);
    }
}

/// A request whose body never comes holds the polite end up; a second signal does not wait.
#[test]
fn a_second_ctrl_c_stops_at_once() {
    let (_place, mut node) = alone();
    let stuck = stuck_request(&node);
    node.signal("INT");
    until("the polite end has begun", Duration::from_secs(5), || {
        let log = node.log();
        if log.contains("leaving") { Ok(()) } else { Err(log) }
    });
    node.signal("INT");
    let status = node.ends_within(Duration::from_secs(3));
    assert_eq!(status.code(), Some(130), "{}", node.log());
    drop(stuck);
}

fn stuck_request(node: &Node) -> std::net::TcpStream {
    let address = node.text("api").trim_start_matches("http://").to_owned();
    let token = std::fs::read_to_string(node.directory.join("token")).unwrap();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let token = token.trim();
    let head = format!(
        "PUT /v1/entries/x HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The node asks for the body: it has begun to wait for it.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    std::fs::write(&file, "").unwrap();
    let flags = ["up", "--http", "127.0.0.1:0", "--api", "127.0.0.1:0"];
    run(&file.join("node"), &flags).exits(1).says(file.to_str().unwrap());
}

#[test]
fn help_and_completions_need_no_node() {
    let nowhere = Path::new("/nonexistent");
    for verb in ["up", "demo", "status", "peers", "publish", "watch", "put", "get", "rm", "list"] {
        let help = run(nowhere, &[verb, "--help"]).succeeds().stdout;
        assert!(help.contains("Example"), "{help}");
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(!run(nowhere, &["completions", shell]).succeeds().stdout.is_empty());
    }
}

#[test]
fn a_proxy_of_the_environment_is_not_asked_for_loopback() {
    let (_place, node) = alone();
    let proxy = format!("http://127.0.0.1:{}", free_port());
    let mut command: Command = trellis(&node.directory);
    command.env("HTTP_PROXY", &proxy).env("http_proxy", &proxy).arg("root");
    assert!(command.output().unwrap().status.success());
}

/// Five nodes, real data, a node that leaves and comes back; the demo checks itself.
#[test]
fn the_demo_ends_in_agreement() {
    let place = tempfile::tempdir().unwrap();
    let flags = ["demo", "--nodes", "3", "--airports", "100", "--check", "--json"];
    let report = run(&place.path().join("demo"), &flags).succeeds().json();
    assert_eq!(report["ok"], true, "{report}");
    // Two levels and three words on a rule beside what it writes itself.
    assert_eq!(report["entries"], 100 + 3 * 20 + 2 + 3, "{report}");
    assert!(report["checkpoint"].is_u64(), "{report}");
    assert_eq!(report["messages"], 1 + 3 * 5, "{report}");
    let again = run(&place.path().join("demo"), &flags);
    again.exits(2).says("is not empty");
}

fn line(number: usize) -> String {
    format!("{{\"name\":\"n{number}\",\"value\":{number}}}\n")
}

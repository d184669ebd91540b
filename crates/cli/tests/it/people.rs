//! People and the log of their decisions, by the command line.

use tempfile::TempDir;

use crate::support::{Node, run};

#[test]
fn people_are_named_act_with_their_token_and_are_in_the_log() {
    let place = TempDir::new().unwrap();
    let directory = place.path().join("n1");
    let node = Node::start(&directory, &[]);
    let token = place.path().join("ana.token");
    let token = token.to_str().unwrap();
    node.run(&["people", "list"]).succeeds().says("the operator decides in their place");
    node.run(&["people", "add", "ana", "--role", "mirror", "--out", token]).succeeds();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(token).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    node.run(&["status", "--token", token]).succeeds();
    node.run(&["put", "a", "1", "--token", token]).exits(4).says("ana is mirror here");
    node.run(&["people", "add", "eve", "--role", "operator", "--token", token]).exits(4);
    // A file that is there is not written over, and nobody is named.
    node.run(&["people", "add", "bo", "--role", "observer", "--out", token]).exits(1);
    node.run(&["people", "add", "ana", "--role", "observer"]).exits(4).says("a person named ana");
    node.run(&["people", "add", "bo", "--role", "king"]).exits(2);
    node.run(&["people", "remove", "bo"]).exits(5);
    node.run(&["people", "remove", "ana"]).succeeds();
    node.run(&["status", "--token", token]).exits(4);

    let log = node.json(&["log"]);
    assert_eq!(log["lines"].as_array().unwrap().len(), 2, "{log}");
    node.run(&["log", "--last", "1"]).succeeds().tells("people.remove").says("1 earlier");
    let verified = node.json(&["log", "verify"]);
    assert_eq!(verified["last"], log["lines"][1]["hash"]);
    let file = place.path().join("decisions.log");
    let file_text = file.to_str().unwrap();
    node.run(&["log", "export", file_text]).succeeds();
    node.run(&["log", "export", file_text]).exits(1);
    drop(node);

    // Offline, and after somebody had its hand in it.
    run(&directory, &["log", "verify", file_text]).succeeds().says("whole and unchanged");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("mirror", "mirrer", 1)).unwrap();
    run(&directory, &["log", "verify", file_text]).exits(4).says("line 1");
    run(&directory, &["log", "verify", "nowhere.log"]).exits(5);
    run(&directory, &["log"]).exits(3);
}

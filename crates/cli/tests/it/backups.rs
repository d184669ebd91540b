//! Copies of a real node: made, checked, brought back, and what is no copy.

use std::fs;

use crate::support::{Node, run};

#[test]
fn a_backup_brings_the_state_back_and_a_changed_one_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("node");
    let node = Node::start(&dir, &[]);
    for n in 0..20 {
        node.run(&["put", &format!("n{n}"), &n.to_string()]).succeeds();
    }
    let root = node.run(&["root"]).succeeds().stdout;
    let (copy, keyed) = (place.path().join("copy"), place.path().join("keyed"));
    let (copy, keyed) = (copy.to_str().unwrap(), keyed.to_str().unwrap());
    run(&dir, &["backup", "create", copy]).exits(1).says("is in use by");
    let id = node.text("node");
    node.kill();

    assert_eq!(run(&dir, &["check"]).succeeds().says("is sound").stdout, root);
    run(&dir, &["backup", "create", copy]).succeeds().tells("without the keys");
    run(&dir, &["backup", "create", copy]).exits(2).says("not empty");
    run(&dir, &["backup", "create", keyed, "--identity"]).succeeds().tells("with the keys");
    run(&dir, &["backup", "verify", copy]).succeeds();
    run(&dir, &["backup", "restore", copy]).exits(2).says("not empty");

    let other = place.path().join("other");
    run(&other, &["backup", "restore", copy]).succeeds();
    assert_eq!(run(&other, &["check"]).succeeds().stdout, root);
    let restored = Node::start(&other, &[]);
    assert_eq!(restored.run(&["root"]).succeeds().stdout, root);
    assert_ne!(restored.text("node"), id, "another key, another node");
    restored.kill();
    let again = place.path().join("again");
    run(&again, &["backup", "restore", keyed]).succeeds().says("stop that one for ever");
    let restored = Node::start(&again, &[]);
    assert_eq!(restored.text("node"), id);
    restored.run(&["put", "n0", "1"]).succeeds();
    restored.kill();

    let store = place.path().join("copy/store.redb");
    let mut bytes = fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&store, &bytes).unwrap();
    run(&dir, &["backup", "verify", copy]).exits(4).says("hash");
    let never = place.path().join("never");
    run(&never, &["backup", "restore", copy]).exits(4);
    assert!(!never.exists(), "nothing is restored of it");
    fs::remove_file(place.path().join("keyed/backup.json")).unwrap();
    run(&dir, &["backup", "verify", keyed]).exits(4).says("is no backup");
    run(&never, &["check"]).exits(5).says("holds no node");
}

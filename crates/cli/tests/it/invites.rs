//! Invitations between separate processes: words that two humans compare, one guest each.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::agree;
use crate::support::{Node, Ran, run, until};

/// A node of a network of its own, and the invitations it makes.
fn host(place: &Path) -> Node {
    let network = place.join("valley.toml");
    std::fs::write(&network, "name = \"valley of invitations\"\n").unwrap();
    Node::start(&place.join("host"), &["--network", network.to_str().unwrap()])
}

fn invite(host: &Node) -> Value {
    host.json(&["invite", "--life", "5m"])
}

/// Joins in another thread, as the program waits for the other side.
fn join(directory: &Path, link: &Value) -> thread::JoinHandle<Ran> {
    let (directory, link) = (directory.to_owned(), link.as_str().unwrap().to_owned());
    thread::spawn(move || run(&directory, &["--json", "join", "--yes", &link]))
}

fn waiting(host: &Node, made: &Value) -> Value {
    until("the guest has come", Duration::from_secs(30), || {
        let list = host.json(&["invite", "list"]);
        let rows = list["invites"].as_array().unwrap().iter();
        let row = rows.clone().find(|row| row["invite"] == made["invite"]).cloned();
        row.filter(|row| row["state"] == "waiting").ok_or_else(|| list.to_string())
    })
}

#[test]
fn a_guest_whose_words_are_the_same_becomes_a_member() {
    // INVITE-3, INVITE-4
    let place = tempfile::tempdir().unwrap();
    let host = host(place.path());
    host.json(&["put", "well/3", "500"]);
    let made = invite(&host);
    let directory = place.path().join("guest");
    let joining = join(&directory, &made["link"]);
    let row = waiting(&host, &made);
    assert!(!directory.exists(), "nothing is written before the guest is welcome");
    let name = &made["invite"].as_str().unwrap()[..8];
    host.run(&["invite", "accept", name]).succeeds();
    let joined = joining.join().unwrap().succeeds().json();
    let words: Vec<&str> =
        row["words"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!((joined["words"].as_str().unwrap(), words.len()), (words.join(" ").as_str(), 4));
    assert_eq!((&joined["node"], &joined["name"]), (&row["node"], &"valley of invitations".into()));
    // The directory knows network and first peer: nothing else has to be said.
    let guest = Node::start(&directory, &[]);
    agree(&[&host, &guest], 1, Duration::from_secs(30));

    // Good once: another one is refused and leaves nothing behind.
    let second = place.path().join("second");
    let link = made["link"].as_str().unwrap();
    run(&second, &["join", "--yes", link]).exits(4).says("used, taken back or has expired");
    assert!(!second.exists());
    host.run(&["invite", "refuse", name]).exits(4).says("decided already");
}

#[test]
fn a_no_ends_it_and_nothing_is_written() {
    // INVITE-3
    let place = tempfile::tempdir().unwrap();
    let host = host(place.path());
    let made = invite(&host);
    let directory = place.path().join("guest");
    let joining = join(&directory, &made["link"]);
    waiting(&host, &made);
    host.run(&["invite", "refuse", made["invite"].as_str().unwrap()]).succeeds().tells("refused");
    joining.join().unwrap().exits(4).says("the other side said no");
    assert!(!directory.exists());
}

#[test]
fn a_link_that_is_wrong_late_or_for_another_network_says_so_and_changes_nothing() {
    // INVITE-1, INVITE-2
    let place = tempfile::tempdir().unwrap();
    let host = host(place.path());
    let made = invite(&host);
    let link = made["link"].as_str().unwrap();
    let directory = place.path().join("guest");
    let swapped = if link.ends_with('Q') { "P" } else { "Q" };
    let mistyped = format!("{}{swapped}", &link[..link.len() - 1]);
    run(&directory, &["join", "--yes", &mistyped]).exits(2).says("mistyped");
    run(&directory, &["join", link]).exits(2).says("--yes");
    let short = host.json(&["invite", "--life", "1s"]);
    until("it has expired", Duration::from_secs(20), || {
        let list = host.json(&["invite", "list"]);
        let state = list["invites"].as_array().unwrap().last().unwrap()["state"].clone();
        if state == "expired" { Ok(()) } else { Err(list.to_string()) }
    });
    run(&directory, &["join", "--yes", short["link"].as_str().unwrap()]).exits(4).says("expired");
    assert!(!directory.exists());
    // A member of another network stays what it is.
    let other = place.path().join("other");
    drop(Node::start(&other, &[]));
    run(&other, &["join", "--yes", link]).exits(4).says("belongs to the network");
    // Nobody answers there.
    drop(host);
    run(&directory, &["join", "--yes", link]).exits(1).says("nobody answers as the inviter");
    assert!(!directory.exists());
}

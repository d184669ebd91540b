//! Two communities agree on a gift, or nobody learns who did not want it.

use std::time::Duration;

use crate::direct::pair;
use crate::support::{Node, until};

const PATIENCE: Duration = Duration::from_secs(40);

fn status(node: &Node, id: &str, wanted: &str) {
    until(wanted, PATIENCE, || {
        let all = node.json(&["transfer", "list"]);
        let rows = all["transfers"].as_array().expect("a list");
        match rows.iter().find(|it| it["id"] == id) {
            Some(it) if it["status"] == wanted => Ok(()),
            _ => Err(all.to_string()),
        }
    });
}

#[test]
fn a_gift_that_both_want_is_agreed_proven_and_received() {
    // TRANSFER-1, TRANSFER-4, TRANSFER-6
    let place = tempfile::tempdir().unwrap();
    let (giver, taker) = pair(place.path(), "transfers");
    let node = taker.text("node");
    let wish = ["transfer", "propose", &node, "water", "500", "L", "--tick", "1s"];
    let id = giver.json(&wish)["id"].as_str().unwrap().to_owned();
    status(&taker, &id, "open");
    // Yes takes the very amount, unit and node.
    let short = &id[..12];
    giver.run(&["transfer", "yes", short]).exits(2).says("--confirm '500 L ");
    let last = &node[node.len() - 8..];
    let wrong = format!("5000 L {last}");
    giver.run(&["transfer", "yes", short, "--confirm", &wrong]).exits(2).says("nothing changed");
    let right = format!("500 L {last}");
    giver.run(&["transfer", "yes", short, "--confirm", &right]).succeeds();
    giver.run(&["transfer", "done", short]).exits(4).says("not agreed");
    let other = giver.text("node");
    let right = format!("500 L {}", &other[other.len() - 8..]);
    taker.run(&["transfer", "yes", short, "--confirm", &right]).succeeds();
    status(&giver, &id, "agreed");
    status(&taker, &id, "agreed");
    let ran = giver.run(&["--json", "watch", "--kind", "transfer", "--from", "1", "--count", "3"]);
    let lines = ran.succeeds().stdout;
    let told: Vec<serde_json::Value> =
        lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert!(told.iter().all(|it| it["data"]["id"] == id), "{told:?}");
    let states: Vec<_> = told.iter().map(|it| it["data"]["status"].as_str().unwrap()).collect();
    assert!(states.starts_with(&["offered", "open"]), "{states:?}");
    giver.run(&["transfer", "no", short]).exits(4).says("can no longer be refused");
    giver.run(&["transfer", "done", short]).succeeds();
    until("the giver's word", PATIENCE, || {
        let shown = taker.json(&["transfer", "show", short]);
        if shown["transfer"]["handed"] == true { Ok(()) } else { Err(shown.to_string()) }
    });
    // The proof stands alone; what is changed proves nothing.
    let proof = taker.run(&["--json", "transfer", "show", short]).succeeds().stdout;
    let file = place.path().join("gift.json");
    std::fs::write(&file, &proof).unwrap();
    let path = file.to_str().unwrap();
    let verified = taker.run(&["verify", path]).succeeds();
    assert!(
        verified.stdout.contains("500 L of water") && verified.stderr.contains("handed it over")
    );
    let network = taker.json(&["status"])["network"]["id"].as_str().unwrap().to_owned();
    std::fs::write(&file, proof.replace(&network, &"0".repeat(64))).unwrap();
    taker.run(&["verify", path]).exits(4).says("proves nothing");
}

#[test]
fn a_no_ends_it_at_once_for_both() {
    // TRANSFER-5
    let place = tempfile::tempdir().unwrap();
    let (giver, taker) = pair(place.path(), "transfers-refused");
    let node = taker.text("node");
    let wish = ["transfer", "propose", &node, "water", "500", "L", "--tick", "1s"];
    giver.run(&["transfer", "propose", &giver.text("node"), "water", "1", "L"]).exits(2);
    giver.run(&["transfer", "propose", &node, "water", "0", "L"]).exits(2).says("nothing");
    let id = giver.json(&wish)["id"].as_str().unwrap().to_owned();
    giver.run(&wish).exits(4).says("is open");
    status(&taker, &id, "open");
    taker.run(&["transfer", "no", &id]).succeeds();
    status(&giver, &id, "ended");
    status(&taker, &id, "ended");
    taker.run(&["transfer", "no", &id]).exits(4).says("has ended");
    giver.run(&["transfer", "no", "ffff"]).exits(5).says("no transfer ffff");
}

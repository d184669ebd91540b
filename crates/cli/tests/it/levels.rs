//! Levels between real processes: what others see, and that no crash draws anew.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::PATIENCE;
use crate::support::{Node, until};

#[test]
fn levels_of_a_real_file_are_exact_here_and_bands_elsewhere() {
    let place = TempDir::new().unwrap();
    let first = Node::start(&place.path().join("n1"), &[]);
    let second = Node::start(&place.path().join("n2"), &["--peer", &first.text("http")]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/levels.ndjson");
    let file = file.to_str().unwrap();
    let imported = first.json(&["level", "import", file, "--capacity", "energy=60000"]);
    assert_eq!(imported["readings"], 1_512);
    let own = first.json(&["level", "list", "--mine"]);
    let kinds: Vec<&Value> = own["levels"].as_array().unwrap().iter().collect();
    let exact: Vec<_> = kinds.iter().map(|it| (&it["kind"], it["level"].to_string())).collect();
    assert_eq!(exact[0], (&Value::from("energy"), "21933".to_owned()), "{own}");
    assert_eq!(exact[1].0, "water");
    let seen = until("the other sees bands", PATIENCE, || {
        let seen = second.json(&["level", "list"]);
        let count = seen["levels"].as_array().unwrap().len();
        if count == 2 { Ok(seen) } else { Err(seen.to_string()) }
    });
    for (level, own) in seen["levels"].as_array().unwrap().iter().zip(kinds) {
        assert_eq!((&level["kind"], &level["band"]), (&own["kind"], &own["seen"]["band"]));
        assert_eq!(level["own"], false);
    }
    assert!(!seen.to_string().contains("21933"));
    first.run(&["level", "budget"]).succeeds().tells("of 36");
    first.run(&["level", "list", "--mine"]).succeeds().tells("EXACT HERE");
    second.run(&["level", "list", "--mine"]).succeeds().says("no levels");
    first.run(&["level", "rm", "water"]).succeeds();
    until("it is gone there too", PATIENCE, || {
        let seen = second.json(&["level", "list"]);
        let count = seen["levels"].as_array().unwrap().len();
        if count == 1 { Ok(()) } else { Err(seen.to_string()) }
    });
}

#[test]
fn what_is_wrong_is_said_with_its_exit_code() {
    let place = TempDir::new().unwrap();
    let directory = place.path().join("n1");
    crate::support::run(&directory, &["level", "list"]).exits(3);
    let node = Node::start(&directory, &[]);
    node.run(&["level", "set", "water", "5"]).exits(2).says("capacity");
    node.run(&["level", "set", "water", "-5"]).exits(2).says("an amount is");
    node.run(&["level", "rm", "water"]).exits(5);
    node.run(&["level", "import", "nowhere.ndjson"]).exits(5);
    let file = place.path().join("broken.ndjson");
    std::fs::write(&file, "{\"kind\":\"water\",\"level\":1,\"unit\":\"L\"}\n{\"kind\":7}\n")
        .unwrap();
    node.run(&["level", "import", file.to_str().unwrap()]).exits(1).says("line 2");
    assert_eq!(node.json(&["level", "list", "--mine"])["levels"].as_array().unwrap().len(), 0);
}

/// Each round sets the same level and is killed at another moment around draw and publication. What
/// was seen by anybody, the witness or the node after its restart, is one band.
#[test]
fn no_crash_between_draw_and_publication_draws_again() {
    // LEVEL-3
    let place = TempDir::new().unwrap();
    let witness = Node::start(&place.path().join("witness"), &[]);
    let door = witness.text("http");
    let directory = place.path().join("victim");
    let mut seen = BTreeSet::new();
    let mut draws = BTreeSet::new();
    for round in 0..4_u64 {
        let node = Node::start(&directory, &["--peer", &door]);
        let mut setting = crate::support::trellis(&directory);
        setting.args(["level", "set", "water", "1200", "--capacity", "5000", "--unit", "L"]);
        let mut setting = setting.stderr(std::process::Stdio::null()).spawn().unwrap();
        // Before, while and after it is written, from round to round.
        std::thread::sleep(std::time::Duration::from_millis(4 * round * round));
        node.kill();
        // It succeeded or was cut off.
        let _either = setting.wait().unwrap();
        let node = Node::start(&directory, &["--peer", &door]);
        for level in node.json(&["level", "list", "--mine"])["levels"].as_array().unwrap() {
            draws.insert(level["budget"]["year"].as_u64().unwrap());
            seen.insert(level["seen"]["band"].to_string());
        }
        for level in witness.json(&["level", "list"])["levels"].as_array().unwrap() {
            seen.insert(level["band"].to_string());
        }
        node.kill();
    }
    let node = Node::start(&directory, &["--peer", &door]);
    node.run(&["level", "set", "water", "1200", "--capacity", "5000", "--unit", "L"]).succeeds();
    let own = node.json(&["level", "list", "--mine"]);
    seen.insert(own["levels"][0]["seen"]["band"].to_string());
    draws.insert(own["levels"][0]["budget"]["year"].as_u64().unwrap());
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(draws, BTreeSet::from([1]), "one draw for the whole time");
}

//! Every command that decides, tried wrongly: by the wrong role, twice, too early, for what is not there, for another
//! node's, without a node. Each is refused clearly, and nothing changes.

use std::path::Path;

use serde_json::Value;

use crate::cluster::PATIENCE;
use crate::direct::pair;
use crate::support::{Node, run, until};

/// A command, and with which exit code and words it is refused.
type Row<'a> = (Vec<&'a str>, i32, &'a str);

/// All that a refused decision must leave as it was: log, people, alerts, rules, transfers, both roots.
fn everything(node: &Node) -> Vec<Value> {
    let status = node.json(&["status"]);
    let shown = [
        vec!["log"],
        vec!["people", "list"],
        vec!["alert", "list", "--all"],
        vec!["rule", "list"],
        vec!["transfer", "list"],
    ];
    let mut all: Vec<Value> = shown.iter().map(|it| node.json(it)).collect();
    all.extend([status["state"].clone(), status["messages"].clone()]);
    all
}

#[track_caller]
fn all_refused(node: &Node, rows: &[Row<'_>]) {
    for (command, code, words) in rows {
        let before = everything(node);
        let ran = node.run(command);
        let said = format!("{command:?}: exit {}, {}{}", ran.code, ran.stdout, ran.stderr);
        assert!(ran.code == *code && ran.stderr.contains(words), "{said}");
        assert_eq!(everything(node), before, "{said}");
    }
}

fn first(list: &Value, of: &str, key: &str) -> String {
    list[of][0][key].as_str().unwrap_or_else(|| panic!("no {of} in {list}")).to_owned()
}

fn as_person<'a>(command: &[&'a str], token: &'a str) -> Vec<&'a str> {
    command.iter().copied().chain(["--token", token]).collect()
}

/// One alert, one rule and one transfer at both nodes.
struct Scene {
    alert: String,
    rule: String,
    transfer: String,
    file: String,
    other: String,
    /// What says yes to the transfer.
    confirmation: String,
}

impl Scene {
    fn set(here: &Node, there: &Node, place: &Path) -> Self {
        let file = place.join("rule.json");
        std::fs::write(&file, r#"{"logic": 1, "context": 2, "confidence": 0.9}"#).unwrap();
        let file = file.to_str().unwrap().to_owned();
        there.run(&["alert", "raise", "the dam leaks", "--severity", "critical"]).succeeds();
        let rule = there.json(&["rule", "commit", &file])["rule"].as_str().unwrap().to_owned();
        let node = here.text("node");
        let wish = ["transfer", "propose", &node, "water", "500", "L", "--tick", "1s"];
        let transfer = there.json(&wish)["id"].as_str().unwrap().to_owned();
        until("all of it is here", PATIENCE, || {
            let (alerts, rules) = (here.json(&["alert", "list"]), here.json(&["rule", "list"]));
            let open = here.json(&["transfer", "list"]);
            let came = alerts["alerts"][0].is_object() && rules["count"] == 1;
            if came && open["transfers"][0]["status"] == "open" {
                Ok(())
            } else {
                Err(format!("{alerts}{rules}{open}"))
            }
        });
        let alert = first(&here.json(&["alert", "list"]), "alerts", "id");
        let other = there.text("node");
        let confirmation = format!("500 L {}", &other[other.len() - 8..]);
        Self { alert, rule, transfer, file, other, confirmation }
    }

    /// Every command that decides something, with what it takes to be right.
    fn commands(&self) -> Vec<Vec<&str>> {
        let Self { alert, rule, transfer, file, other, confirmation } = self;
        vec![
            vec!["alert", "raise", "smoke"],
            vec!["alert", "ack", alert],
            vec!["alert", "dispute", alert, "a drill"],
            vec!["rule", "commit", file],
            vec!["rule", "confirm", rule, "--confidence", "0.9"],
            vec!["rule", "challenge", rule, "not in winter"],
            vec!["transfer", "propose", other, "food", "1", "kg"],
            vec!["transfer", "yes", transfer, "--confirm", confirmation],
            vec!["transfer", "no", transfer],
            vec!["transfer", "done", transfer],
            vec!["people", "add", "eve", "--role", "mirror"],
            vec!["people", "remove", "ana"],
        ]
    }
}

#[test]
fn who_may_not_decide_and_what_is_not_there_is_refused_and_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (here, there) = pair(place.path(), "refusals");
    let scene = Scene::set(&here, &there, place.path());
    let token = |name: &str, role: &str| {
        let file = place.path().join(name);
        let file = file.to_str().unwrap().to_owned();
        here.run(&["people", "add", name, "--role", role, "--out", &file]).succeeds();
        file
    };
    let nobody = "0".repeat(64);

    // Before anybody is named, the operator stands in: what is not there is not there for it.
    all_refused(
        &here,
        &[
            (vec!["alert", "ack", &nobody], 5, "no alert of that id"),
            (vec!["alert", "dispute", &nobody, "x"], 5, "no alert of that id"),
            (vec!["rule", "confirm", &nobody, "--confidence", "1"], 5, "nobody has put forward"),
            (vec!["rule", "challenge", &nobody, "x"], 5, "nobody has put forward"),
            (vec!["transfer", "yes", &nobody, "--confirm", "500 L x"], 5, "transfer"),
            (vec!["transfer", "no", &nobody], 5, "transfer"),
            (vec!["transfer", "done", &nobody], 5, "transfer"),
            (vec!["people", "remove", "nobody"], 5, "nobody"),
            (
                vec!["transfer", "propose", &here.text("node"), "water", "1", "L"],
                2,
                "this node itself",
            ),
            (vec!["transfer", "yes", &scene.transfer, "--confirm", "5 L x"], 2, "nothing changed"),
            (vec!["transfer", "done", &scene.transfer], 4, "not agreed"),
            (vec!["alert", "ack", &scene.alert, "--for", "8d"], 2, "7 d"),
        ],
    );

    // Who looks decides nothing; people are the operator's to name; once there is a Mirror the operator decides no more.
    let ana = token("ana", "mirror");
    let oto = token("oto", "observer");
    let all = scene.commands();
    let (decisions, people) = all.split_at(all.len() - 2);
    for command in &all {
        all_refused(&here, &[(as_person(command, &oto), 4, "observer")]);
    }
    for command in people {
        all_refused(&here, &[(as_person(command, &ana), 4, "mirror")]);
    }
    for command in decisions {
        all_refused(&here, &[(command.clone(), 4, "Mirror")]);
    }
    let forged = place.path().join("forged");
    std::fs::write(&forged, "0123456789abcdef").unwrap();
    let forged = forged.to_str().unwrap().to_owned();
    // Another node's token is nobody's here.
    let theirs = there.directory.join("token");
    let theirs = theirs.to_str().unwrap().to_owned();
    for command in &all {
        for wrong in [&forged, &theirs] {
            all_refused(&here, &[(as_person(command, wrong), 4, "wrong token")]);
        }
    }

    // Twice, by who may: the first counts.
    let twice: [(usize, &str); 4] = [
        (1, "acknowledged this alert already"),
        (2, "disputes that alert already"),
        (3, "exactly that"),
        (8, "ended"),
    ];
    for (which, words) in twice {
        let command = as_person(&all[which], &ana);
        here.run(&command).succeeds();
        all_refused(&here, &[(command, 4, words)]);
    }
    // A no is the end of it for whoever says yes later, or that it is done.
    for which in [7, 9] {
        all_refused(&here, &[(as_person(&all[which], &ana), 4, "")]);
    }
    all_refused(&here, &[(vec!["people", "add", "ana", "--role", "mirror"], 4, "named ana")]);
    nothing_without_a_node(&all, &place.path().join("empty"));
}

/// Nothing is decided, and nothing is made.
#[track_caller]
fn nothing_without_a_node(all: &[Vec<&str>], empty: &Path) {
    for command in all {
        let ran = run(empty, command);
        assert_eq!(ran.code, 3, "{command:?}: {}{}", ran.stdout, ran.stderr);
    }
    assert!(!empty.exists(), "a refused command made a directory");
}

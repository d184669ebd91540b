//! Scenario files: all of ours are read, and wrong ones are refused with words that help.

use std::collections::BTreeSet;

use super::*;

fn refused(text: &str) -> String {
    Scenario::parse("mine.toml", text).unwrap_err()
}

const SMALL: &str = "name = \"mine\"\nabout = \"a test\"\nnodes = 5\n";

#[test]
fn every_file_of_the_folder_is_a_scenario_of_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<String> = FILES.iter().map(|(name, _)| format!("{name}.toml")).collect();
    assert_eq!(files, known);
    for (name, text) in FILES {
        let scenario = Scenario::parse(name, text).unwrap();
        assert_eq!(scenario.name, *name);
        assert!(!scenario.about.is_empty() && scenario.about.len() < 100, "{name}");
        let verdicts = scenario.expect.judge(&crate::Outcome::default());
        assert!(!verdicts.is_empty(), "{name} expects nothing");
    }
    assert_eq!(Scenario::all().len(), FILES.len());
}

#[test]
fn what_is_wrong_is_named() {
    let wrong = [
        ("[network]\nlos_percent = 3", "did you mean \"loss_percent\""),
        ("[expect]\ncopies = 3", "did you mean \"copies_max\""),
        ("[[liars]]\nkind = \"mutes\"\nshare_percent = 3", "did you mean \"mute\""),
        ("[node]\nlinks_targt = 3", "did you mean \"links_target\""),
        ("against = [\"gossipsub6\"]", "did you mean \"gossipsub-6\""),
        ("[[stream]]\ntimes = 1\nsources = \"listed\"", "wants authors"),
        ("[[stream]]\ntimes = 1\nauthors = [3]", "sources = \"listed\""),
        ("[[stream]]\ntimes = 1\nbytes = [3]", "at least 24"),
        ("[[stream]]\nevery_ms = 5", "missing field `times`"),
        ("[[fault]]\nat_ms = 5\ndo = \"kill\"", "wants share_percent"),
        ("[[fault]]\nat_ms = 5\ndo = \"heal\"\nshare_percent = 5", "takes no share_percent"),
        ("[[fault]]\nat_ms = 5\ndo = \"kill\"\nshare_percent = 120", "from 0 to 100"),
        ("[[expect.slower]]\nstream = \"a\"\nthan = \"b\"\np99_max = 1", "a stream \"a\""),
        ("[network]\nlatency_ms = [9, 3]", "[shortest, longest]"),
        ("nodes = 7", "duplicate key"),
    ];
    for (text, part) in wrong {
        let error = refused(&format!("{SMALL}{text}"));
        assert!(error.contains(part) && error.starts_with("mine.toml"), "{text}: {error}");
    }
}

#[test]
fn wrong_names_come_with_a_suggestion() {
    let error = Scenario::find("wram-10k").unwrap_err();
    assert!(error.contains("did you mean \"warm-10k\""), "{error}");
    assert!(Scenario::find("nothing-like-it.toml").unwrap_err().contains("cannot read"));
}

#[test]
fn every_expectation_can_fail() {
    let nothing = crate::Outcome::default();
    for scenario in Scenario::all() {
        let verdicts = scenario.expect.judge(&nothing);
        assert!(verdicts.iter().any(|it| !it.ok), "{} asks nothing", scenario.name);
    }
}

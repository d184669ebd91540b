//! Every fuzz target has seeds, and `cargo test` replays them.

use super::{none, root, sources};

#[test]
fn every_fuzz_target_has_a_corpus_that_a_test_replays() {
    let tests: Vec<_> = sources(".rs").into_iter().filter(super::Source::is_test).collect();
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let mut wrong = Vec::new();
    for target in sources(".rs").iter().filter_map(|it| {
        it.path.strip_prefix("fuzz/fuzz_targets/").and_then(|name| name.strip_suffix(".rs"))
    }) {
        let corpus = root().join("fuzz/corpora").join(target);
        let seeds = std::fs::read_dir(&corpus).map_or(0, Iterator::count);
        if seeds == 0 {
            wrong.push(format!("{target}: no seed in fuzz/corpora/{target}"));
        }
        let (quoted, body) = (format!("\"{target}\""), format!("fuzz::{target}"));
        if !tests.iter().any(|it| it.text.contains(&quoted) && it.text.contains(&body)) {
            wrong.push(format!("{target}: no test replays its corpus through {body}"));
        }
        if !manifest.contains(&format!("name = {quoted}")) {
            wrong.push(format!("{target}: not in fuzz/Cargo.toml"));
        }
    }
    none(&wrong);
}

#[test]
fn every_corpus_has_a_fuzz_target() {
    let corpora = std::fs::read_dir(root().join("fuzz/corpora")).unwrap();
    let names = corpora.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
    let orphans = names.filter(|it| !root().join(format!("fuzz/fuzz_targets/{it}.rs")).exists());
    none(&orphans.map(|it| format!("fuzz/corpora/{it}: no target")).collect::<Vec<_>>());
}

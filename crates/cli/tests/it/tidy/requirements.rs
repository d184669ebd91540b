//! Every numbered requirement of docs/protocol.md is quoted where it is kept and where it is tested.

use super::{Source, none, root, sources};

/// The numbers, in order: `**WORD-7**` at the beginning of a line.
fn requirements(text: &str) -> Vec<String> {
    let number = |line: &str| {
        let (id, _) = line.trim_start_matches(['-', ' ']).strip_prefix("**")?.split_once("**")?;
        is_requirement(id).then(|| id.to_owned())
    };
    text.lines().filter_map(number).collect()
}

fn is_requirement(id: &str) -> bool {
    let Some((word, number)) = id.split_once('-') else { return false };
    let upper = !word.is_empty() && word.bytes().all(|it| it.is_ascii_uppercase());
    upper && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
}

/// Says whether a file quotes this number, and not a longer one.
fn quotes(file: &Source, id: &str) -> bool {
    file.text.match_indices(id).any(|(at, _)| {
        let after = file.text[at + id.len()..].chars().next();
        let before = file.text[..at].chars().next_back();
        let apart = |it: char| !it.is_ascii_alphanumeric() && it != '_';
        after.is_none_or(apart) && before.is_none_or(apart)
    })
}

#[test]
fn every_requirement_is_quoted_in_code_and_in_a_test() {
    let path = root().join("docs/protocol.md");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let requirements = requirements(&text);
    assert!(!requirements.is_empty(), "docs/protocol.md holds no numbered requirement");
    let (tests, code): (Vec<_>, Vec<_>) = sources(".rs").into_iter().partition(Source::is_test);
    let mut wrong = Vec::new();
    for id in &requirements {
        if !code.iter().any(|file| quotes(file, id)) {
            wrong.push(format!("{id}: no code says that it keeps it"));
        }
        if !tests.iter().any(|file| quotes(file, id)) {
            wrong.push(format!("{id}: no test says that it tests it"));
        }
    }
    none(&wrong);
}

#[test]
fn every_requirement_has_its_own_number() {
    let text = std::fs::read_to_string(root().join("docs/protocol.md")).unwrap_or_default();
    let mut numbers = requirements(&text);
    numbers.sort();
    let twice = numbers.windows(2).filter(|pair| pair[0] == pair[1]);
    none(&twice.map(|pair| format!("{}: stands twice", pair[0])).collect::<Vec<_>>());
}

#[test]
fn every_limit_is_used_and_tested() {
    let text = std::fs::read_to_string(root().join("crates/wire/src/limits.rs")).unwrap();
    let limits = text.lines().filter_map(|it| it.strip_prefix("pub const ")?.split_once(':'));
    let files = sources(".rs").into_iter().filter(|it| it.path != "crates/wire/src/limits.rs");
    let (tests, code): (Vec<_>, Vec<_>) = files.partition(Source::is_test);
    let mut wrong = Vec::new();
    for (limit, _) in limits {
        if !code.iter().any(|it| quotes(it, limit)) {
            wrong.push(format!("{limit}: no code holds it"));
        }
        if !tests.iter().any(|it| quotes(it, limit)) {
            wrong.push(format!("{limit}: no test reaches it"));
        }
    }
    none(&wrong);
}

#[test]
fn the_whole_check_runs_the_tests_as_the_readme_does() {
    for path in ["README.md", "CONTRIBUTING.md", ".ci/run"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        assert!(text.contains("cargo test --workspace"), "{path}: no `cargo test --workspace`");
    }
}

#[test]
fn numbers_are_found_where_they_stand() {
    let text = "**SIGN-1** a\n- **SIGN-12** b\nsee **SIGN-3**\n**Bold** c\n**SIGN-x** d\n";
    assert_eq!(requirements(text), ["SIGN-1", "SIGN-12"]);
    let file = Source { path: String::new(), text: "SIGN-12, DESIGN-1".into() };
    assert!(quotes(&file, "SIGN-12") && !quotes(&file, "SIGN-1"));
}

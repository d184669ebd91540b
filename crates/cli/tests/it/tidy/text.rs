//! What every file must look like.

use super::{none, sources};

/// Files over [`LINES_MAX`]. This list may only shrink: split the file, then take it out.
const LONG: &[&str] = &[];

/// Written by a program.
const GENERATED: &[&str] = &["crates/wire/src/generated.rs"];

const LINES_MAX: usize = 600;

#[test]
fn every_source_file_begins_with_a_caption() {
    let bare = sources(".rs")
        .into_iter()
        .filter(|it| !GENERATED.contains(&it.path.as_str()))
        .filter(|it| !it.text.starts_with("//! ") || it.text.lines().next().unwrap().len() < 8);
    none(&bare.map(|it| format!("{}: begin with `//! what this is`", it.path)).collect::<Vec<_>>());
}

#[test]
fn no_file_is_long() {
    let mut wrong = Vec::new();
    for file in sources(".rs") {
        let (lines, path) = (file.text.lines().count(), file.path.as_str());
        match (LINES_MAX < lines, LONG.contains(&path) || GENERATED.contains(&path)) {
            (true, false) => wrong.push(format!("{path}: {lines} lines, split it")),
            (false, true) if LONG.contains(&path) => {
                wrong.push(format!("{path}: is short by now, take it out of LONG"));
            }
            (true, true) | (false, _) => {}
        }
    }
    none(&wrong);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("to", "do!(")];
    let mut wrong = Vec::new();
    for ending in [".rs", ".toml", ".proto", ".md"] {
        for file in sources(ending) {
            for (number, line) in file.text.lines().enumerate() {
                if marks.iter().any(|mark| holds_word(line, mark)) {
                    wrong.push(format!("{}:{}: do it or open an issue", file.path, number + 1));
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn source_is_ascii() {
    let mut wrong = Vec::new();
    for ending in [".rs", ".toml", ".proto"] {
        for file in sources(ending) {
            if let Some(number) = file.text.lines().position(|line| !line.is_ascii()) {
                wrong.push(format!("{}:{}: write \\u{{..}}", file.path, number + 1));
            }
        }
    }
    none(&wrong);
}

#[test]
fn modules_are_files_beside_their_folders() {
    let named = sources(".rs").into_iter().filter(|it| it.path.ends_with("/mod.rs"));
    none(&named.map(|it| format!("{}: foo.rs beside foo/", it.path)).collect::<Vec<_>>());
}

#[test]
fn pure_rooms_read_no_clock_and_start_no_thread() {
    let words = ["std::time", "std::thread", "std::fs", "std::net::Tcp", "std::env", "HashMap"];
    let mut wrong = Vec::new();
    for room in ["engine", "merkle", "node", "wire"] {
        let folder = format!("crates/{room}/src/");
        let files = sources(".rs").into_iter();
        for file in files.filter(|it| it.path.starts_with(&folder) && !it.is_test()) {
            let used = words.iter().filter(|word| file.text.contains(**word));
            wrong.extend(used.map(|word| format!("{}: {word} has no place here", file.path)));
        }
    }
    none(&wrong);
}

#[test]
fn nobodys_machine_is_named() {
    let folders = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
    ];
    let mut wrong = Vec::new();
    for file in sources("") {
        for (number, line) in file.text.lines().enumerate() {
            if folders.iter().any(|folder| begins_path(line, folder)) {
                wrong.push(format!("{}:{}: a path of one machine", file.path, number + 1));
            }
        }
    }
    none(&wrong);
}

/// Says whether a path begins here; in the middle of a URL or path it would be something else.
fn begins_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|it| !it.is_alphanumeric() && !matches!(it, '.' | '~' | '}' | '-' | '_'))
    })
}

fn holds_word(line: &str, word: &str) -> bool {
    let edge = |it: Option<char>| it.is_none_or(|it| !it.is_alphanumeric() && it != '_');
    line.match_indices(word).any(|(at, _)| {
        let end = &line[at + word.len()..];
        edge(line[..at].chars().next_back()) && (word.ends_with('(') || edge(end.chars().next()))
    })
}

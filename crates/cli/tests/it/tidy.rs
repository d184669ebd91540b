//! Rules that no compiler checks, each with the message that says how to keep it.

mod fuzz;
mod requirements;
mod rooms;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository: where it is, seen from the root, and what it says.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Says whether it holds tests and nothing else; bodies of fuzz targets are tests.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || TEST_FILES.iter().any(|it| self.path.ends_with(it))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files whose names end so, in order. What is built or fetched does not count.
fn sources(ending: &str) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(ending) && !SKIPPED.contains(&name.as_str()) {
                let shown = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                found.push(Source { path: shown, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "no file ends with {ending}");
    found
}

/// Fails with all that is wrong, not with the first of it.
#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} things are not tidy:\n{}", wrong.len(), wrong.join("\n"));
}

const TEST_FILES: &[&str] = &["/fuzz.rs", "/tests.rs"];
/// Built, fetched, or bytes on purpose.
const SKIPPED: &[&str] = &[".git", "artifacts", "corpora", "target"];

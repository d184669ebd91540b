//! The corpora of the fuzz targets, replayed.

use std::fs;
use std::path::Path;

use crate::fuzz;

#[track_caller]
fn replay(target: &str, body: impl Fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpora").join(target);
    let mut count = 0;
    for file in fs::read_dir(root).unwrap() {
        body(&fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(5 <= count, "{target} has a corpus");
}

#[test]
fn config_files_never_panic() {
    replay("config_toml", fuzz::config_toml);
}

#[test]
fn import_lines_never_panic() {
    replay("import_line", fuzz::import_line);
}

//! The fuzz corpora, replayed.

use std::fs;
use std::path::Path;

use crate::fuzz;

#[track_caller]
fn replay(corpus: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpora").join(corpus);
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        body(&fs::read(file).unwrap());
    }
}

#[test]
fn bodies_of_gossip_are_taken_or_refused() {
    replay("gossip_json", fuzz::gossip_json);
}

#[test]
fn answers_of_strangers_are_understood_or_not() {
    replay("door_json", fuzz::door_json);
}

#[test]
fn foreign_bytes_are_no_channel() {
    replay("channel", fuzz::channel);
}

#[test]
fn parts_make_frames_or_not() {
    replay("parts", fuzz::parts);
}

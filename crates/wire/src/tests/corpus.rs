//! Every file of the fuzz corpora, through the bodies of the fuzz targets.

use std::path::{Path, PathBuf};
use std::{env, fs};

use bytes::Bytes;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::any;
use crate::{
    Closing, Digest, Identity, Letter, LetterId, LinkWord, NodeId, Proof, RouteId, Side, Signed,
    Subject, Terms, TransferRecord, TransferStep, TransferWord, fuzz,
};

/// Replays a corpus; `UPDATE=1` writes the seeds first.
#[track_caller]
fn check(target: &str, body: fn(&[u8]), seeds: Vec<Vec<u8>>) {
    let dir = root().join("fuzz/corpora").join(target);
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&dir).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(dir.join(format!("seed-{number:02}")), seed).unwrap();
        }
    }
    let files = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().path());
    let replayed = files.map(|file| body(&fs::read(file).unwrap())).count();
    assert!(seeds.len() <= replayed, "run: UPDATE=1 cargo test -p wire corpus");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The same values at each run.
fn some<T>(strategy: &impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Seeds, their halves, and nothing at all.
fn hurt(seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let halves: Vec<Vec<u8>> = seeds.iter().take(4).map(|it| it[..it.len() / 2].to_vec()).collect();
    [seeds, halves, vec![vec![]]].concat()
}

#[test]
fn frames_of_the_corpus_are_read_or_refused() {
    let seeds = some(&any::frame(), 32).iter().map(crate::Frame::encode).collect();
    check("frame", fuzz::frame, hurt(seeds));
}

#[test]
fn records_of_the_corpus_are_read_or_refused() {
    let seeds = some(&any::record(), 16).iter().map(crate::Record::encode).collect();
    check("record", fuzz::record, hurt(seeds));
}

#[test]
fn signed_records_of_the_corpus_are_read_or_refused() {
    let identity = Identity::from_seed([1; 32]);
    let seal = |record: &crate::Record| Signed::seal(record, &identity).encode();
    let mut seeds: Vec<Vec<u8>> = some(&any::record(), 8).iter().map(seal).collect();
    let junk =
        Signed { body: Bytes::from_static(b"junk"), author: identity.id(), signature: [9; 64] };
    seeds.push(junk.encode());
    check("signed", fuzz::signed, hurt(seeds));
}

#[test]
fn proofs_of_the_corpus_are_read_or_refused() {
    let proof =
        |seed: u8| Proof::new(&Identity::from_seed([seed; 32]), Digest([seed; 32]), &[1; 32]);
    check("proof", fuzz::proof, hurt((0..3).map(|seed| proof(seed).encode()).collect()));
}

#[test]
fn words_of_links_in_the_corpus_are_read_or_refused() {
    let closing = Closing { code: 4_004, reason: "why".to_owned(), farewell: None };
    let farewell = Closing { farewell: Some(Bytes::from_static(b"bye")), ..closing.clone() };
    let words = [LinkWord::Opening(Digest([7; 32])), LinkWord::Closing(closing)];
    let words = words.into_iter().chain([LinkWord::Closing(farewell)]);
    check("link_word", fuzz::link_word, hurt(words.map(|it| it.encode()).collect()));
}

#[test]
fn letters_of_the_corpus_are_read_or_refused() {
    let (network, to) = (Digest([9; 32]), NodeId::from_bytes([3; 32]));
    let author = Identity::from_seed([1; 32]);
    let letter = |route: u8| {
        let (id, body) = (LetterId([route; 16]), Bytes::from_static(b"\"hello\""));
        let letter = Letter { author: author.id(), id, subject: Subject::Note, body };
        letter.encode(&network, &RouteId([route; 16]), &to, &author)
    };
    check("letter", fuzz::letter, hurt((6..9).map(letter).collect()));
}

#[test]
fn transfers_of_the_corpus_are_read_or_refused() {
    let node = |seed: u8| Identity::from_seed([seed; 32]).id();
    let terms = Terms {
        id: Digest([4; 32]),
        giver: node(1),
        taker: node(2),
        proposer: Side::Taker,
        kind: "water".to_owned(),
        amount: 500_000,
        unit: "L".to_owned(),
        tick_ms: 30_000,
        decide_by_ms: 1_800_000_000_000,
        replaces: Some(Digest([5; 32])),
    };
    let proof = Bytes::from_static(b"a proof");
    let words = [
        TransferWord::Offer(terms.encode(), [1; 64]),
        TransferWord::Open([2; 64]),
        TransferWord::Seal(3, proof.clone()),
        TransferWord::Reveal(3, proof.clone()),
        TransferWord::Accept(3, Digest([6; 32]), [3; 64]),
        TransferWord::Close,
        TransferWord::Done([4; 64]),
    ];
    let steps = words.into_iter().map(|what| TransferStep { id: Digest([4; 32]), what }.encode());
    let mut seeds: Vec<Vec<u8>> = steps.map(|it| it.to_vec()).collect();
    seeds.push(terms.encode().to_vec());
    let seals = [proof.clone(), proof];
    let record =
        TransferRecord { terms: terms.encode(), seals, tick: 3, ..TransferRecord::default() };
    seeds.push(record.encode().to_vec());
    check("transfer", fuzz::transfer, hurt(seeds));
}

#[test]
fn texts_of_the_corpus_are_read_or_refused() {
    let id = Identity::from_seed([1; 32]).id().to_string();
    let texts = [
        "http://127.0.0.1:8880",
        "http://[::1]:1/a/b/",
        "HTTP://H:80",
        "http://user:pass@h",
        "http://h?a#b",
        "https://h:1",
        "http://xn--nxasmq6b:9",
        "\u{e4}\u{1f600}",
        "12D3KooW",
        "/ip4/127.0.0.1/udp/8888/quic-v1",
        "/ip6/::1/tcp/1/p2p/12D3KooW",
        "/dns4/H.example./tcp/0",
        id.as_str(),
    ];
    check("text", fuzz::text, hurt(texts.iter().map(|it| it.as_bytes().to_vec()).collect()));
}

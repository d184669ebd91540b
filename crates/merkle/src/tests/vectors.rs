//! The published vectors: made by this code, checked by it and by the published script.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};
use wire::Digest;

use super::{key, leaf};
use crate::{Map, Proof};

fn docs() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "proofs"].iter().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn digest(text: &Value) -> Digest {
    Digest::from_hex(text.as_str().unwrap()).unwrap()
}

/// Keys as the state has them, and two that differ in their last bit only.
fn case(count: u16) -> Value {
    let mut keys: Vec<Digest> = (0..count).map(|it| key(&it.to_be_bytes())).collect();
    keys.iter_mut().step_by(2).for_each(|key| key.0[..12].copy_from_slice(b"collectn\0\0\0\0"));
    if let Some(first) = keys.first().copied() {
        let mut twin = first;
        twin.0[31] ^= 1;
        keys.push(twin);
    }
    let mut map = Map::default();
    keys.iter().zip(0..).for_each(|(key, number)| {
        map.insert(leaf(*key, number));
    });
    let stands = map.leaves(&crate::Prefix::ALL, None, usize::MAX);
    let leaves: Vec<Value> = stands
        .iter()
        .map(|it| json!({"key": it.key.to_string(), "value": it.value.to_string()}))
        .collect();
    let asked = keys.iter().take(3).copied().chain([key(b"absent"), Digest([255; 32])]);
    let proofs: Vec<Value> = asked
        .map(|key| {
            let value = map.get(&key).map(|leaf| leaf.value.to_string());
            let proof = hex(&map.prove(&key).encode(&key));
            json!({"key": key.to_string(), "value": value, "proof": proof})
        })
        .collect();
    let wrong: Vec<Value> = proofs
        .iter()
        .flat_map(|it| spoilt(&bytes(&it["proof"])).map(move |(why, bytes)| (it, why, bytes)))
        .map(|(it, why, bytes)| json!({"key": it["key"], "proof": hex(&bytes), "why": why}))
        .collect();
    let root = map.root().to_string();
    json!({"leaves": leaves, "root": root, "proofs": proofs, "wrong": wrong})
}

fn spoilt(proof: &[u8]) -> impl Iterator<Item = (&'static str, Vec<u8>)> + use<> {
    let change = |at: usize| {
        let mut bytes = proof.to_vec();
        bytes[at] ^= 4;
        bytes
    };
    let last = proof.len() - 1;
    [
        ("another kind", change(0)),
        ("a changed byte in the middle", change(proof.len() / 2)),
        ("a changed last byte", change(last)),
        ("cut off", proof[..last].to_vec()),
        ("a byte too many", [proof, &[0]].concat()),
    ]
    .into_iter()
}

#[test]
fn the_published_vectors_are_what_this_code_makes() {
    let cases = [0_u16, 1, 2, 7, 100].map(case);
    let made = json!({
        "about": "trellis map proofs; see ../proofs.md. Bytes are hexadecimal.",
        "cases": cases,
    });
    let path = docs().join("vectors.json");
    if env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap();
        fs::write(&path, text + "\n").unwrap();
    }
    let published: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(published, made, "published vectors stay as they are");
    for case in published["cases"].as_array().unwrap() {
        let root = digest(&case["root"]);
        for it in case["proofs"].as_array().unwrap() {
            let key = digest(&it["key"]);
            let proof = Proof::decode(&key, &bytes(&it["proof"])).unwrap();
            let value = (!it["value"].is_null()).then(|| digest(&it["value"]));
            assert_eq!(proof.verify(&root, &key), Ok(value));
        }
        for it in case["wrong"].as_array().unwrap() {
            let key = digest(&it["key"]);
            let proven = Proof::decode(&key, &bytes(&it["proof"]));
            assert!(proven.and_then(|proof| proof.verify(&root, &key)).is_err(), "{it}");
        }
    }
}

#[test]
fn the_published_script_checks_the_published_vectors() {
    let program = r#"
        const { verify } = await import("file://" + process.argv[1] + "/verify.js");
        const { cases } = JSON.parse(fs.readFileSync(process.argv[1] + "/vectors.json"));
        const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));
        let checked = 0;
        for (const it of cases) {
            for (const { key, value, proof } of it.proofs) {
                const found = await verify(bytes(it.root), bytes(key), bytes(proof));
                const text = found === null ? null : Buffer.from(found).toString("hex");
                if (text !== value) throw new Error("another value at " + key);
                checked++;
            }
            for (const { key, proof, why } of it.wrong) {
                const proven = await verify(bytes(it.root), bytes(key), bytes(proof)).then(() => true, () => false);
                if (proven) throw new Error("proven, though " + why + ": " + proof);
                checked++;
            }
        }
        console.log(checked);
    "#;
    // The script is a module whatever its file is called.
    let script = fs::read_to_string(docs().join("verify.js")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("verify.js"), script).unwrap();
    fs::write(directory.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    fs::copy(docs().join("vectors.json"), directory.path().join("vectors.json")).unwrap();
    let program = format!("import fs from \"node:fs\";{program}");
    let mut node = Command::new("node");
    let output = node.args(["--input-type=module", "-e", &program]).arg(directory.path()).output();
    // Without Node.js this machine cannot run it; those that build releases can.
    let Ok(output) = output else { return };
    let checked = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let vectors = fs::read_to_string(docs().join("vectors.json")).unwrap();
    let there = ["\"proof\": \"", "\"why\": \""].map(|it| vectors.matches(it).count());
    assert_eq!(checked, there[0].to_string());
    assert_eq!(there[1] * 6, there[0] * 5, "each proof is spoilt five ways");
}

//! Damaged texts are repaired beside themselves; hidden characters are shown.

use encoding_rs::{Encoding, WINDOWS_1252, WINDOWS_1254};
use proptest::prelude::*;

use crate::seeds::text::{hidden_len, repair, visible};

/// Reads UTF-8 as something else, as whoever damaged it did.
fn misread(text: &str, encoding: &'static Encoding) -> String {
    encoding.decode_without_bom_handling(text.as_bytes()).0.into_owned()
}

#[test]
fn what_was_misread_is_repaired_and_says_as_what() {
    // SEED-7
    let title = "Guia de irriga\u{e7}\u{e3}o \u{2014} \u{201c}gota a gota\u{201d} \u{1f331}";
    for (encoding, name) in [(WINDOWS_1252, "windows-1252"), (WINDOWS_1254, "windows-1254")] {
        let damaged = misread(title, encoding);
        assert_ne!(damaged, title);
        let repaired = repair(&damaged).unwrap();
        assert_eq!(repaired.text, title, "{name}");
    }
    // A letter that only one of them has says which it was.
    let turkish = misread("\u{1f517} \u{11f}", WINDOWS_1254);
    assert_eq!(repair(&turkish).unwrap().misread_as, "windows-1254");
}

#[test]
fn where_bytes_were_lost_the_rest_is_repaired_all_the_same() {
    // SEED-7. As in the head of a real document: controls were stripped on its way.
    let damaged = "Architect: Dion\u{c3}sio \u{2014} irriga\u{c3}\u{a7}\u{c3}\u{a3}o";
    let repaired = repair(damaged).unwrap();
    assert_eq!(repaired.text, "Architect: Dion\u{c3}sio \u{2014} irriga\u{e7}\u{e3}o");
    assert_eq!(repaired.characters, 2);
}

#[test]
fn what_is_whole_stays() {
    for text in ["plain", "caf\u{e9}", "S\u{e3}o Paulo", "\u{1f331}\u{1f517}", "\u{3c0}\u{3b1}", ""]
    {
        assert_eq!(repair(text), None, "{text}");
    }
}

#[test]
fn hidden_characters_are_shown_by_their_numbers() {
    // SEED-7
    let text = "safe\u{202e}gpj.exe\u{200b}\u{7}\u{9b}31m\tand\nthe rest";
    let shown = visible(text);
    assert_eq!(shown, "safe<U+202E>gpj.exe<U+200B><U+0007><U+009B>31m\tand\nthe rest");
    assert_eq!(hidden_len(text), 4);
    assert_eq!(visible("S\u{e3}o \u{1f331}"), "S\u{e3}o \u{1f331}");
}

proptest! {
    #[test]
    fn any_text_that_was_misread_comes_back(text in "[a-z \u{e0}-\u{ff}\u{2013}-\u{2026}\u{1f300}-\u{1f64f}]{1,40}") {
        for encoding in [WINDOWS_1252, WINDOWS_1254] {
            let damaged = misread(&text, encoding);
            let repaired = repair(&damaged).map_or(damaged, |it| it.text);
            prop_assert_eq!(&repaired, &text);
        }
    }

    #[test]
    fn any_text_at_all_is_shown_without_a_control(text in any::<String>()) {
        let shown = visible(&text);
        prop_assert_eq!(hidden_len(&shown), 0);
        let _any = repair(&text);
    }
}

//! Words for people.

use std::time::Duration;

use crate::table::Table;
use crate::words::{
    ago, counted, grouped, percent_encoded, printable, printable_json, seconds_in_words, short_hex,
    short_node, took,
};

#[test]
fn numbers_are_grouped_by_three() {
    assert_eq!(
        [0, 12, 123, 1_234, 3_376_000].map(grouped),
        ["0", "12", "123", "1,234", "3,376,000"]
    );
    assert_eq!(counted(1, "entry", "entries"), "1 entry");
    assert_eq!(counted(2_000, "entry", "entries"), "2,000 entries");
}

#[test]
fn durations_have_the_digits_that_matter() {
    assert_eq!(took(Duration::from_micros(1_234)), "1.2 ms");
    assert_eq!(took(Duration::from_millis(87)), "87 ms");
    assert_eq!(took(Duration::from_millis(2_340)), "2.3 s");
    assert_eq!(seconds_in_words(90), "90 s");
    assert_eq!(seconds_in_words(7_300), "2 h");
}

#[test]
fn what_is_no_time_is_shown_as_it_is() {
    assert_eq!(ago("yesterday"), "yesterday");
    assert!(ago("2020-01-01T00:00:00Z").ends_with(" d ago"));
    assert!(ago("2999-01-01T00:00:00Z").starts_with("in "));
}

#[test]
fn names_become_one_segment_of_a_path() {
    assert_eq!(percent_encoded("airport/00M ?#%"), "airport%2F00M%20%3F%23%25");
    assert_eq!(percent_encoded("\u{e9}"), "%C3%A9");
}

#[test]
fn nothing_from_the_network_can_steer_the_terminal() {
    assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
}

#[test]
fn short_forms_of_short_texts_are_the_texts() {
    assert_eq!((short_hex("abc"), short_node("abc")), ("abc", "abc"));
    assert_eq!(short_node("12D3KooWabcdefgh"), "abcdefgh");
}

#[test]
fn a_table_is_aligned_and_has_no_trailing_spaces() {
    let mut table = Table::new(&["A", "LONG", "C"]);
    table.row(["wide one".to_owned(), "x".to_owned(), String::new()]);
    assert_eq!(table.lines(), ["A         LONG  C", "wide one  x"]);
}

#[test]
fn no_value_reaches_the_terminal_with_a_control_character() {
    let value = serde_json::json!({ "a\u{9b}31m": ["\u{7f}", "\u{1b}[2J", "x\ny", "\u{e9}"] });
    let text = printable_json(&serde_json::to_string_pretty(&value).unwrap());
    assert!(text.chars().all(|it| !it.is_control() || it == '\n'), "{text:?}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
}

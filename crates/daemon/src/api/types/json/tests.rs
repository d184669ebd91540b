//! What passes through keeps its digits and fits on one line.

use super::Json;

#[track_caller]
fn check(text: &str, kept: &str) {
    assert_eq!(Json::of(text.as_bytes()).text(), kept);
    assert_eq!(serde_json::to_string(&Json::of(text.as_bytes())).unwrap(), kept);
}

#[test]
fn digits_are_kept_and_blanks_outside_of_strings_are_not() {
    check("123456789012345678901234567890", "123456789012345678901234567890");
    check(" { \"a\" :\n [ 1.10 , \"x \\\" y\\\\\" ] }\r\n", "{\"a\":[1.10,\"x \\\" y\\\\\"]}");
    check("\"a  b\"", "\"a  b\"");
}

#[test]
fn what_is_no_json_becomes_a_string() {
    check("not json", "\"not json\"");
    check("", "\"\"");
    check("{} {}", "\"{} {}\"");
}

#[test]
fn it_is_read_as_a_value() {
    let read: Json = serde_json::from_str("{\"a\": [1, 2]}").unwrap();
    assert_eq!(read.text(), "{\"a\":[1,2]}");
    assert_eq!(read.value(), serde_json::json!({"a": [1, 2]}));
}

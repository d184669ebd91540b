//! Values from the command line.

use crate::failure::Failure;
use crate::input::{json, life_s};

#[track_caller]
fn complaint(text: &str) -> String {
    let error = json(Some(text)).unwrap_err();
    assert_eq!(Failure::exit_code(&error), 2);
    error.to_string()
}

#[test]
fn numbers_keep_their_digits() {
    assert_eq!(json(Some(" 1.10000000000000000001 ")).unwrap(), "1.10000000000000000001");
}

#[test]
fn a_bare_word_is_told_about_quotes() {
    assert!(complaint("hello").contains("'\"hello\"'"), "{}", complaint("hello"));
    assert!(complaint("the bridge").contains("'\"the bridge\"'"));
}

#[test]
fn a_broken_value_is_told_where() {
    assert!(complaint("{\"a\": 1,}").contains("line 1 column 9"), "{}", complaint("{\"a\": 1,}"));
    assert!(complaint("").contains("empty"));
    assert!(complaint(&"[".repeat(10_000)).contains("recursion"));
}

#[test]
fn lives_have_units() {
    assert_eq!(life_s("90"), Ok(90));
    assert_eq!(life_s("15m"), Ok(900));
    assert_eq!(life_s("30d"), Ok(2_592_000));
    for bad in ["", "0s", "3w", "-1h", "1.5h", "99999999999999999999d"] {
        assert!(life_s(bad).is_err(), "{bad}");
    }
}

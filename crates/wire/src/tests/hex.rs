//! Bytes and their digits.

use proptest::prelude::*;

use crate::Hex;

proptest! {
    #[test]
    fn bytes_are_read_as_they_were_shown_in_any_case(bytes: [u8; 9]) {
        let text = Hex(&bytes).to_string();
        prop_assert_eq!(text.to_lowercase(), text.clone());
        prop_assert_eq!(Hex::read_array(&text), Some(bytes));
        prop_assert_eq!(Hex::read(&text.to_uppercase()), Some(bytes.to_vec()));
        prop_assert_eq!(Hex::read_array::<8>(&text), None);
        prop_assert_eq!(Hex::read(&text[1..]), None);
    }
}

#[test]
fn what_is_no_digit_is_not_read() {
    for text in ["0", "0g", "+1", " 1", "1 ", "\u{ff11}\u{ff11}", "0x"] {
        assert_eq!(Hex::read(text), None, "{text:?}");
    }
    assert_eq!(Hex::read(""), Some(Vec::new()));
}

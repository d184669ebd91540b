//! Cursors come back from strangers.

use crate::Cursor;

#[test]
fn bad_cursors_are_refused() {
    let text_of_one = |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect::<String>();
    let good = text_of_one(&[b"c\0n\0".as_slice(), &[7; 32]].concat());
    assert_eq!(good.parse::<Cursor>().unwrap().to_string(), good);
    let long = "00".repeat(10_000);
    let no_utf8 = text_of_one(&[b"c\0\xff\0".as_slice(), &[7; 32]].concat());
    for bad in ["", "0", "zz", "\u{e9}", &good[2..20], &good[..70], &long, &no_utf8] {
        assert!(bad.parse::<Cursor>().is_err(), "{bad}");
    }
}

//! A row is small, holds no frame, and is shared.

use std::mem::size_of;
use std::sync::Arc;

use bytes::Bytes;
use wire::Signed;

use super::lab::*;
use crate::book::{Book, Known, Past};

#[test]
fn a_row_is_small_until_something_happens_to_it() {
    assert_eq!(size_of::<Known>(), 16);
    assert!(size_of::<Known>() + size_of::<Past>() <= 100, "{} bytes", size_of::<Past>());
    let book = Book::waking(crowded(0..10, 0, false));
    assert!(book.iter().all(|known| known.past().is_none()));
}

#[test]
fn a_row_does_not_hold_the_frame_that_brought_it() {
    let signed = profile(&crowd(1), START_MS, &[&door_of(1)]);
    let frame = Bytes::from([&[0; 60_000], &signed.body[..]].concat());
    let opened = Signed { body: frame.slice(60_000..), ..signed }.open().unwrap();
    let known = Known::of(&opened).unwrap();
    assert!(!frame.as_ptr_range().contains(&known.signed().body.as_ptr()));
    assert_eq!(**known.signed(), opened.signed);
}

#[test]
fn rows_that_were_kept_share_their_profile() {
    let rows = crowded(0..100, 0, false);
    let book = Book::waking(rows.clone());
    assert_eq!(book.len(), 100);
    for row in &rows {
        assert!(Arc::ptr_eq(&row.profile, book.get(&row.node).unwrap().signed()));
    }
    let in_order = book.iter().zip(book.iter().skip(1)).all(|(one, next)| one.node() < next.node());
    assert!(in_order);
}

#[test]
fn a_row_under_a_false_name_or_twice_is_left_out() {
    let mut rows = crowded(0..3, 0, false);
    rows[1].node = crowd(9).id();
    rows.push(rows[0].clone());
    assert_eq!(Book::waking(rows).len(), 2);
}

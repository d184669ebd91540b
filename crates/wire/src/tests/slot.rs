//! Names of appended entries.

use bytes::Bytes;
use proptest::prelude::*;

use crate::{Content, Digest, Entry, Hlc, Identity, Record, Signed, Slot, WireError};

proptest! {
    #[test]
    fn a_slot_is_what_its_name_says(hour in 0..10_000_000_u32, number in 0..1_000_000_u32) {
        // STATE-7
        let slot = Slot { hour, number };
        prop_assert_eq!(Slot::of(&slot.to_string()), Some(Ok(slot)));
        // Names sort as slots do.
        let next = Slot { hour, number: number + 1 };
        prop_assert!(number == 999_999 || slot.to_string() < next.to_string());
    }

    #[test]
    fn what_is_no_slot_is_refused_or_an_ordinary_name(text in "[#0-9. +-]{0,20}") {
        match Slot::of(&text) {
            None => prop_assert!(!text.starts_with('#')),
            Some(Ok(slot)) => prop_assert_eq!(slot.to_string(), text),
            Some(Err(error)) => prop_assert_eq!(error, WireError::Slot),
        }
    }
}

#[test]
fn a_life_is_kept_to_the_end_of_its_hour() {
    let hour_ms = 3_600_000;
    assert_eq!(Slot::last_hour(10 * hour_ms, 1), Some(11));
    assert_eq!(Slot::last_hour(10 * hour_ms, hour_ms), Some(11));
    assert_eq!(Slot::last_hour(10 * hour_ms, hour_ms + 1), Some(12));
    assert_eq!(Slot::last_hour(9_999_999 * hour_ms, 1), None);
    assert_eq!(Slot::last_hour(u64::MAX, 1), None);
}

#[test]
fn an_entry_expires_as_its_name_says_and_not_otherwise() {
    let author = Identity::from_seed([5; 32]);
    let opened = |name: &str, expires_ms| {
        let value = Some(Bytes::from_static(b"1"));
        let entry = Entry { collection: "c".to_owned(), name: name.to_owned(), value };
        let (network, created, content) = (Digest([9; 32]), Hlc::from_ms(1), Content::Entry(entry));
        let record = Record { network, seq: 1, created, expires_ms, content };
        Signed::seal(&record, &author).open().map(|opened| opened.record.expires_ms)
    };
    let hour_ms = 3_600_000;
    assert_eq!(opened("#0000007.000000", 7 * hour_ms), Ok(7 * hour_ms));
    assert_eq!(opened("#0000000.000001", 0), Ok(0));
    for (name, expires_ms) in [("#0000007.000000", 0), ("#0000007.000000", 8 * hour_ms), ("n", 1)] {
        assert_eq!(opened(name, expires_ms), Err(WireError::Field("expires")), "{name}");
    }
    for name in ["#", "#7.0", "#0000007.0000000", "#000000a.000000", "#0000007,000000"] {
        assert_eq!(opened(name, 0), Err(WireError::Slot), "{name}");
    }
}

/// STATE-8: of entries with names of their own only deletions go, at the beginning of an hour.
#[test]
fn a_deletion_may_say_when_it_goes() {
    let created_ms = 1_800_000_000_000;
    let hour_ms = 3_600_000;
    let decoded = |value: Option<&'static [u8]>, expires_ms: u64| {
        let (collection, name) = ("c".to_owned(), "n".to_owned());
        let content =
            Content::Entry(Entry { collection, name, value: value.map(Bytes::from_static) });
        let (network, created) = (Digest([1; 32]), Hlc::from_ms(created_ms));
        let record = Record { network, seq: 1, created, expires_ms, content };
        Record::decode(&Bytes::from(record.encode())).map(|it| it.expires_ms)
    };
    let refused = Err(WireError::Field("expires"));
    for expires_ms in [0, created_ms + hour_ms, created_ms + 10_000 * hour_ms] {
        assert_eq!(decoded(None, expires_ms), Ok(expires_ms));
    }
    for expires_ms in [1, created_ms, created_ms - hour_ms, created_ms + hour_ms + 1, u64::MAX] {
        assert_eq!(decoded(None, expires_ms), refused, "{expires_ms}");
    }
    assert_eq!(decoded(Some(b"1"), created_ms + hour_ms), refused);
}

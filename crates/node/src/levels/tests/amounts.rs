//! Amounts and rows: read what was written, refuse the rest.

use proptest::prelude::*;

use crate::levels::row::{decode, encode};
use crate::levels::{Amount, Band, Draws, Statement, Stock};

#[test]
fn amounts_keep_their_decimals() {
    for (text, thousandths, shown) in [
        ("0", 0, "0"),
        ("1200", 1_200_000, "1200"),
        ("0.5", 500, "0.5"),
        ("55.900", 55_900, "55.9"),
        ("42750.0", 42_750_000, "42750"),
        ("1000000000000", 1_000_000_000_000_000, "1000000000000"),
    ] {
        let amount: Amount = text.parse().unwrap();
        assert_eq!((amount.0, amount.to_string().as_str()), (thousandths, shown), "{text}");
    }
    for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0001", "1000000000000.001", "NaN", "1 "]
    {
        assert!(text.parse::<Amount>().is_err(), "{text:?}");
    }
    let huge = "9".repeat(30);
    assert!(huge.parse::<Amount>().is_err());
}

#[test]
fn a_part_of_a_whole_never_overflows() {
    assert_eq!(Amount::MAX.permille_of(Amount::MAX), 1_000);
    assert_eq!(Amount(1).permille_of(Amount::MAX), 0);
    assert_eq!(Amount(u64::MAX).permille_of(Amount(0)), 1_000);
}

fn any_stock() -> impl Strategy<Value = Stock> {
    let draws = (
        proptest::option::of(0..1_000_u64),
        0..50_u64,
        proptest::collection::btree_map(0..21_u64, any::<i64>(), 0..6),
        proptest::option::of(0..21_u64),
        proptest::collection::btree_map(0..1_000_u64, 0..6_u32, 0..16),
    );
    let draws = draws.prop_map(|(period, offset, drawn, bucket, spent)| Draws {
        period,
        // Written beside the period: without one there is none.
        offset: period.map_or(0, |_| offset),
        drawn,
        bucket,
        spent,
    });
    let said = (any::<u64>(), 0..Band::ALL.len());
    let said = said.prop_map(|(slot, band)| {
        let unit = "kWh".to_owned();
        Statement { slot, band: Band::ALL[band], unit }
    });
    let urgent = proptest::collection::vec(any::<u64>(), 0..3);
    (0..1_000_u64, any::<u64>(), draws, proptest::option::of(said), urgent).prop_map(
        |(level, set_ms, draws, said, urgent_ms)| Stock {
            level: Amount(level),
            capacity: Amount(1_000),
            unit: "GWh/year".to_owned(),
            critical: Amount(level / 2),
            set_ms,
            draws,
            said,
            urgent_ms,
        },
    )
}

proptest! {
    #[test]
    fn a_row_is_read_as_it_was_written(stock in any_stock()) {
        prop_assert_eq!(decode(&encode(&stock)), Some(stock));
    }

    #[test]
    fn a_damaged_row_is_refused_or_keeps_its_bounds(
        stock in any_stock(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = encode(&stock);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(stock) = decode(&bytes) {
            prop_assert!(stock.level <= stock.capacity);
            prop_assert!(stock.draws.drawn.len() <= 6);
        }
        prop_assert_eq!(decode(&bytes[..at]).filter(|it| *it == stock), None);
    }
}

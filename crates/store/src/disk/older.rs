//! Stores of format 1: records by id, items and names in tables of their own.

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use wire::{Digest, RecordId};

use super::tables::{Tables, damaged};
use crate::rows::{LogKind, LogRow, NameKey};

/// Brings a store of format 1 up to date within one transaction.
pub(crate) fn from_1(txn: &WriteTransaction) -> Result<(), redb::Error> {
    {
        let (records, items) = (txn.open_table(RECORDS)?, txn.open_table(ITEMS)?);
        let names = txn.open_table(NAMES)?;
        let mut tables = Tables::open(txn)?;
        for (pair, seq) in items.iter()?.zip(0..) {
            let (key, value) = pair?;
            let (id, created, expires_ms, name) =
                item(value.value()).ok_or_else(|| damaged("a row of items"))?;
            let signed =
                records.get(&id.0)?.ok_or_else(|| damaged("an item without its record"))?;
            let signed = signed.value().to_vec();
            if !name.is_empty() && NameKey::decode(&name).is_none() {
                return Err(damaged("a name in a row of items"));
            }
            // A name says last whether its entry is deleted.
            let deleted =
                names.get(name.as_slice())?.is_some_and(|it| it.value().last() == Some(&1));
            let kind = if deleted { LogKind::Deleted } else { LogKind::Live };
            let (key, replaced) = (*key.value(), None);
            let row = LogRow { key, id, created, expires_ms, kind, replaced, name, signed };
            tables.place(&row, seq)?;
        }
    }
    txn.delete_table(RECORDS)?;
    txn.delete_table(ITEMS)?;
    txn.delete_table(NAMES)?;
    Ok(())
}

fn item(bytes: &[u8]) -> Option<(RecordId, wire::Hlc, u64, Vec<u8>)> {
    let (id, rest) = bytes.split_first_chunk::<32>()?;
    let (created, rest) = rest.split_first_chunk()?;
    let (expires_ms, name) = rest.split_first_chunk()?;
    let created = wire::Hlc(u64::from_be_bytes(*created));
    Some((Digest(*id), created, u64::from_be_bytes(*expires_ms), name.to_vec()))
}

/// Record id to signed bytes.
pub(crate) const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Set and key to id, created, expires and, for entries, the key in `names`.
pub(crate) const ITEMS: TableDefinition<'_, &[u8; 33], &[u8]> = TableDefinition::new("items");
/// Collection, name and author to id, created and whether it is deleted.
pub(crate) const NAMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("names");

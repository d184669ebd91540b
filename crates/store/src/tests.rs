//! Both stores keep the same promises, and the disk keeps them when it fails.

mod agree;
mod cursor;
mod faults;
mod faulty;
mod open;
mod suite;

use bytes::Bytes;
use node::engine::{Batch, BookRow, Drop, Keep, Kept, Label, Map, Maps};
use wire::{
    Content, Digest, Entry, Hlc, Message, NetworkId, NodeId, Profile, Record, RecordId, Set, Signed,
};

use crate::{MemoryStore, Store};

fn network() -> NetworkId {
    Digest::of("test", &[b"network"])
}

fn author(number: u8) -> NodeId {
    NodeId::from_bytes([number; 32])
}

/// A record of the set, unsigned: the store believes its callers.
fn keep(content: Content, author: NodeId, created: u64, expires_ms: u64) -> Keep {
    let created = Hlc(created);
    let (set, key, label) = match &content {
        Content::Entry(Entry { collection, name, value }) => {
            let key = [collection.as_bytes(), &[0], name.as_bytes(), &[0], author.as_bytes()];
            let (collection, name) = (collection.clone(), name.clone());
            let label = Label { collection, name, deleted: value.is_none() };
            (Set::State, Some(Digest::of("key", &key)), Some(label))
        }
        Content::Contradiction(_) => (Set::State, None, None),
        Content::Message(_) | Content::Profile(_) => (Set::Messages, None, None),
    };
    let record = Record { network: network(), seq: 1, created, expires_ms, content };
    let signed = Signed { body: Bytes::from(record.encode()), author, signature: [7; 64] };
    let id = signed.clone().open().unwrap().id;
    Keep { set, key: key.unwrap_or(id), id, created, expires_ms, signed, replaces: None, label }
}

fn entry(collection: &str, name: &str, by: u8, created: u64, value: &str) -> Keep {
    let (collection, name) = (collection.to_owned(), name.to_owned());
    let value = Some(Bytes::copy_from_slice(value.as_bytes()));
    keep(Content::Entry(Entry { collection, name, value }), author(by), created, 0)
}

fn deleted(collection: &str, name: &str, by: u8, created: u64) -> Keep {
    let (collection, name) = (collection.to_owned(), name.to_owned());
    keep(Content::Entry(Entry { collection, name, value: None }), author(by), created, 0)
}

fn message(text: &str, created: u64) -> Keep {
    let content = Content::Message(Message::new("topic", text.to_owned()));
    keep(content, author(1), created, 1 + created)
}

fn replacing(old: &Keep, new: Keep) -> Keep {
    Keep { replaces: Some(old.id), ..new }
}

fn gone(keep: &Keep) -> Drop {
    Drop { set: keep.set, key: keep.key, id: keep.id }
}

fn book_row(by: u8, reached: Option<&str>, heard_ms: u64) -> BookRow {
    let profile = Profile { addresses: vec![], agent: "test".into(), capabilities: vec![] };
    let profile = keep(Content::Profile(profile), author(by), heard_ms, 0).signed.into();
    let reached = reached.map(|it| it.parse().unwrap());
    BookRow { node: author(by), profile, reached, heard_ms }
}

fn keeps(keep: Vec<Keep>) -> Batch {
    Batch { keep, ..Batch::default() }
}

fn drops(drop: Vec<Drop>) -> Batch {
    Batch { drop, ..Batch::default() }
}

fn ids(keeps: &[&Keep]) -> Vec<RecordId> {
    keeps.iter().map(|keep| keep.id).collect()
}

/// Both maps of some items, made anew.
fn maps_of(items: &[Kept]) -> Maps {
    let map = |set| Map::of(items.iter().filter(|it| it.set == set).map(Kept::leaf).collect());
    let newest = items.iter().map(|it| it.created).max().unwrap_or_default();
    Maps { state: map(Set::State), messages: map(Set::Messages), newest }
}

/// Tells a store with each batch how both maps are after it.
fn told(mut history: Vec<Batch>) -> Vec<Batch> {
    let mut model = MemoryStore::default();
    for batch in &mut history {
        model.apply(std::slice::from_ref(batch)).unwrap();
        batch.maps = Some(maps_of(&model.load().unwrap().items).into());
    }
    history
}

/// Asserts that a store wakes up with the hashes of what it holds, and that they lead to all of it.
#[track_caller]
fn wakes_in_a_moment(store: &dyn Store, context: &str) {
    let items = store.load().unwrap().items;
    let woken = store.wake().unwrap();
    assert_eq!(woken.items, [], "{context}");
    let (maps, made) = (woken.maps.expect(context), maps_of(&items));
    assert!(made.newest <= maps.newest, "{context}");
    for set in [Set::State, Set::Messages] {
        let (map, made) = (maps.map(set), made.map(set));
        assert_eq!(
            (map.root(), map.len(), map.here()),
            (made.root(), made.len(), vec![]),
            "{context}"
        );
        let leaves = |map: &Map| map.leaves(&merkle::Prefix::ALL, None, usize::MAX);
        assert_eq!(leaves(map), leaves(made), "{context}");
        assert_eq!(map.lost(), None, "{context}");
    }
}

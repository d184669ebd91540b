//! A machine's disk keeps the promises of the store.

use bytes::Bytes;
use engine::{AuthorClock, Batch, BookRow, Drop, Keep, Kept};
use std::sync::Arc;
use store::{MemoryStore, Store as _};
use wire::{Content, Digest, Entry, Hlc, Identity, Profile, Record, Set, Signed};

use crate::chance::Chance;
use crate::disk::Disk;
use crate::network::address_of;
use crate::vault::Vault;

#[derive(Default)]
struct Story {
    /// What stands at each key.
    stands: std::collections::BTreeMap<Digest, Keep>,
    written: u64,
}

impl Story {
    fn batch(&mut self, chance: &mut Chance, identities: &[Identity]) -> Batch {
        let mut batch = Batch::default();
        let who = |chance: &mut Chance| &identities[pick(chance, identities.len())];
        for _ in 0..chance.below(4) {
            let keep = self.keep(chance.below(12), who(chance));
            self.stands.insert(keep.key, keep.clone());
            batch.keep.push(keep);
        }
        if chance.below(3) == 0
            && let Some((_, keep)) = self.stands.pop_first()
        {
            batch.drop.push(Drop { set: keep.set, key: keep.key, id: keep.id });
        }
        for _ in 0..chance.below(3) {
            let identity = who(chance);
            let content = Content::Profile(Profile {
                addresses: vec![address_of(3)],
                agent: format!("agent {}", chance.below(2)),
                capabilities: Vec::new(),
            });
            let reached = (chance.below(2) == 0).then(|| address_of(pick(chance, 5)));
            let profile = Arc::new(signed(content, 1, identity));
            batch.book.push(BookRow {
                node: identity.id(),
                profile,
                reached,
                heard_ms: chance.draw(),
            });
        }
        if chance.below(3) == 0 {
            batch.book_drop.push(who(chance).id());
        }
        let row = checkpoint::Row::Sealed(chance.below(4));
        let value = (chance.below(3) != 0).then(|| vec![u8::try_from(chance.below(200)).unwrap()]);
        batch.council.push((row, value.clone()));
        batch.own.push((format!("levels/{}", chance.below(3)), value));
        let seq = chance.draw();
        batch.author = (chance.below(2) == 0).then_some(AuthorClock { seq, hlc: Hlc(seq) });
        batch
    }

    fn keep(&mut self, place: u64, identity: &Identity) -> Keep {
        self.written += 1;
        let value = Some(Bytes::from(format!("{}", self.written)));
        let (collection, name) = ("c".to_owned(), format!("{place}"));
        let signed =
            signed(Content::Entry(Entry { collection, name, value }), self.written, identity);
        let opened = signed.clone().open().unwrap();
        let key = Digest::of("place", &[&place.to_be_bytes()]);
        Keep {
            set: Set::State,
            key,
            id: opened.id,
            created: opened.record.created,
            expires_ms: 0,
            signed,
            replaces: self.stands.get(&key).map(|keep| keep.id),
            label: None,
        }
    }
}

#[test]
fn a_disk_holds_what_the_store_would() {
    let identities: Vec<Identity> = (0..4).map(|it| Identity::from_seed([it; 32])).collect();
    for seed in 0..30 {
        let mut chance = Chance::new(seed, &[]);
        let vault = Vault::default();
        let (mut disk, mut store) = (Disk::default(), MemoryStore::default());
        // Another disk in the same vault changes nothing.
        let (mut other, mut story) = (Disk::default(), Story::default());
        for _ in 0..40 {
            let batch = story.batch(&mut chance, &identities);
            disk.apply(&batch, &vault);
            store.apply(std::slice::from_ref(&batch)).unwrap();
            if chance.below(2) == 0 {
                other.apply(&story.batch(&mut chance, &identities), &vault);
                story = Story { written: story.written, ..Story::default() };
                story.stands = standing(&store);
            }
            let (ours, theirs) = (disk.load(&vault, Vec::new()), store.load().unwrap());
            assert_eq!(ours.items, theirs.items, "seed {seed}");
            assert_eq!(ours.book, theirs.book, "seed {seed}");
            assert_eq!(ours.author, theirs.author, "seed {seed}");
            let ids: Vec<Digest> = ours.items.iter().rev().map(|kept| kept.id).collect();
            for bytes_max in [0, 1, 400, usize::MAX] {
                let read = disk.read(&ids, bytes_max, &vault);
                assert_eq!(read, store.records(&ids, bytes_max).unwrap(), "seed {seed}");
            }
        }
    }
}

#[test]
fn who_reads_never_waits_for_ever_behind_who_writes() {
    let identity = Identity::from_seed([1; 32]);
    let mut story = Story::default();
    let batches: Vec<Batch> = (0..2_000)
        .map(|place| Batch { keep: vec![story.keep(place, &identity)], ..Batch::default() })
        .collect();
    let (vault, mut writer, mut reader) = (Vault::default(), Disk::default(), Disk::default());
    let (first, rest) = batches.split_at(200);
    first.iter().for_each(|batch| reader.apply(batch, &vault));
    let ids: Vec<Digest> = first.iter().map(|batch| batch.keep[0].id).collect();
    let vault = &vault;
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || rest.iter().for_each(|batch| writer.apply(batch, vault)));
        while !writing.is_finished() {
            assert_eq!(reader.read(&ids, usize::MAX, vault).len(), 200);
        }
    });
}

/// Reads back what stands in a store, for the next batches of a story.
fn standing(store: &MemoryStore) -> std::collections::BTreeMap<Digest, Keep> {
    let keep = |kept: Kept| {
        let signed = store.records(&[kept.id], usize::MAX).unwrap().remove(0);
        let Kept { set, key, id, created, expires_ms } = kept;
        (key, Keep { set, key, id, created, expires_ms, signed, replaces: None, label: None })
    };
    store.load().unwrap().items.into_iter().map(keep).collect()
}

fn signed(content: Content, seq: u64, identity: &Identity) -> Signed {
    let network = Digest([7; 32]);
    let record = Record { network, seq, created: Hlc(seq), expires_ms: 0, content };
    Signed::seal(&record, identity)
}

fn pick(chance: &mut Chance, len: usize) -> usize {
    usize::try_from(chance.below(len as u64)).unwrap()
}

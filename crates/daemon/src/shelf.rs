//! The contents of seeds as files: DIR/seeds/ID.content and its hashes, ID.tree. What is on its way is
//! ID.part, and ID.hashes beside it, where the hash of each piece that was checked stands at its place; so
//! what a crash left is looked at and believed piece by piece.
//!
//! No name of a file comes from the network: an id is 64 hexadecimal digits that this program wrote.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use node::seeds::{Pieces, SeedFact, SeedWish, Shape, Tree, offset, piece_hash, whole_hash};
use wire::{SeedId, SeedPiece, limits};

/// Where the contents are. Clones name the same place.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    directory: PathBuf,
}

/// A content that somebody hands us, before anybody decided on it. Dropped, it is forgotten.
#[derive(Debug)]
pub(crate) struct Upload {
    shelf: Shelf,
    path: PathBuf,
    file: File,
    /// What does not fill a piece yet.
    rest: Vec<u8>,
    hashes: Vec<[u8; 32]>,
    size: u64,
}

impl Shelf {
    /// Names the shelf of a node's directory; it is made when something comes.
    pub(crate) fn of(directory: &Path) -> Self {
        Self { directory: directory.join("seeds") }
    }

    /// Does what the node wishes.
    pub(crate) fn perform(&self, wish: SeedWish) -> Option<SeedFact> {
        match wish {
            SeedWish::Open { id, shape } => {
                Some(SeedFact::Opened(id, self.open(&id, shape).map_err(said)))
            }
            SeedWish::Write { id, piece } => {
                let outcome = self.write(&id, &piece).map_err(said);
                Some(SeedFact::Written(id, piece.index, outcome))
            }
            SeedWish::Finish { id, shape } => {
                Some(SeedFact::Finished(id, self.finish(&id, shape).map_err(said)))
            }
            SeedWish::Read { id, shape, index, link } => {
                let piece = self.read(&id, shape, index).inspect_err(|error| {
                    tracing::error!(%id, index, %error, "a piece of a seed cannot be read");
                });
                Some(SeedFact::Read(link, id, piece.ok().map(Box::new)))
            }
            SeedWish::Remove(id) => {
                self.remove(&id);
                None
            }
        }
    }

    /// Begins to take a content in.
    pub(crate) fn upload(&self) -> io::Result<Upload> {
        fs::create_dir_all(&self.directory)?;
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(io::Error::other)?;
        let path = self.directory.join(format!("upload-{}", u64::from_be_bytes(name)));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let (rest, hashes) = (Vec::with_capacity(limits::SEED_PIECE_BYTES), Vec::new());
        Ok(Upload { shelf: self.clone(), path, file, rest, hashes, size: 0 })
    }

    /// Opens a content that is all here.
    pub(crate) fn content(&self, id: &SeedId) -> io::Result<File> {
        File::open(self.path(id, CONTENT))
    }

    /// Says whether all of a content is here.
    pub(crate) fn has(&self, id: &SeedId) -> bool {
        self.path(id, CONTENT).exists()
    }

    /// Forgets a content.
    pub(crate) fn remove(&self, id: &SeedId) {
        for kind in [CONTENT, TREE, PART, HASHES] {
            let path = self.path(id, kind);
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(path = %path.display(), %error, "cannot be removed"),
            }
        }
    }

    /// Finds which pieces a crash left, or begins.
    fn open(&self, id: &SeedId, shape: Shape) -> io::Result<Pieces> {
        fs::create_dir_all(&self.directory)?;
        let mut held = Pieces::none(shape.pieces());
        if self.has(id) {
            // It was finished, and nobody could be told.
            fs::rename(self.path(id, CONTENT), self.path(id, PART))?;
        }
        let (mut part, mut hashes) = (self.writable(id, PART)?, self.writable(id, HASHES)?);
        part.set_len(shape.size)?;
        hashes.set_len(u64::from(shape.pieces()) * HASH)?;
        hashes.rewind()?;
        let mut told = BufReader::new(&mut hashes);
        let mut bytes = vec![0; limits::SEED_PIECE_BYTES];
        for index in 0..shape.pieces() {
            let mut hash = [0; 32];
            told.read_exact(&mut hash)?;
            if hash == [0; 32] {
                continue;
            }
            let bytes = bytes.get_mut(..shape.piece_bytes(index)).unwrap_or_default();
            part.seek(SeekFrom::Start(offset(index)))?;
            part.read_exact(bytes)?;
            if hash_of(shape, index, bytes) == hash {
                held.add(index);
            }
        }
        Ok(held)
    }

    fn write(&self, id: &SeedId, piece: &SeedPiece) -> io::Result<()> {
        let existing = |kind| OpenOptions::new().write(true).open(self.path(id, kind));
        let SeedPiece { index, bytes, .. } = piece;
        let mut part = existing(PART)?;
        part.seek(SeekFrom::Start(offset(*index)))?;
        part.write_all(bytes)?;
        // Of a content of one piece the hash is another one; it is looked at again in the end.
        let whole = piece.path.is_empty();
        let hash = if whole { whole_hash(bytes) } else { piece_hash(*index, bytes) };
        let mut hashes = existing(HASHES)?;
        hashes.seek(SeekFrom::Start(u64::from(*index) * HASH))?;
        hashes.write_all(&hash)
    }

    /// Looks at all of a content once more, and keeps it.
    fn finish(&self, id: &SeedId, shape: Shape) -> io::Result<()> {
        let part = self.writable(id, PART)?;
        let mut content = BufReader::with_capacity(1 << 20, &part);
        let mut hashes = Vec::with_capacity(shape.pieces() as usize);
        let mut bytes = vec![0; limits::SEED_PIECE_BYTES];
        for index in 0..shape.pieces() {
            let bytes = bytes.get_mut(..shape.piece_bytes(index)).unwrap_or_default();
            content.read_exact(bytes)?;
            hashes.push(hash_of(shape, index, bytes));
        }
        let tree = Tree::of(hashes);
        if tree.root() != shape.root {
            return Err(io::Error::other(
                "the disk changed what was written: it is looked at again",
            ));
        }
        part.sync_all()?;
        self.write_tree(id, &tree)?;
        fs::rename(self.path(id, PART), self.path(id, CONTENT))?;
        fs::remove_file(self.path(id, HASHES))?;
        self.sync()
    }

    fn read(&self, id: &SeedId, shape: Shape, index: u32) -> io::Result<SeedPiece> {
        let mut content = self.content(id)?;
        let mut bytes = vec![0; shape.piece_bytes(index)];
        content.seek(SeekFrom::Start(offset(index)))?;
        content.read_exact(&mut bytes)?;
        let mut tree = File::open(self.path(id, TREE))?;
        let mut path = Vec::new();
        for place in Tree::path(shape.pieces(), index) {
            let mut hash = [0; 32];
            tree.seek(SeekFrom::Start(place * HASH))?;
            tree.read_exact(&mut hash)?;
            path.push(hash);
        }
        let piece = SeedPiece { index, bytes: Bytes::from(bytes), path };
        // Whoever gets what is damaged here would take us for a liar.
        if shape.proves(&piece) {
            #[cfg(test)]
            let piece = self.bent(piece);
            Ok(piece)
        } else {
            Err(io::Error::other("it is damaged on disk: uproot the seed and plant it again"))
        }
    }

    /// In tests a node whose directory says so is a liar.
    #[cfg(test)]
    fn bent(&self, piece: SeedPiece) -> SeedPiece {
        if !self.directory.with_file_name("lies").exists() {
            return piece;
        }
        let bytes = piece.bytes.iter().map(|it| it ^ 1).collect::<Vec<u8>>();
        SeedPiece { bytes: bytes.into(), ..piece }
    }

    /// Removes what a crash left of contents that nobody decided on; before anybody can hand us one.
    pub(crate) fn keep_only(&self, ids: &[SeedId]) -> io::Result<()> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            let wanted = ids.iter().any(|id| {
                name.strip_prefix(id.to_string().as_str()).is_some_and(|rest| rest.starts_with('.'))
            });
            if !wanted {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn write_tree(&self, id: &SeedId, tree: &Tree) -> io::Result<()> {
        let mut file = File::create(self.path(id, TREE))?;
        file.write_all(tree.hashes().as_flattened())?;
        file.sync_all()
    }

    fn writable(&self, id: &SeedId, kind: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).open(self.path(id, kind))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn path(&self, id: &SeedId, kind: &str) -> PathBuf {
        self.directory.join(format!("{id}.{kind}"))
    }
}

impl Upload {
    /// Takes more of the content.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let room = limits::SEED_PIECE_BYTES - self.rest.len();
            let (part, behind) = bytes.split_at(room.min(bytes.len()));
            // A full piece is hashed when it is known whether it is the only one.
            self.rest.extend_from_slice(part);
            bytes = behind;
            if self.rest.len() == limits::SEED_PIECE_BYTES && !bytes.is_empty() {
                self.hash_rest();
            }
        }
        if self.rest.len() == limits::SEED_PIECE_BYTES
            && limits::SEED_PIECE_BYTES as u64 != self.size
        {
            self.hash_rest();
        }
        Ok(())
    }

    /// How much came so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Keeps it under its name. Says how it hashes, and whether it is new here.
    pub(crate) fn keep(mut self) -> io::Result<(Shape, bool)> {
        if self.hashes.is_empty() {
            self.hashes.push(whole_hash(&self.rest));
        } else if !self.rest.is_empty() {
            self.hash_rest();
        }
        let tree = Tree::of(std::mem::take(&mut self.hashes));
        let shape = Shape { size: self.size, root: tree.root() };
        let id = shape.id();
        if self.shelf.has(&id) {
            return Ok((shape, false));
        }
        self.file.sync_all()?;
        self.shelf.write_tree(&id, &tree)?;
        fs::rename(&self.path, self.shelf.path(&id, CONTENT))?;
        self.shelf.sync()?;
        Ok((shape, true))
    }

    fn hash_rest(&mut self) {
        let index = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        self.hashes.push(piece_hash(index, &self.rest));
        self.rest.clear();
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Kept, it has another name by now.
        let _gone = fs::remove_file(&self.path);
    }
}

fn hash_of(shape: Shape, index: u32, bytes: &[u8]) -> [u8; 32] {
    if shape.pieces() == 1 { whole_hash(bytes) } else { piece_hash(index, bytes) }
}

fn said(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("the disk is full ({error}): make room, it goes on by itself")
        }
        _ => error.to_string(),
    }
}

const CONTENT: &str = "content";
const TREE: &str = "tree";
const PART: &str = "part";
const HASHES: &str = "hashes";
/// Bytes of a hash on disk.
const HASH: u64 = 32;

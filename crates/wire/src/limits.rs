//! The most a stranger may make us hold, in one place.
//!
//! A decoder checks the length of its input first, then the counts below. The schema is flat, so
//! what one frame can make us allocate is at most about sixty times its length.

/// Encoded record body, default of a network; a network file may raise it to [`BODY_BYTES_CEILING`].
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The most a network file may allow for a record body.
pub const BODY_BYTES_CEILING: usize = 256 * 1024;
/// A body is cut into pieces of so many bytes: with what is around it, a frame that carries one is
/// below 16 KiB. A record of one piece travels whole, a larger one as a head and its pieces.
pub const PIECE_BYTES: usize = 15 * 1024;
/// Pieces of one body.
pub const PIECES_MAX: usize = BODY_BYTES_CEILING.div_ceil(PIECE_BYTES);
/// Heads in one push.
pub const HEADS_MAX: usize = 16;
/// One encoded frame.
pub const FRAME_BYTES_MAX: usize = 320 * 1024;
/// Records in one push or one answer.
pub const RECORDS_PER_FRAME_MAX: usize = 1_024;
/// Signed bytes we put into one push or answer before starting the next frame: with what is around
/// them no frame is above 16 KiB, so that an alert never waits long behind one. A record that is
/// larger travels alone.
pub const RECORDS_BYTES_TARGET: usize = 12 * 1024;
/// Ranges in one comparison.
pub const RANGES_MAX: usize = 256;
/// Subtrees or items that describe one range.
pub const RANGE_PARTS_MAX: usize = 256;
/// Notes on checkpoints in one frame.
pub const NOTES_MAX: usize = 256;
/// Symbols, or counters, in one step of an exchange of sketches.
pub const SKETCH_BYTES_MAX: usize = 8 * 1024;
/// Ids named in one step of it.
pub const SKETCH_IDS_MAX: usize = 1_024;
/// Records in one chunk of a state, and their bytes.
pub const CHUNK_RECORDS_MAX: usize = 512;
/// See [`CHUNK_RECORDS_MAX`].
pub const CHUNK_BYTES_MAX: usize = 256 * 1024;
/// Parts into which what is larger is cut at once.
pub const CHUNK_PARTS_MAX: usize = 128;
/// Nodes that may stand between two that send each other letters.
pub const DIRECT_HOPS_MAX: u8 = 4;
/// What a letter says: with what is around it, it travels in one frame below 16 KiB.
pub const LETTER_BYTES_MAX: usize = 12 * 1024;
/// The same, signed, padded and sealed.
pub const LETTER_SEALED_BYTES_MAX: usize = LETTER_BYTES_MAX + 1_024;
/// A seed is fetched in pieces of so many bytes: with what shows that it is one, a piece travels in one frame
/// below 16 KiB.
pub const SEED_PIECE_BYTES: usize = 8 * 1024;
/// The content of a seed.
pub const SEED_BYTES_MAX: u64 = 1 << 30;
/// Hashes that show that a piece belongs to a seed.
pub const SEED_PATH_MAX: usize = 17;
/// Pieces of a seed asked for at once.
pub const SEED_WISH_MAX: usize = 64;
/// Terms of a transfer.
pub const TERMS_BYTES_MAX: usize = 512;
/// Keys asked for at once.
pub const KEYS_MAX: usize = 1_024;
/// Profiles handed over in one peer exchange (requirement 7).
pub const PEERS_MAX: usize = 50;
/// Encoded body of a profile: fifty of them fit into a frame.
pub const PROFILE_BYTES_MAX: usize = 4 * 1024;
/// Encoded body of a contradiction: the first pieces of two records, and the hashes of the others.
pub const CONTRADICTION_BYTES_MAX: usize = 2 * (PIECE_BYTES + 32 * PIECES_MAX) + 512;
/// Addresses in one invitation: its link is read by a camera.
pub const INVITE_ADDRESSES_MAX: usize = 4;
/// Addresses in one profile.
pub const ADDRESSES_MAX: usize = 8;
/// One address.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// Capabilities in a hello or profile, and the bytes of each.
pub const CAPABILITIES_MAX: usize = 16;
/// One capability, agent or free text of a goodbye.
pub const TEXT_BYTES_MAX: usize = 128;
/// A topic or collection.
pub const LABEL_BYTES_MAX: usize = 128;
/// The name of an entry.
pub const NAME_BYTES_MAX: usize = 1_024;
/// Item hashes in one message.
pub const ITEM_HASHES_MAX: usize = 256;
/// Hops a record may still travel: design A's value, clamped at every door.
pub const TTL_MAX: u8 = 10;
/// Hops a record may still travel on links; a tree is deeper than a flood.
pub const HOPS_MAX: u8 = 64;
/// Short ids or trees in one part of a push.
pub const SHORT_IDS_MAX: usize = 512;
/// How far ahead of our clock a record may be.
pub const CLOCK_AHEAD_MS_MAX: u64 = 60_000;
/// The longest life of a message: 30 days, in milliseconds.
pub const MESSAGE_LIFE_MS_MAX: u64 = 30 * 24 * 3_600_000;
/// Nodes named in `seen_by` that we look at; the rest is ignored.
pub const SEEN_BY_MAX: usize = 256;

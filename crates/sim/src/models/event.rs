//! What happens in a model, small enough for millions to wait.

/// Something that happens at one node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Event {
    pub(crate) to: u32,
    pub(crate) from: u32,
    pub(crate) what: What,
}

/// What happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum What {
    /// A message with its payload; how many links it crossed.
    Payload { message: u32, hops: u16 },
    /// A peer says what it has; how many links the first of them crossed.
    Have { ids: Ids, hops: u16 },
    /// A peer asks for these.
    Want(Ids),
    /// A peer has these and wants no further copy.
    DontWant(u32),
    /// A peer wants payloads on this link, and perhaps this one at once.
    Graft(Option<u32>),
    /// A peer wants no payloads on this link.
    Prune,
    /// The beat of a node that has one.
    Heartbeat,
    /// A node waited long enough for a message it heard of.
    Overdue(u32),
    /// The node publishes a message.
    Publish(u32),
    /// A fault of the schedule begins; `to` is nobody.
    Kill(u32),
    /// The node notices that the peer `from` is gone.
    Lost,
}

/// Up to 64 messages with neighbouring numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ids {
    base: u32,
    mask: u64,
}

impl Ids {
    pub(crate) fn one(message: u32) -> Self {
        Self { base: message, mask: 1 }
    }

    /// Takes one more in, unless it is too far from the first.
    pub(crate) fn with(self, message: u32) -> Option<Self> {
        let place = message.checked_sub(self.base)?;
        (place < u64::BITS).then(|| Self { mask: self.mask | 1 << place, ..self })
    }

    pub(crate) fn len(self) -> u32 {
        self.mask.count_ones()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(move |it| self.mask >> it & 1 == 1).map(move |it| self.base + it)
    }
}

/// No node.
pub(crate) const NOBODY: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_a_window_of_64() {
        let ids = Ids::one(100).with(163).unwrap();
        assert_eq!(ids.iter().collect::<Vec<_>>(), [100, 163]);
        assert_eq!(ids.len(), 2);
        assert!(ids.with(164).is_none() && ids.with(99).is_none());
    }
}

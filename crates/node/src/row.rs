//! Rows on disk: lines of text, a word and its value.

use std::str::FromStr;

/// Reads `word value` lines in their order.
pub(crate) struct Words<'a>(std::str::Lines<'a>);

impl<'a> Words<'a> {
    /// Begins, if the first line is this one.
    pub(crate) fn begin(bytes: &'a [u8], version: &str) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.lines();
        (lines.next()? == version).then_some(Self(lines))
    }

    /// Returns what stands behind a word, which must be next.
    pub(crate) fn text(&mut self, word: &str) -> Option<&'a str> {
        self.0.next()?.strip_prefix(word)?.strip_prefix(' ')
    }

    /// The same, read.
    pub(crate) fn value<T: FromStr>(&mut self, word: &str) -> Option<T> {
        self.text(word)?.parse().ok()
    }

    /// Says that nothing follows.
    pub(crate) fn end(mut self) -> Option<()> {
        self.0.next().is_none().then_some(())
    }
}

/// Says whether a text fits on one line.
pub(crate) fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

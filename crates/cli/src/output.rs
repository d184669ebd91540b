//! The only file that prints: data to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where a command's words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// `json`: whether standard output carries JSON only.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether the caller asked for JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Writes one line of data.
    pub(crate) fn data(self, text: impl Display) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Writes data as it is, without a line end.
    pub(crate) fn raw(self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Writes one JSON document on one line.
    pub(crate) fn document(self, value: &impl Serialize) -> anyhow::Result<()> {
        self.data(serde_json::to_string(value)?)
    }

    /// Tells the person something that is not data.
    pub(crate) fn note(self, text: impl Display) {
        // Nobody is there to hear that standard error is closed.
        let _closed = writeln!(io::stderr().lock(), "{text}");
    }

    /// Tells a story as it happens: it is the data unless JSON was asked for.
    pub(crate) fn tell(self, text: impl Display) -> anyhow::Result<()> {
        if self.json {
            self.note(text);
            return Ok(());
        }
        self.data(text)
    }

    /// Says what went wrong.
    pub(crate) fn error(self, error: &anyhow::Error) {
        self.note(format_args!("trellis: {error:#}"));
    }

    /// Returns a bar of `total` bytes on a terminal, and nothing visible elsewhere.
    pub(crate) fn progress(self, total_bytes: u64) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() || total_bytes == 0 {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(
            "{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
        );
        let bar = ProgressBar::new(total_bytes);
        style.map_or(bar.clone(), |style| bar.with_style(style))
    }

    /// Returns a bar over virtual time on a terminal, and nothing visible elsewhere. Its length and
    /// position are virtual milliseconds.
    pub(crate) fn clock(self) -> ProgressBar {
        if !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(
            "{msg:12} {wide_bar} {human_pos} of {human_len} ms, {elapsed}",
        );
        let bar = ProgressBar::new(0);
        style.map_or(bar.clone(), |style| bar.with_style(style))
    }
}

/// Says whether the reader of our output went away, which is how `trellis list | head` ends.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

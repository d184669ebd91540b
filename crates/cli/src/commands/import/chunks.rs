//! Lines of a file, checked and put together into requests.

use std::fmt;
use std::io::{self, BufRead, Read as _};

use daemon::api::types::ImportLine;
use wire::limits;

/// Requests' worth of lines out of any reader. Ends with the first error.
pub(super) struct Chunks {
    reader: Box<dyn BufRead + Send>,
    line: u64,
    /// A line that did not fit into the chunk before.
    held: Option<(u64, String)>,
    ended: bool,
}

/// Lines for one request.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    text: String,
    /// The line in the file of each line in `text`: empty lines are left out.
    numbers: Vec<u64>,
}

/// A line that cannot be imported.
#[derive(Debug)]
pub(super) enum BadLine {
    /// The reader failed.
    Read(u64, io::Error),
    /// It is not what it must be.
    Broken(u64, String),
}

impl Chunks {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, line: 0, held: None, ended: false }
    }

    /// Returns the next line that is not empty, with its number.
    fn next_line(&mut self) -> Result<Option<(u64, String)>, BadLine> {
        loop {
            let mut bytes = Vec::new();
            let number = self.line + 1;
            let mut bounded = self.reader.by_ref().take(LINE_BYTES_MAX + 1);
            let read = bounded.read_until(b'\n', &mut bytes);
            let read = read.map_err(|error| BadLine::Read(number, error))?;
            if read == 0 {
                return Ok(None);
            }
            self.line = number;
            if bytes.len() as u64 > LINE_BYTES_MAX {
                let why = format!("longer than {LINE_BYTES_MAX} bytes");
                return Err(BadLine::Broken(number, why));
            }
            let text = String::from_utf8(bytes)
                .map_err(|error| BadLine::Broken(number, format!("not UTF-8 text: {error}")))?;
            let text = text.trim_start_matches('\u{feff}').trim();
            if !text.is_empty() {
                check(text).map_err(|why| BadLine::Broken(number, why))?;
                return Ok(Some((number, text.to_owned())));
            }
        }
    }

    fn next_chunk(&mut self) -> Result<Option<Chunk>, BadLine> {
        let mut chunk = Chunk::default();
        loop {
            let next = match self.held.take() {
                Some(held) => Some(held),
                None => self.next_line()?,
            };
            let Some((number, line)) = next else {
                self.ended = true;
                return Ok((!chunk.numbers.is_empty()).then_some(chunk));
            };
            if !chunk.numbers.is_empty() && !chunk.has_room(&line) {
                self.held = Some((number, line));
                return Ok(Some(chunk));
            }
            chunk.push(number, &line);
        }
    }
}

impl Iterator for Chunks {
    type Item = Result<Chunk, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let chunk = self.next_chunk().transpose();
        self.ended |= matches!(chunk, Some(Err(_)));
        chunk
    }
}

impl Chunk {
    fn push(&mut self, number: u64, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.numbers.push(number);
    }

    fn has_room(&self, line: &str) -> bool {
        self.numbers.len() < CHUNK_LINES_MAX && self.text.len() + line.len() < CHUNK_BYTES_MAX
    }

    /// Returns the body of the request.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the number of its first line in the file.
    pub(super) fn first_line(&self) -> u64 {
        self.numbers.first().copied().unwrap_or_default()
    }

    /// Returns the number of its last line in the file.
    pub(super) fn last_line(&self) -> u64 {
        self.numbers.last().copied().unwrap_or_default()
    }

    /// Returns about how much of the file it is.
    pub(super) fn bytes_read(&self) -> u64 {
        self.text.len() as u64
    }

    /// Turns the first `line N` of the node's message, which counts within the request, into the
    /// line of the file.
    pub(super) fn in_lines_of_file(&self, message: &str) -> String {
        let Some((before, rest)) = message.split_once("line ") else {
            let (first, last) = (self.first_line(), self.last_line());
            return format!("lines {first}-{last}: {message}");
        };
        let digits = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
        let index = rest[..digits].parse::<usize>().ok().and_then(|it| it.checked_sub(1));
        match index.and_then(|index| self.numbers.get(index)) {
            Some(number) => format!("{before}line {number}{}", &rest[digits..]),
            None => message.to_owned(),
        }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(number, why) => write!(f, "line {number}: {why}"),
            Self::Read(number, error) => write!(f, "line {number} could not be read: {error}"),
        }
    }
}

fn check(line: &str) -> Result<(), String> {
    let parsed: ImportLine = serde_json::from_str(line).map_err(|error| {
        // The parser saw one line: its own line number would contradict ours.
        let why = error.to_string();
        let why = why.rsplit_once(" at line").map_or(why.as_str(), |(why, _)| why);
        let column = error.column();
        format!("{why} at column {column}; a line is {{\"name\": .., \"value\": ..}}")
    })?;
    let bytes = parsed.name.len();
    let max = limits::NAME_BYTES_MAX;
    if bytes == 0 || max < bytes || parsed.name.contains(char::is_control) {
        return Err(format!("a name is 1 to {max} bytes of text without control characters"));
    }
    if line.len() > limits::BODY_BYTES_CEILING {
        let max = limits::BODY_BYTES_CEILING;
        return Err(format!("{} bytes are more than any network takes ({max})", line.len()));
    }
    Ok(())
}

/// Lines in one request.
const CHUNK_LINES_MAX: usize = 1_000;
/// Bytes in one request.
const CHUNK_BYTES_MAX: usize = 2 * 1024 * 1024 - 1024;
/// A line longer than any entry can be is not read to its end.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;

//! Server-sent events: bytes as they arrive become events.

/// One event of a stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Event {
    /// What `Last-Event-ID` may say later; `None` where the event has none.
    pub(crate) id: Option<u64>,
    /// The kind.
    pub(crate) kind: String,
    /// The data; lines are joined.
    pub(crate) data: String,
}

/// Cuts a stream into events. Comments (keep-alives) and unknown fields are skipped.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
    event: Event,
}

impl Parser {
    /// Takes the next bytes; returns the events they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            events.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        events
    }

    /// Says whether what is unfinished is longer than any event of a node can be.
    pub(crate) fn is_overlong(&self) -> bool {
        self.rest.len() + self.event.data.len() > EVENT_BYTES_MAX
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.kind.is_empty() || !event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" if self.event.data.is_empty() => value.clone_into(&mut self.event.data),
            "data" => {
                self.event.data.push('\n');
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.kind),
            "id" => self.event.id = value.parse().ok(),
            _ => {}
        }
        None
    }
}

/// A record body is at most 256 KiB; escaping makes six bytes of one at worst.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

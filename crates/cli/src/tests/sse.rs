//! Event streams, however they are cut.

use crate::sse::{Event, Parser};

const STREAM: &[u8] = b": keep-alive\n\nid: 7\nevent: message\ndata: {\"a\":1}\n\nevent: bye\r\ndata:x\r\ndata: y\r\n\r\n";

fn event(id: Option<u64>, kind: &str, data: &str) -> Event {
    Event { id, kind: kind.to_owned(), data: data.to_owned() }
}

#[test]
fn events_are_the_same_wherever_the_stream_is_cut() {
    let expected = [event(Some(7), "message", "{\"a\":1}"), event(None, "bye", "x\ny")];
    for cut in 0..=STREAM.len() {
        let mut parser = Parser::default();
        let mut events = parser.feed(&STREAM[..cut]);
        events.extend(parser.feed(&STREAM[cut..]));
        assert_eq!(events, expected, "cut at {cut}");
    }
}

#[test]
fn an_event_without_end_is_noticed() {
    let mut parser = Parser::default();
    for _ in 0..5 {
        parser.feed(&vec![b'x'; 1024 * 1024]);
    }
    assert!(parser.is_overlong());
}

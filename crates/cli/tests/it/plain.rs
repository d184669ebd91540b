//! Plain HTTP/1.1 as any stranger speaks it: one request per connection, both ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Checks status and one field, as in "accepted" or a stable code.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, field: &str, value: &str) {
        let found = self.json();
        assert_eq!((self.status, &found[field]), (status, &Value::from(value)), "{found}");
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").ok_or(format!("no answer: {text:?}"))?;
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Ok(Self { status: status.ok_or(format!("no status: {head:?}"))?, body: body.to_owned() })
    }
}

/// What a client asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) body: String,
}

/// Asks for a path.
pub(crate) fn get(url: &str, path: &str) -> Result<Answer, String> {
    let host = host_of(url);
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    exchange(url, head.as_bytes())
}

/// Posts JSON.
pub(crate) fn post(url: &str, path: &str, body: &[u8]) -> Result<Answer, String> {
    let (host, length) = (host_of(url), body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    exchange(url, &[head.as_bytes(), body].concat())
}

/// Sends any bytes and reads to the end of what comes back.
pub(crate) fn exchange(url: &str, request: &[u8]) -> Result<Answer, String> {
    let mut stream = connect(url)?;
    stream.write_all(request).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    // A server that refuses early may reset the connection behind its answer.
    read.map(|_| ())
        .or_else(|error| if bytes.is_empty() { Err(error) } else { Ok(()) })
        .map_err(|error| error.to_string())?;
    Answer::parse(&bytes)
}

pub(crate) fn connect(url: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(host_of(url)).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(ANSWER_MAX)).map_err(|error| error.to_string())?;
    Ok(stream)
}

/// Reads one request, as a server. `None` for who connects and says nothing of sense.
pub(crate) fn read_request(stream: &TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.rsplit_once(' ')?.0.to_owned();
    Some(Request { line, body: String::from_utf8(body).ok()? })
}

/// Answers one request, as a server.
pub(crate) fn write_answer(mut stream: &TcpStream, status: &str, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    // The client may be gone.
    let _gone = stream.write_all(head.as_bytes());
}

fn host_of(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Longer than any patience of the node's own.
const ANSWER_MAX: Duration = Duration::from_secs(40);

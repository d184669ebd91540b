//! Lines become requests, and keep their numbers.

use super::*;

fn chunks(text: &str) -> Vec<Result<Chunk, BadLine>> {
    Chunks::new(Box::new(io::Cursor::new(text.to_owned().into_bytes()))).collect()
}

fn line(name: usize) -> String {
    format!("{{\"name\":\"n{name}\",\"value\":{name}}}\n")
}

#[track_caller]
fn complaint(text: &str) -> String {
    chunks(text).pop().unwrap().unwrap_err().to_string()
}

#[test]
fn a_request_holds_at_most_a_thousand_lines() {
    let text: String = (0..2_500).map(line).collect();
    let sizes: Vec<usize> =
        chunks(&text).iter().map(|it| it.as_ref().unwrap().numbers.len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[test]
fn a_request_stays_under_two_mebibytes_and_loses_no_line() {
    let long = format!("{{\"name\":\"n\",\"value\":\"{}\"}}\n", "x".repeat(200_000));
    let text = long.repeat(25);
    let parts = chunks(&text);
    assert!(parts.iter().all(|it| it.as_ref().unwrap().text.len() < 2 * 1024 * 1024));
    let numbers: Vec<u64> = parts.into_iter().flat_map(|it| it.unwrap().numbers).collect();
    assert_eq!(numbers, (1..=25).collect::<Vec<_>>());
}

#[test]
fn a_broken_line_is_named_by_its_line_in_the_file() {
    let mut text: String = (0..1_500).map(line).collect();
    text.push_str("\n\n{\"name\": \"x\"\n");
    assert!(complaint(&text).starts_with("line 1503: "), "{}", complaint(&text));
}

#[test]
fn empty_lines_do_not_shift_what_the_node_says() {
    let text = format!("{}\n\n{}", line(1), line(2));
    let chunk = chunks(&text).pop().unwrap().unwrap();
    assert_eq!(chunk.in_lines_of_file("line 2: too large"), "line 4: too large");
    assert_eq!(chunk.in_lines_of_file("no room"), "lines 1-4: no room");
}

#[test]
fn what_is_not_an_entry_is_refused() {
    assert!(complaint("{\"name\":\"\",\"value\":1}").contains("1 to 1024 bytes"));
    assert!(complaint("{\"name\":\"a\",\"value\":1,\"more\":2}").contains("unknown field"));
    assert!(complaint("{\"value\":1}").contains("missing field"));
    assert!(complaint("[]").contains("at column"));
    assert!(complaint(&"x".repeat(2_000_000)).contains("longer than"));
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let reader = io::Cursor::new(b"{\"name\":\"a\xff\",\"value\":1}\n".to_vec());
    let error = Chunks::new(Box::new(reader)).next().unwrap().unwrap_err();
    assert!(error.to_string().starts_with("line 1: not UTF-8 text"));
}

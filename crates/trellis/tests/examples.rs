//! The examples run as people would run them: as programs, against each other.
#![cfg(test)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// An example that runs, and what it says on both of its outputs. Dropping it kills it.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        // Beside this test: `cargo test` builds the examples, too.
        let here = std::env::current_exe().unwrap();
        let built = here.parent().unwrap().parent().unwrap().join("examples").join(name);
        let mut child = Command::new(&built)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let other = sender.clone();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|it| sender.send(it))
        });
        std::thread::spawn(move || {
            BufReader::new(err).lines().map_while(Result::ok).try_for_each(|it| other.send(it))
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines, said: Vec::new() }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line that begins so, and returns the rest of it.
    #[track_caller]
    fn tells(&mut self, beginning: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line begins with {beginning:?}: {:#?}", self.said);
            };
            self.said.push(line.clone());
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    /// Ends its input, upon which it ends well.
    #[track_caller]
    fn ends(mut self) {
        drop(self.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        // The outputs close with the program.
        while let Ok(line) =
            self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.said.push(line);
        }
        assert!(self.child.wait().unwrap().success(), "{:#?}", self.said);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_is_set_at_one_key_value_store_is_read_at_the_other() {
    let place = tempfile::tempdir().unwrap();
    let mut first = Program::start("key_value", &[text(&place.path().join("a"))]);
    let door = first.tells("at ");
    let mut second = Program::start("key_value", &[text(&place.path().join("b")), &door]);
    second.tells("at ");
    first.say("set well/3 {\"litres\": 500}");
    first.tells("ok");
    second.tells("* well/3 was set");
    second.say("get well/3");
    second.tells("{\"litres\":500}");
    second.say("set well/3 dry");
    first.tells("* well/3 was set");
    first.say("get well/3");
    first.tells("\"dry\"");
    first.say("keys");
    first.tells("well/3");
    first.say("del well/3");
    first.tells("ok");
    second.tells("* well/3 was set");
    second.say("get well/3");
    second.tells("(nothing)");
    second.say("set a");
    second.tells("say: set KEY JSON");
    first.ends();
    second.ends();
}

#[test]
fn the_bridge_carries_alerts_both_ways_and_names_what_is_none() {
    let place = tempfile::tempdir().unwrap();
    let mut first = Program::start("alert_bridge", &[text(&place.path().join("a"))]);
    let door = first.tells("at ");
    first.say("{\"text\": \"raised before the other came\", \"severity\": \"notice\"}");
    first.tells("raised ");
    let mut second = Program::start("alert_bridge", &[text(&place.path().join("b")), &door]);
    assert!(second.tells("{").contains("raised before the other came"));
    second.say(
        "{\"text\": \"the dam leaks\", \"severity\": \"critical\", \"evidence\": [\"gauge 7\"]}",
    );
    let shown: serde_json::Value =
        serde_json::from_str(&format!("{{{}", first.tells("{"))).unwrap();
    assert_eq!((&shown["text"], &shown["severity"]), (&"the dam leaks".into(), &"critical".into()));
    assert_eq!(shown["evidence"], serde_json::json!(["gauge 7"]));
    first.say("no alert at all");
    first.tells("not an alert");
    first.say("{\"text\": \"\"}");
    first.tells("not raised");
    first.ends();
    second.ends();
}

#[test]
fn three_agents_find_a_rule_and_a_fourth_who_saw_otherwise_challenges_it() {
    let place = tempfile::tempdir().unwrap();
    let day = |rain_mm: u64, rises: bool| format!("{{\"rain_mm\": {rain_mm}, \"rises\": {rises}}}");
    let usual: Vec<String> = (0..20).map(|mm| day(mm, 10 < mm)).collect();
    let other: Vec<String> = (0..20).map(|mm| day(mm, mm < 10)).collect();
    let observations = |name: &str, days: &[String]| {
        let file = place.path().join(name);
        std::fs::write(&file, days.join("\n")).unwrap();
        file
    };
    let (usual, other) = (observations("usual", &usual), observations("other", &other));
    let start = |name: &str, file: &Path, peer: Option<&str>| {
        let directory = place.path().join(name);
        let mut arguments = vec![text(&directory), text(file)];
        arguments.extend(peer);
        Program::start("rule_agent", &arguments)
    };
    let mut first = start("a", &usual, None);
    let door = first.tells("at ");
    first.tells("committed above 10 mm");
    // The same rule found by another is the same rule; a third has not looked for itself yet.
    let mut second = start("b", &usual, Some(&door));
    let mut third = start("c", &usual, Some(&door));
    let accepted = first.tells("accepted ");
    assert_eq!((second.tells("accepted "), third.tells("accepted ")), (accepted.clone(), accepted));
    let mut fourth = start("d", &other, Some(&door));
    fourth.tells("challenged above 10 mm: right on 1 of 20 days");
    [first, second, third, fourth].into_iter().for_each(Program::ends);
}

const PATIENCE: Duration = Duration::from_secs(60);

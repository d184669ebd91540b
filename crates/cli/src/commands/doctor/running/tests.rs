//! What is made of a node's answers.

use daemon::api::types::{Counters, Messages, Network, State};

use super::super::finding::Verdict;
use super::*;

fn seen() -> Seen {
    let (root, id) = ("00".repeat(32), "11".repeat(32));
    let status = Status {
        waiting: daemon::api::types::WaitingFor::default(),
        schema: "trellis.status/1".to_owned(),
        node: "12D3KooWone".to_owned(),
        network: Network { id, name: "n".to_owned() },
        version: "0.1.0".to_owned(),
        pid: 1,
        started: "2026-11-22T00:00:00Z".to_owned(),
        uptime_s: 5,
        health: Health::Agreeing,
        why: String::new(),
        what_you_can_do: None,
        addresses: Vec::new(),
        http: Some("http://127.0.0.1:1".to_owned()),
        certificate: None,
        listen: Vec::new(),
        api: "http://127.0.0.1:2".to_owned(),
        directory: "d".to_owned(),
        state: State { root: root.clone(), entries: 0, version: 0 },
        messages: Messages { root, count: 0 },
        links: 2,
        agreeing: 2,
        known: 2,
        doors: 0,
        contradictions: 0,
        clock_skew_ms: Some(5),
        discovered: Vec::new(),
        lan: Default::default(),
        joining: None,
        counters: Counters::default(),
    };
    Seen { status, peers: Vec::new(), checkpoints: None, contradictions: Vec::new() }
}

fn verdict(finding: &Finding) -> Verdict {
    let Finding { verdict, mend, .. } = finding;
    let mends = matches!(verdict, Verdict::Warn | Verdict::Fail);
    assert_eq!(mend.is_some(), mends, "what is wrong can be mended: {finding:?}");
    *verdict
}

#[test]
fn a_clock_is_judged_by_its_distance() {
    let cases = [
        (None, Verdict::Unknown),
        (Some(-1_999), Verdict::Pass),
        (Some(2_000), Verdict::Warn),
        (Some(-60_000), Verdict::Fail),
        (Some(86_400_000), Verdict::Fail),
    ];
    for (skew_ms, expected) in cases {
        let mut seen = seen();
        seen.status.clock_skew_ms = skew_ms;
        assert_eq!(verdict(&clock(&seen)), expected, "{skew_ms:?}");
    }
}

#[test]
fn links_and_agreement_are_judged_together_with_health() {
    let cases = [
        (Health::Agreeing, 2, Verdict::Pass, Verdict::Pass),
        (Health::Agreeing, 1, Verdict::Warn, Verdict::Pass),
        (Health::Differing, 3, Verdict::Pass, Verdict::Warn),
        (Health::Isolated, 0, Verdict::Fail, Verdict::Unknown),
        (Health::Alone, 0, Verdict::Warn, Verdict::Unknown),
    ];
    for (health, count, of_links, of_agreement) in cases {
        let mut seen = seen();
        (seen.status.health, seen.status.links) = (health, count);
        assert_eq!(verdict(&links(&seen)), of_links, "{health:?}");
        assert_eq!(verdict(&agreement(&seen)), of_agreement, "{health:?}");
    }
}

#[test]
fn a_key_that_runs_twice_fails_and_others_that_lie_are_named() {
    let mut seen = seen();
    assert_eq!(verdict(&itself(&seen)), Verdict::Pass);
    seen.contradictions = vec!["12D3KooWtwo".to_owned()];
    assert_eq!(verdict(&itself(&seen)), Verdict::Warn);
    seen.contradictions.push(seen.status.node.clone());
    assert_eq!(verdict(&itself(&seen)), Verdict::Fail);
}

#[test]
fn nobody_can_tell_whether_a_door_is_reached_until_somebody_came_in() {
    let mut seen = seen();
    assert_eq!(verdict(&reached(&seen)), Verdict::Unknown);
    seen.status.http = None;
    seen.status.listen = vec!["/ip4/127.0.0.1/tcp/1".to_owned()];
    assert_eq!(verdict(&reached(&seen)), Verdict::Unknown);
    seen.status.listen.clear();
    assert_eq!(verdict(&reached(&seen)), Verdict::Pass);
}

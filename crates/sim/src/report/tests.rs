//! The page holds what was measured, and nothing that a page must not hold.

use super::html;
use crate::models::ReachRow;
use crate::outcome::{Figures, Outcome, Reach, Spread, Standing, Verdict};

fn figures(protocol: &str, standing: Standing, p99: f64, copies: f64) -> Figures {
    Figures {
        protocol: protocol.to_owned(),
        standing,
        messages: 1,
        expected: 1_000,
        delivered: 1_000,
        latency_ms: Spread { p50: p99 / 2.0, p90: p99 * 0.8, p99, max: p99 * 1.1, mean: p99 / 2.0 },
        curve_ms: vec![(p99 / 4.0, 0.1), (p99 / 2.0, 0.5), (p99, 0.99), (p99 * 1.1, 1.0)],
        copies,
        bytes_by_kind: [("push".to_owned(), 1_500_000), ("ping".to_owned(), 9_000)].into(),
        payload_bytes: 1_024_000,
    }
}

fn outcome(nodes: u64, p99: f64) -> Outcome {
    Outcome {
        schema: Outcome::SCHEMA.to_owned(),
        scenario: "warm <10k>".to_owned(),
        about: "a story & its sources".to_owned(),
        nodes,
        ok: true,
        trellis: figures("Trellis", Standing::Real, p99, 1.04),
        compared: vec![
            figures("flooding", Standing::Bound, p99 * 0.97, 11.0),
            figures("gossipsub D=6", Standing::Model, p99 * 1.9, 5.08),
        ],
        reaches: vec![Reach { sent_after_ms: 10.0, curve_ms: vec![(90.0, 0.2), (4_000.0, 1.0)] }],
        ..Outcome::default()
    }
}

#[test]
fn two_runs_make_a_page_with_every_plot() {
    let broken = Outcome {
        ok: false,
        scenario: "kill-90".to_owned(),
        replay: "trellis sim run kill-90 --nodes 7 --seed 3".to_owned(),
        verdicts: vec![Verdict {
            what: "isolated nodes".to_owned(),
            wanted: 0.0,
            seen: Some(4.0),
            ok: false,
        }],
        ..outcome(7, 300.0)
    };
    let reach = [3, 10].map(|ttl| ReachRow {
        nodes: 1_000,
        ttl,
        fanout: 3,
        reached: if ttl == 3 { 0.038 } else { 0.903 },
        without_overlap: 0.039,
        with_any_ttl: 0.9405,
    });
    let page = html(&[outcome(1_000, 230.0), outcome(10_000, 257.0), broken], &reach);
    let wanted = [
        "1 of 3 runs did not keep",
        "isolated nodes is 4, wanted 0",
        "trellis sim run kill-90 --nodes 7 --seed 3",
        "warm &lt;10k&gt;: Trellis reaches 99 % of deliveries in 257 ms",
        "flooding (bound)",
        "gossipsub D=6 (model)",
        "copies received per delivery",
        "sent 10 ms after the fault",
        "from 1000 to 10000 nodes p99 grows 1.12 times",
        "what fanout 3 cannot pass: 94.05 %",
        "Trellis sends 1.47 bytes for each byte",
        "prefers-color-scheme: dark",
    ];
    for text in wanted {
        assert!(page.contains(text), "the page lacks {text:?}");
    }
    // Headline, three distributions, three faults, bytes, growth, reach.
    assert_eq!(page.matches("<svg").count(), 10);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    for text in ["<script", "http-equiv", "href=", "src=", "not drawn", "NaN"] {
        assert!(!page.contains(text), "the page holds {text:?}");
    }
}

#[test]
fn a_page_of_nothing_is_still_a_page() {
    let page = html(&[], &[]);
    assert!(page.contains("All 0 runs") && page.ends_with("</html>\n"));
}

#[test]
fn numbers_are_short_and_exact_enough() {
    use super::plot::shown;
    assert_eq!(shown(0.0), "0");
    assert_eq!(shown(1.5), "1.5");
    assert_eq!(shown(100.0), "100");
    assert_eq!(shown(10_000.0), "10000");
    assert_eq!(shown(1_260_000.0), "1.3M");
    assert_eq!(super::percent(Some(0.999_999)), "99.99990 %");
}

//! What a scenario expects of a run: each expectation is a bound on one figure of the outcome.

use serde::Deserialize;

use crate::outcome::{Figures, Outcome, Stream, Verdict, ratio};

/// Bounds; what is not given is not asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expect {
    /// Deliveries to live honest nodes that happened in the end.
    pub(crate) delivered_percent_min: Option<f64>,
    /// After the last fault and publication, everybody alive has everything.
    pub(crate) complete_within_ms: Option<f64>,
    /// After the last fault and publication, all roots are equal.
    pub(crate) equal_within_ms: Option<f64>,
    /// After the last fault, everything published before it is everywhere.
    pub(crate) caught_up_within_ms: Option<f64>,
    /// Deliveries that a node lacks when the workload ends, on average.
    pub(crate) behind_mean_max: Option<f64>,
    /// States that differ at least, when a wall falls.
    pub(crate) divided_min: Option<f64>,
    pub(crate) p50_ms_max: Option<f64>,
    pub(crate) p99_ms_max: Option<f64>,
    /// In terms of flooding the same links.
    pub(crate) p99_of_flood_max: Option<f64>,
    /// In terms of the direct path.
    pub(crate) p99_of_direct_max: Option<f64>,
    pub(crate) p50_of_direct_max: Option<f64>,
    /// In terms of the gossipsub model with D = 6.
    pub(crate) p99_of_gossipsub_max: Option<f64>,
    pub(crate) p50_of_gossipsub_max: Option<f64>,
    /// Alerts that all nodes show in the end; the same goes for the next two.
    pub(crate) alerts_min: Option<f64>,
    pub(crate) alerts_max: Option<f64>,
    /// Rules that all nodes accept.
    pub(crate) rules_accepted_min: Option<f64>,
    /// Sides that hold a transfer for agreed; each side did say yes, or the run is broken.
    pub(crate) transfers_agreed_min: Option<f64>,
    pub(crate) transfers_ended_min: Option<f64>,
    /// Payloads received for each delivery.
    pub(crate) copies_max: Option<f64>,
    /// Bytes on the wire for each byte of payload delivered.
    pub(crate) wire_max: Option<f64>,
    /// Live honest nodes outside the largest connected part at the end.
    pub(crate) isolated_max: Option<f64>,
    /// Of nodes that sign two records with one number, those that all live honest ones have proof against.
    pub(crate) contradicted_percent_min: Option<f64>,
    /// The first message after the last fault reaches so many of the living within 5 s.
    pub(crate) reached_5s_percent_min: Option<f64>,
    /// What a node sends while nobody publishes.
    pub(crate) idle_bytes_per_s_max: Option<f64>,
    /// Publications that the author's own node refused.
    pub(crate) refused_max: Option<f64>,
    /// The p99 of one stream in terms of another's.
    pub(crate) slower: Vec<Slower>,
}

/// A bound on how much slower one stream is than another.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slower {
    pub(crate) stream: String,
    pub(crate) than: String,
    pub(crate) p99_max: f64,
}

/// Which side of the bound is good.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast,
    AtMost,
}

impl Expect {
    /// Judges a run. What could not be measured is not fulfilled.
    pub(crate) fn judge(&self, outcome: &Outcome) -> Vec<Verdict> {
        let mut judge = Judge(Vec::new());
        self.judge_delivery(outcome, &mut judge);
        self.judge_time(outcome, &mut judge);
        self.judge_cost(outcome, &mut judge);
        judge.0
    }

    /// Returns the bounds that do not speak of a model.
    pub(crate) fn without_models(&self) -> Self {
        Self {
            p99_of_direct_max: None,
            p50_of_direct_max: None,
            p99_of_flood_max: None,
            p99_of_gossipsub_max: None,
            p50_of_gossipsub_max: None,
            ..self.clone()
        }
    }

    /// Returns how long the end of a run may take, milliseconds.
    pub(crate) fn patience_ms(&self) -> f64 {
        let bounds = [
            self.complete_within_ms,
            self.equal_within_ms,
            self.caught_up_within_ms,
            Some(1_000.0),
        ];
        bounds.into_iter().flatten().fold(0.0, f64::max)
    }

    /// Names the models that the bounds speak of.
    pub(crate) fn models(&self) -> Vec<&'static str> {
        let wanted = [
            (DIRECT, self.p99_of_direct_max.or(self.p50_of_direct_max)),
            (FLOOD, self.p99_of_flood_max),
            (GOSSIPSUB, self.p99_of_gossipsub_max.or(self.p50_of_gossipsub_max)),
        ];
        wanted.into_iter().filter(|(_, bound)| bound.is_some()).map(|(name, _)| name).collect()
    }

    fn judge_delivery(&self, outcome: &Outcome, judge: &mut Judge) {
        let percent = |share: Option<f64>| share.map(|it| it * 100.0);
        let end = &outcome.end;
        judge.at_least(
            "delivered, per cent",
            self.delivered_percent_min,
            percent(outcome.trellis.share()),
        );
        judge.at_most(
            "everything everywhere after the last fault, ms",
            self.complete_within_ms,
            end.complete_after_ms,
        );
        judge.at_most(
            "equal roots after the last fault, ms",
            self.equal_within_ms,
            end.equal_after_ms,
        );
        judge.at_most(
            "what was published before the last fault everywhere after it, ms",
            self.caught_up_within_ms,
            end.caught_up_after_ms,
        );
        judge.at_most(
            "deliveries a node lacks when the workload ends",
            self.behind_mean_max,
            Some(end.behind_mean),
        );
        judge.at_least(
            "different states when a wall fell",
            self.divided_min,
            end.divided.map(|it| it as f64),
        );
        let reached = outcome.reaches.first().map(|it| crate::report::within(it, 5_000.0));
        judge.at_least(
            "reached within 5 s by the first message after the fault, per cent",
            self.reached_5s_percent_min,
            percent(reached),
        );
        let count = |it: u64| Some(it as f64);
        judge.at_least("alerts that all show", self.alerts_min, count(end.alerts));
        judge.at_most("alerts that all show", self.alerts_max, count(end.alerts));
        let accepted = count(end.rules_accepted);
        judge.at_least("rules that all accept", self.rules_accepted_min, accepted);
        let agreed = count(end.transfers_agreed);
        judge.at_least("sides of agreed transfers", self.transfers_agreed_min, agreed);
        let ended = count(end.transfers_ended);
        judge.at_least("sides of transfers that ended", self.transfers_ended_min, ended);
        let contradicted = outcome.overlay.contradicted_percent;
        let what = "liars that every node has proof against, per cent";
        judge.at_least(what, self.contradicted_percent_min, contradicted);
        judge.at_most("isolated nodes", self.isolated_max, Some(outcome.overlay.isolated as f64));
        let refused: u64 = outcome.streams.iter().map(|it| it.refused).sum();
        judge.at_most("publications refused", self.refused_max, Some(refused as f64));
    }

    fn judge_time(&self, outcome: &Outcome, judge: &mut Judge) {
        let ours = &outcome.trellis;
        let made = |value: f64| (0 < ours.delivered).then_some(value);
        judge.at_most("p50, ms", self.p50_ms_max, made(ours.latency_ms.p50));
        judge.at_most("p99, ms", self.p99_ms_max, made(ours.latency_ms.p99));
        let of = |name: &str, quantile: fn(&Figures) -> f64| {
            let other = outcome.figures(name).filter(|it| 0 < it.delivered)?;
            ratio(made(quantile(ours))?, quantile(other))
        };
        let p50 = |it: &Figures| it.latency_ms.p50;
        let p99 = |it: &Figures| it.latency_ms.p99;
        judge.at_most("p99 of flooding's", self.p99_of_flood_max, of(FLOOD, p99));
        judge.at_most("p99 of the direct path's", self.p99_of_direct_max, of(DIRECT, p99));
        judge.at_most("p50 of the direct path's", self.p50_of_direct_max, of(DIRECT, p50));
        judge.at_most("p99 of gossipsub's", self.p99_of_gossipsub_max, of(GOSSIPSUB, p99));
        judge.at_most("p50 of gossipsub's", self.p50_of_gossipsub_max, of(GOSSIPSUB, p50));
        for it in &self.slower {
            let p99 = |name: &str| {
                let stream = outcome.streams.iter().find(|it| it.name == name);
                stream.filter(|it| 0 < it.delivered).map(|it: &Stream| it.latency_ms.p99)
            };
            let seen = p99(&it.stream).zip(p99(&it.than)).and_then(|(of, to)| ratio(of, to));
            let what = format!("p99 of {} in terms of {}", it.stream, it.than);
            judge.at_most(&what, Some(it.p99_max), seen);
        }
    }

    fn judge_cost(&self, outcome: &Outcome, judge: &mut Judge) {
        let ours = &outcome.trellis;
        let copies = (0 < ours.delivered).then_some(ours.copies);
        judge.at_most("copies of a payload per delivery", self.copies_max, copies);
        judge.at_most("wire bytes per payload byte", self.wire_max, ours.wire_per_payload());
        judge.at_most(
            "idle bytes per second and node",
            self.idle_bytes_per_s_max,
            outcome.end.idle_bytes_per_s,
        );
    }
}

struct Judge(Vec<Verdict>);

impl Judge {
    fn at_most(&mut self, what: &str, wanted: Option<f64>, seen: Option<f64>) {
        self.judge(what, Bound::AtMost, wanted, seen);
    }

    fn at_least(&mut self, what: &str, wanted: Option<f64>, seen: Option<f64>) {
        self.judge(what, Bound::AtLeast, wanted, seen);
    }

    fn judge(&mut self, what: &str, bound: Bound, wanted: Option<f64>, seen: Option<f64>) {
        let Some(wanted) = wanted else { return };
        let (sign, ok) = match bound {
            Bound::AtLeast => ("at least", seen.is_some_and(|seen| wanted <= seen)),
            Bound::AtMost => ("at most", seen.is_some_and(|seen| seen <= wanted)),
        };
        self.0.push(Verdict { what: format!("{what}: {sign}"), wanted, seen, ok });
    }
}

/// Names of the models that bounds speak of, as `crate::models` spells them.
pub(crate) const DIRECT: &str = "direct";
pub(crate) const FLOOD: &str = "flood";
pub(crate) const GOSSIPSUB: &str = "gossipsub-6";

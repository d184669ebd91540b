//! Alerts: what somebody warns everybody of, and what the people here have done about it.
//!
//! An alert is a message of the class alert (docs/decisions/0019-alerts.md): it is flooded ahead of
//! everything, comparisons bring it to who was away, and it expires. Each node keeps those it heard for
//! its own people, shows them until somebody acknowledges, and shows what others dispute.

mod alert;
mod row;

use std::collections::BTreeMap;

use engine::{Accepted, Now};
use wire::{Class, Content, Message, MessageKind, NodeId, RecordId};

pub use alert::{Acknowledgement, Alert, Dispute};
use row::{Half, Row};

/// What this node heard. Bounds: [`ALERTS_MAX`] and [`BYTES_MAX`], where those that expire first make
/// room; [`DISPUTES_MAX`] of each, where the earliest stay.
#[derive(Debug, Default)]
pub struct Alerts {
    alerts: BTreeMap<RecordId, Alert>,
    /// What is disputed, whether or not the alert is here yet. Bound: [`ALERTS_MAX`].
    disputes: BTreeMap<(RecordId, RecordId), Dispute>,
    bytes: usize,
    /// Rows that differ from what is on disk.
    changed: BTreeMap<String, Option<Vec<u8>>>,
    /// The day whose received alerts are counted, and how many were logged one by one.
    logged: (u64, u64),
}

/// What becomes of a record that is for the people here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// A new alert.
    Alert(RecordId, NodeId),
    /// A new dispute of an alert.
    Dispute(RecordId, NodeId),
}

/// How a heard alert gets into the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Logged {
    /// By itself.
    Alone,
    /// As the word that there are more today.
    More,
    /// Not any more today.
    Unsaid,
}

/// Which alerts to list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AlertQuery {
    /// All, or those that wait.
    pub which: Which,
    /// Behind one of this time and id, the newest first.
    pub after: Option<(u64, RecordId)>,
    /// At most so many.
    pub max: usize,
}

/// Which alerts somebody wants to see.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    /// All that have not expired.
    All,
    /// Those that wait for somebody here.
    Open,
}

/// Why something about alerts cannot be. Nothing changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AlertError {
    /// Somebody takes care already.
    #[error("{0} acknowledged this alert already: it is shown again when that is over")]
    Acknowledged(String),
    /// Said twice.
    #[error("this node disputes that alert already")]
    Disputed,
    /// An acknowledgement that lasts no time, or too long.
    #[error("an acknowledgement lasts from a second to {} days", ACKNOWLEDGED_MS_MAX / 86_400_000)]
    Lasts,
    /// Too large, or not on one line.
    #[error("an alert, with its evidence, has at most {ALERT_BYTES_MAX} bytes of JSON on one line")]
    Text,
    /// No such alert.
    #[error("no alert of that id is here: it may have expired; see `trellis alert list --all`")]
    Unknown,
}

impl Alerts {
    /// Wakes up with the rows that were kept.
    pub fn new(rows: &[(String, Vec<u8>)]) -> Self {
        let mut alerts = Self::default();
        for (name, value) in rows {
            match row::decode(name, value) {
                Some(Row::Alert(alert)) => {
                    alerts.bytes += alert.bytes();
                    alerts.alerts.insert(alert.id, alert);
                }
                Some(Row::Dispute(dispute)) => {
                    alerts.disputes.insert((dispute.alert, dispute.id), dispute);
                }
                None if row::is_ours(name) => {
                    tracing::error!(name, "the row of an alert cannot be read: it is not shown");
                }
                None => {}
            }
        }
        alerts
    }

    /// Takes a record that entered, if it is an alert or a dispute of one (ALERT-2, ALERT-4).
    pub fn hear(&mut self, accepted: &Accepted, now: Now) -> Option<Heard> {
        let Content::Message(message) = &accepted.record.content else { return None };
        // What was carried over from nodes without keys proves nothing.
        if message.bridged.is_some() || ALERT_BYTES_MAX < message.payload.len() {
            return None;
        }
        let half = Half {
            id: accepted.id,
            author: accepted.carried.signed.author,
            created_ms: accepted.record.created.ms(),
            expires_ms: accepted.record.expires_ms,
            payload: message.payload.clone(),
        };
        match (message.topic.as_str(), message.class, message.reply_to) {
            (TOPIC, Class::Alert, _) => self.hear_alert(half, now),
            (DISPUTES, _, Some(alert)) => self.hear_dispute(alert, half),
            _ => None,
        }
    }

    /// Says how one more alert gets into the log: so many a day by themselves, then the word that there
    /// are more (ALERT-3).
    pub fn log(&mut self, now: Now) -> Logged {
        let day = now.unix_ms / DAY_MS;
        if self.logged.0 != day {
            self.logged = (day, 0);
        }
        self.logged.1 += 1;
        match self.logged.1 {
            0..=LOGGED_PER_DAY_MAX => Logged::Alone,
            count if count == LOGGED_PER_DAY_MAX + 1 => Logged::More,
            _ => Logged::Unsaid,
        }
    }

    /// Returns what is here and has not expired, the newest first.
    pub fn all(&self, now: Now) -> Vec<Alert> {
        let live = self.alerts.values().filter(|it| now.unix_ms < it.expires_ms);
        let mut all: Vec<Alert> = live.map(|alert| self.with_disputes(alert)).collect();
        all.sort_by_key(|it| (std::cmp::Reverse(it.created_ms), it.id));
        all
    }

    /// Returns a page of those, without looking closely at the others.
    pub fn page(&self, query: &AlertQuery, now: Now) -> Vec<Alert> {
        let place = |it: &Alert| (std::cmp::Reverse(it.created_ms), it.id);
        let after = query.after.map(|(created_ms, id)| (std::cmp::Reverse(created_ms), id));
        let wanted = |it: &&Alert| {
            let open = match query.which {
                Which::All => true,
                Which::Open => it.is_open(now),
            };
            now.unix_ms < it.expires_ms && open && after.is_none_or(|after| after < place(it))
        };
        let mut found: Vec<&Alert> = self.alerts.values().filter(wanted).collect();
        found.sort_by_key(|it| place(it));
        found.into_iter().take(query.max).map(|it| self.with_disputes(it)).collect()
    }

    /// Returns one.
    pub fn get(&self, id: &RecordId, now: Now) -> Result<Alert, AlertError> {
        let alert = self.alerts.get(id).filter(|it| now.unix_ms < it.expires_ms);
        alert.map(|alert| self.with_disputes(alert)).ok_or(AlertError::Unknown)
    }

    /// Counts those that wait for somebody here.
    pub fn open(&self, now: Now) -> usize {
        self.alerts.values().filter(|it| now.unix_ms < it.expires_ms && it.is_open(now)).count()
    }

    /// Says whether somebody may take care of an alert.
    pub fn check_acknowledge(
        &self,
        id: &RecordId,
        life_ms: u64,
        now: Now,
    ) -> Result<(), AlertError> {
        let alert = self.get(id, now)?;
        if !(1_000..=ACKNOWLEDGED_MS_MAX).contains(&life_ms) {
            return Err(AlertError::Lasts);
        }
        match alert.acknowledged.filter(|it| now.unix_ms < it.until_ms) {
            Some(it) => Err(AlertError::Acknowledged(it.by)),
            None => Ok(()),
        }
    }

    /// Says whether this node may dispute an alert.
    pub fn check_dispute(&self, id: &RecordId, me: &NodeId, now: Now) -> Result<(), AlertError> {
        let alert = self.get(id, now)?;
        let twice = alert.disputes.iter().any(|it| it.author == *me);
        if twice { Err(AlertError::Disputed) } else { Ok(()) }
    }

    /// Notes that somebody takes care; until then it is not shown any more (ALERT-3).
    pub fn acknowledge(&mut self, id: &RecordId, acknowledged: Acknowledgement) {
        if let Some(alert) = self.alerts.get_mut(id) {
            alert.acknowledged = Some(acknowledged);
            self.changed.insert(row::alert_name(id), Some(row::encode_alert(alert)));
        }
    }

    /// Returns the rows that must be on disk with the record that made them.
    pub fn rows(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    fn with_disputes(&self, alert: &Alert) -> Alert {
        let first = (alert.id, RecordId::default());
        let last = (alert.id, wire::Digest([0xff; 32]));
        let disputes = self.disputes.range(first..=last);
        Alert { disputes: disputes.map(|(_, it)| it.clone()).collect(), ..alert.clone() }
    }

    fn hear_alert(&mut self, half: Half, now: Now) -> Option<Heard> {
        let Half { id, author, created_ms, expires_ms, payload } = half;
        if expires_ms <= now.unix_ms || self.alerts.contains_key(&id) {
            return None;
        }
        let (received_ms, acknowledged, disputes) = (now.unix_ms, None, Vec::new());
        let alert = Alert {
            id,
            author,
            created_ms,
            expires_ms,
            received_ms,
            payload,
            acknowledged,
            disputes,
        };
        self.changed.insert(row::alert_name(&id), Some(row::encode_alert(&alert)));
        self.bytes += alert.bytes();
        self.alerts.insert(id, alert);
        self.forget(now);
        self.alerts.contains_key(&id).then_some(Heard::Alert(id, author))
    }

    fn hear_dispute(&mut self, alert: RecordId, half: Half) -> Option<Heard> {
        let Half { id, author, created_ms, expires_ms, payload } = half;
        let dispute = Dispute { id, alert, author, created_ms, expires_ms, payload };
        let first = (alert, RecordId::default())..=(alert, wire::Digest([0xff; 32]));
        // One word of each author, its first; of all of them the earliest.
        let order = |it: &Dispute| (it.created_ms, it.id);
        let known: Vec<&Dispute> = self.disputes.range(first).map(|(_, it)| it).collect();
        let rival = known.iter().find(|it| it.author == author);
        let last = known.iter().max_by_key(|it| order(it)).filter(|_| DISPUTES_MAX <= known.len());
        let gone = match rival.or(last) {
            Some(other) if order(other) <= order(&dispute) => return None,
            Some(other) => Some((other.alert, other.id)),
            None if ALERTS_MAX <= self.disputes.len() => {
                let first = self.disputes.values().min_by_key(|it| (it.expires_ms, it.id))?;
                Some((first.alert, first.id))
            }
            None => None,
        };
        if let Some((alert, id)) = gone {
            self.disputes.remove(&(alert, id));
            self.changed.insert(row::dispute_name(&alert, &id), None);
        }
        self.changed.insert(row::dispute_name(&alert, &id), Some(row::encode_dispute(&dispute)));
        self.disputes.insert((alert, id), dispute);
        Some(Heard::Dispute(alert, author))
    }

    /// Forgets what has expired, and what must make room.
    fn forget(&mut self, now: Now) {
        let old = self.alerts.values().filter(|it| it.expires_ms <= now.unix_ms);
        let mut gone: Vec<RecordId> = old.map(|it| it.id).collect();
        let left = self.alerts.len() - gone.len();
        if ALERTS_MAX < left || BYTES_MAX < self.bytes {
            let mut first: Vec<_> = self.alerts.values().collect();
            first.sort_by_key(|it| (it.expires_ms, it.id));
            let (mut count, mut bytes) = (self.alerts.len(), self.bytes);
            let full = first.iter().take_while(|it| {
                let full = ALERTS_MAX < count || BYTES_MAX < bytes;
                (count, bytes) = (count - 1, bytes - it.bytes());
                full
            });
            gone.extend(full.map(|it| it.id));
        }
        for id in gone {
            if let Some(alert) = self.alerts.remove(&id) {
                self.bytes -= alert.bytes();
                self.changed.insert(row::alert_name(&id), None);
            }
        }
        let old = self.disputes.values().filter(|it| it.expires_ms <= now.unix_ms);
        for key in old.map(|it| (it.alert, it.id)).collect::<Vec<_>>() {
            self.disputes.remove(&key);
            self.changed.insert(row::dispute_name(&key.0, &key.1), None);
        }
    }
}

/// Makes the message that is an alert; its payload is JSON of one line.
pub fn alert(payload: &bytes::Bytes) -> Result<Message, AlertError> {
    check(payload)?;
    Ok(Message { class: Class::Alert, ..Message::new(TOPIC, payload.clone()) })
}

/// Makes the message that disputes one.
pub fn dispute(alert: RecordId, payload: &bytes::Bytes) -> Result<Message, AlertError> {
    check(payload)?;
    let (kind, reply_to) = (MessageKind::Response, Some(alert));
    Ok(Message { kind, reply_to, ..Message::new(DISPUTES, payload.clone()) })
}

/// Says whether a topic is written by decisions alone.
pub fn is_own_topic(topic: &str) -> bool {
    [TOPIC, DISPUTES].contains(&topic)
}

/// Says whether a text can be one: one line, and not too long.
pub(crate) fn check(payload: &bytes::Bytes) -> Result<(), AlertError> {
    let text = std::str::from_utf8(payload).ok().filter(|it| !it.chars().any(char::is_control));
    match text {
        Some(text) if text.len() <= ALERT_BYTES_MAX => Ok(()),
        Some(_) | None => Err(AlertError::Text),
    }
}

/// The topic of alerts.
pub const TOPIC: &str = "alerts";
/// The topic of what disputes them.
pub const DISPUTES: &str = "alert-disputes";
/// Largest payload of either; a larger one is no alert.
pub const ALERT_BYTES_MAX: usize = 8 * 1024;
/// Alerts kept for the people here, and as many disputes.
pub const ALERTS_MAX: usize = 16_384;
/// Bytes of alerts kept.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Disputes shown of one alert.
pub const DISPUTES_MAX: usize = 64;
/// Longest acknowledgement: 7 days.
pub const ACKNOWLEDGED_MS_MAX: u64 = 7 * DAY_MS;
/// Received alerts that are logged one by one in a day.
pub const LOGGED_PER_DAY_MAX: u64 = 2_000;
const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests;

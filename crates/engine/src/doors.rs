//! Design-A nodes: reached by push over their HTTP doors, believed only after they answered there.
//!
//! Bounds: doors, hints under way, ids remembered. Who makes room: a door that no longer answers;
//! the oldest id. A hint beyond the bound is dropped, never a live door.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use wire::Address;

use crate::random::Random;
use crate::{Config, Now, Time};

#[derive(Debug)]
pub(crate) struct Doors {
    doors: BTreeMap<Address, Door>,
    /// Addresses somebody named, being asked, and the id claimed for them.
    hints: BTreeMap<Address, Option<String>>,
    hints_left: Bucket,
    relays_left: Bucket,
    seen: BTreeMap<String, Time>,
    seen_order: VecDeque<String>,
    doors_max: usize,
    check_ms: u64,
    check_max_ms: u64,
}

/// One design-A node.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) name: String,
    pub(crate) healthy: bool,
    pub(crate) heard_ms: u64,
    pub(crate) rtt_ms: Option<u64>,
    pub(crate) root: String,
    pub(crate) why: Option<String>,
    failures: u32,
    check_at: Time,
    checking: bool,
}

/// Tokens that come back with time.
#[derive(Debug)]
struct Bucket {
    left: u64,
    max: u64,
    every_ms: u64,
    filled: Time,
}

impl Doors {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            doors: BTreeMap::new(),
            hints: BTreeMap::new(),
            hints_left: Bucket::new(10, 2_000),
            relays_left: Bucket::new(100, 50),
            seen: BTreeMap::new(),
            seen_order: VecDeque::new(),
            doors_max: config.doors_max,
            check_ms: config.heartbeat_ms,
            check_max_ms: config.redial_max_ms,
        }
    }

    pub(crate) fn all(&self) -> &BTreeMap<Address, Door> {
        &self.doors
    }

    pub(crate) fn healthy_len(&self) -> usize {
        self.doors.values().filter(|door| door.healthy).count()
    }

    /// Takes an unproven address as a hint (DOOR-4). Says whether to ask there; `from` is who named
    /// it.
    pub(crate) fn hint(
        &mut self,
        address: &Address,
        claimed: Option<String>,
        from: Option<IpAddr>,
        now: Now,
    ) -> bool {
        let allowed = from.is_none_or(|from| may_name(from, address));
        if !allowed || self.hints.contains_key(address) {
            return false;
        }
        if let Some(door) = self.doors.get_mut(address) {
            // One that died and says it is back is asked now, not when its turn comes.
            let ask = !door.healthy && !door.checking && self.hints_left.take(now);
            door.checking |= ask;
            return ask;
        }
        if HINTS_MAX <= self.hints.len() || !self.hints_left.take(now) {
            return false;
        }
        self.hints.insert(address.clone(), claimed);
        true
    }

    /// Notes who answered at an address. Returns whether it is a door we did not have.
    pub(crate) fn found(&mut self, address: &Address, name: &str, asked: bool, now: Now) -> bool {
        let check_at = now.after(self.check_ms);
        if let Some(door) = self.doors.get_mut(address) {
            name.clone_into(&mut door.name);
            *door = Door {
                healthy: true,
                heard_ms: now.unix_ms,
                failures: 0,
                check_at,
                checking: false,
                why: None,
                name: name.to_owned(),
                root: std::mem::take(&mut door.root),
                rtt_ms: door.rtt_ms,
            };
            return false;
        }
        let hint = self.hints.remove(address);
        let claimed_another = hint.flatten().is_some_and(|claimed| claimed != name);
        if claimed_another && !asked || !self.make_room() {
            return false;
        }
        let door = Door {
            name: name.to_owned(),
            healthy: true,
            heard_ms: now.unix_ms,
            rtt_ms: None,
            root: String::new(),
            why: None,
            failures: 0,
            check_at,
            checking: false,
        };
        self.doors.insert(address.clone(), door);
        true
    }

    /// Notes that nobody answers at an address.
    pub(crate) fn failed(&mut self, address: &Address, why: &str, now: Now) {
        self.hints.remove(address);
        if let Some(door) = self.doors.get_mut(address) {
            let wait_ms = (self.check_ms << door.failures.min(16)).min(self.check_max_ms);
            door.failures = door.failures.saturating_add(1);
            door.healthy = false;
            door.checking = false;
            door.why = Some(why.to_owned());
            door.check_at = now.after(wait_ms);
        }
    }

    /// Notes what became of a push.
    pub(crate) fn pushed(&mut self, address: &Address, result: &Result<u64, String>, now: Now) {
        match result {
            Ok(rtt_ms) => {
                if let Some(door) = self.doors.get_mut(address) {
                    door.rtt_ms = Some(*rtt_ms);
                    door.heard_ms = now.unix_ms;
                }
            }
            Err(why) => self.failed(address, why, now),
        }
    }

    /// Notes the root a design-A node claims.
    pub(crate) fn claims_root(&mut self, name: &str, root: &str) {
        for door in self.doors.values_mut().filter(|door| door.name == name) {
            root.clone_into(&mut door.root);
        }
    }

    /// Forgets a hint whose address turned out to be something else.
    pub(crate) fn answered_otherwise(&mut self, address: &Address) {
        self.hints.remove(address);
        self.doors.remove(address);
    }

    /// Returns doors whose health is to be checked.
    pub(crate) fn due(&mut self, now: Now) -> Vec<Address> {
        let due = self.doors.iter_mut();
        let due = due.filter(|(_, door)| !door.checking && door.check_at <= now.time());
        due.map(|(address, door)| {
            door.checking = true;
            address.clone()
        })
        .collect()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.doors.values().filter(|door| !door.checking).map(|door| door.check_at).min()
    }

    /// Returns random healthy doors that do not say they have seen it.
    pub(crate) fn choose(
        &self,
        count: usize,
        seen_by: &[String],
        random: &mut Random,
    ) -> Vec<Address> {
        let open = self.doors.iter().filter(|(_, it)| it.healthy && !seen_by.contains(&it.name));
        random.pick(open.map(|(address, _)| address.clone()).collect(), count)
    }

    /// Says whether an unsigned message's id is known.
    pub(crate) fn has_seen(&self, message_id: &str) -> bool {
        self.seen.contains_key(message_id)
    }

    /// Remembers an unsigned message's id. Called when it was accepted, never when it was refused.
    pub(crate) fn saw(&mut self, message_id: &str, now: Now) {
        if self.seen.insert(message_id.to_owned(), now.time()).is_some() {
            return;
        }
        self.seen_order.push_back(message_id.to_owned());
        while let Some(first) = self.seen_order.front() {
            let old = self.seen.get(first).is_none_or(|at| at.0 + SEEN_MS <= now.mono_ms);
            if !old && self.seen_order.len() <= SEEN_MAX {
                break;
            }
            self.seen.remove(first);
            self.seen_order.pop_front();
        }
    }

    /// Says whether one more unsigned message may be carried under our signature.
    pub(crate) fn may_relay(&mut self, now: Now) -> bool {
        self.relays_left.take(now)
    }

    fn make_room(&mut self) -> bool {
        if self.doors.len() < self.doors_max {
            return true;
        }
        let dead = self.doors.iter().filter(|(_, door)| !door.healthy);
        let dead = dead.max_by_key(|(_, door)| door.failures).map(|(address, _)| address.clone());
        dead.is_some_and(|address| self.doors.remove(&address).is_some())
    }
}

impl Bucket {
    fn new(max: u64, every_ms: u64) -> Self {
        Self { left: max, max, every_ms, filled: Time(0) }
    }

    fn take(&mut self, now: Now) -> bool {
        let gained = now.mono_ms.saturating_sub(self.filled.0) / self.every_ms;
        if 0 < gained {
            self.left = self.left.saturating_add(gained).min(self.max);
            self.filled = Time(self.filled.0 + gained * self.every_ms);
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

/// A stranger on the internet may not make us knock at doors of our own network (DOOR-6).
fn may_name(from: IpAddr, address: &Address) -> bool {
    let (host, _) = address.host_port();
    let host = host.trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(ip) => is_public(ip) || !is_public(from),
        Err(_) => !host.ends_with("localhost") || !is_public(from),
    }
}

/// Says whether an address can be reached across the internet.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

/// Announced addresses being asked at once.
const HINTS_MAX: usize = 16;
/// Ids of unsigned messages remembered.
const SEEN_MAX: usize = 10_000;
/// How long: design A's 300 s.
const SEEN_MS: u64 = 300_000;

//! Design-A nodes: reached by push over their HTTP doors, believed only after they answered there.
//!
//! Bounds: doors, hints under way, ids remembered. Who makes room: a door that no longer answers
//! and that the operator did not ask for; the oldest id. A hint beyond the bound is dropped, never
//! a live door.

mod bucket;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use wire::{Address, Bridged, Digest};

use crate::memory::Memory;
use crate::random::Random;
use crate::reach::{Reach, reach, reach_of};
use crate::{Config, Now, Time};
use bucket::{Bucket, Buckets};

#[derive(Debug)]
pub(crate) struct Doors {
    doors: BTreeMap<Address, Door>,
    /// Addresses somebody named, being asked, and the id claimed for them.
    hints: BTreeMap<Address, Option<String>>,
    hints_left: Buckets,
    relays_left: Bucket,
    /// Hints that were taken.
    hinted: Memory,
    /// Unsigned messages that were carried, and messages of ours that may come back unsigned.
    /// Apart from the hints, which are free: nobody can fill this one without being carried.
    carried: Memory,
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
    /// Whether the operator named it.
    asked: bool,
}

impl Doors {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            doors: BTreeMap::new(),
            hints: BTreeMap::new(),
            hints_left: Buckets::new(Bucket::new(30, 500)),
            relays_left: Bucket::new(100, 50),
            hinted: Memory::default(),
            carried: Memory::default(),
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
        from: IpAddr,
        now: Now,
    ) -> bool {
        if !may_name(from, address) || self.hints.contains_key(address) {
            return false;
        }
        if let Some(door) = self.doors.get_mut(address) {
            // One that died and says it is back is asked now, not when its turn comes.
            let ask = !door.healthy && !door.checking && self.hints_left.take(from, now);
            door.checking |= ask;
            return ask;
        }
        if HINTS_MAX <= self.hints.len() || !self.hints_left.take(from, now) {
            return false;
        }
        self.hints.insert(address.clone(), claimed);
        true
    }

    /// Notes who answered at an address. Says whether it is a door we did not have.
    pub(crate) fn found(&mut self, address: &Address, name: &str, asked: bool, now: Now) -> bool {
        let old = self.doors.remove(address);
        let hint = self.hints.remove(address).flatten();
        let is_new = old.is_none();
        let claimed_another = hint.is_some_and(|claimed| claimed != name);
        if is_new && !asked && (claimed_another || !self.make_room()) {
            return false;
        }
        let (root, rtt_ms) = old.map(|old| (old.root, old.rtt_ms)).unwrap_or_default();
        let door = Door {
            name: name.to_owned(),
            healthy: true,
            heard_ms: now.unix_ms,
            rtt_ms,
            root,
            why: None,
            failures: 0,
            check_at: now.after(self.check_ms),
            checking: false,
            asked,
        };
        self.doors.insert(address.clone(), door);
        is_new
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

    /// Remembers a hint. Says whether it is new.
    pub(crate) fn is_first_hint(&mut self, message_id: &str, now: Now) -> bool {
        self.hinted.add(Digest::of("hint", &[message_id.as_bytes()]), now)
    }

    /// Says whether an unsigned message was carried already, or is one of ours that came back.
    pub(crate) fn was_carried(&self, bridged: &Bridged, payload: &[u8]) -> bool {
        self.carried.has(&carried_key(bridged, payload))
            || self.carried.has(&posted_key(&bridged.message_id))
    }

    /// Remembers an unsigned message that is carried. Says whether it is new.
    pub(crate) fn is_first_copy(&mut self, bridged: &Bridged, payload: &[u8], now: Now) -> bool {
        self.carried.add(carried_key(bridged, payload), now)
    }

    /// Remembers what we posted: it will come back, perhaps with other blanks in its payload.
    pub(crate) fn posted(&mut self, message_id: &str, now: Now) {
        self.carried.add(posted_key(message_id), now);
    }

    /// Says whether one more unsigned message may be carried under our signature.
    pub(crate) fn may_relay(&mut self, now: Now) -> bool {
        self.relays_left.take(now)
    }

    fn make_room(&mut self) -> bool {
        if self.doors.len() < self.doors_max {
            return true;
        }
        let dead = self.doors.iter().filter(|(_, door)| !door.healthy && !door.asked);
        let dead = dead.max_by_key(|(_, door)| door.failures).map(|(address, _)| address.clone());
        dead.is_some_and(|address| self.doors.remove(&address).is_some())
    }
}

/// Two bridges that carry one message make one key; another payload under the same id does not.
fn carried_key(bridged: &Bridged, payload: &[u8]) -> Digest {
    let text = |text: &str| Digest::of("text", &[text.as_bytes()]).0;
    let Bridged { message_id, message_type, origin_peer } = bridged;
    let parts = [text(message_id), text(message_type), text(origin_peer)];
    Digest::of("carried", &[&parts[0], &parts[1], &parts[2], payload])
}

fn posted_key(message_id: &str) -> Digest {
    Digest::of("posted", &[message_id.as_bytes()])
}

/// Whoever names an address may make us knock no nearer to ourselves than it is (DOOR-6).
fn may_name(from: IpAddr, address: &Address) -> bool {
    reach_of(from) <= reach(address)
}

/// Where a door is, as far as its address tells; a name counts as the internet.
pub(crate) fn ip_of(address: &Address) -> IpAddr {
    let (host, _) = address.host_port();
    let literal = host.trim_matches(['[', ']']).parse();
    literal.unwrap_or(match reach(address) {
        Reach::Machine => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Reach::Site | Reach::Internet => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    })
}

/// Announced addresses being asked at once.
const HINTS_MAX: usize = 16;

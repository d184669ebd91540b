//! Dialling, and the ends of links.

use engine::{Connected, Direction, Input};
use wire::Address;

use super::{Broken, Shard};
use crate::ground::Ground;
use crate::happening::What;
use crate::host::{Dial, Power, Wire, link_id};
use crate::network::{Way, host_at, ip_of};

impl Shard {
    pub(super) fn dial(&mut self, ground: &Ground, at: usize, address: Address, at_us: u64) {
        let to = host_at(&address).filter(|to| *to < ground.config.hosts);
        let host = &mut self.hosts[at];
        let link = host.new_link();
        host.dials.push(Dial { link, address });
        let from = host.number as usize;
        let knock_us = to.and_then(|to| ground.network.knock((from, to), at_us, &mut host.chance));
        let timeout_us = at_us + ground.network.config().dial_timeout_ms * 1_000;
        self.emit_self(ground, at, timeout_us, What::DialTimeout { link });
        if let (Some(to), Some(knock_us)) = (to, knock_us) {
            let to = super::host_number(to);
            self.emit(ground, at, to, knock_us, What::Knock { near: link });
        }
    }

    /// Somebody dials this machine.
    pub(super) fn knocked(&mut self, ground: &Ground, at: usize, from: u32, near: u32, at_us: u64) {
        let host = &self.hosts[at];
        if host.undialable {
            return;
        }
        match host.power {
            Power::Dead => {}
            Power::Off => self.tell(ground, at, from, at_us, What::Refused { link: near }),
            Power::On => {
                let trips = u64::from(ground.network.config().setup_trips.saturating_sub(2));
                let trip_us = ground.network.latency_us(host.number as usize, from as usize);
                let setup = What::Setup { dialler: from, near };
                self.emit_self(ground, at, at_us + trips * trip_us, setup);
            }
        }
    }

    /// The handshake is through: this end of the link is up.
    pub(super) fn set_up(
        &mut self,
        ground: &Ground,
        at: usize,
        dialler: u32,
        near: u32,
        at_us: u64,
    ) -> Input {
        let up_us = self.trip_us(ground, at, dialler, at_us);
        let host = &mut self.hosts[at];
        let (us, far) = (host.number, host.new_link());
        // Nothing overtakes the news that the link is up.
        host.add_wire(far, dialler, near, Way { not_before_us: up_us, is_bad: false });
        self.emit(ground, at, dialler, up_us, What::Accepted { near, far });
        Input::Connected(Connected {
            link: link_id(far),
            peer: ground.people.ids[dialler as usize],
            direction: Direction::Inbound,
            dialled: None,
            remote_ip: ip_of(dialler as usize),
            local_ip: ip_of(us as usize),
            medium: wire::Medium::Http,
        })
    }

    /// A dial of ours was answered.
    pub(super) fn accepted(
        &mut self,
        ground: &Ground,
        at: usize,
        by: u32,
        near: u32,
        far: u32,
        at_us: u64,
    ) -> Option<Input> {
        let host = &mut self.hosts[at];
        let Some(dial) = host.take_dial(near) else {
            // Too late: we gave up.
            self.tell(ground, at, by, at_us, What::Closed { link: far, why: RESET });
            return None;
        };
        host.add_wire(near, by, far, Way::default());
        Some(Input::Connected(Connected {
            link: link_id(near),
            peer: ground.people.ids[by as usize],
            direction: Direction::Outbound,
            dialled: Some(dial.address),
            remote_ip: ip_of(by as usize),
            local_ip: ip_of(host.number as usize),
            medium: wire::Medium::Http,
        }))
    }

    pub(super) fn dial_failed(&mut self, at: usize, link: u32, why: &str) -> Option<Input> {
        let dial = self.hosts[at].take_dial(link)?;
        Some(Input::DialFailed(dial.address, why.to_owned()))
    }

    pub(super) fn closed(&mut self, at: usize, link: u32, why: &str) -> Option<Input> {
        let wire = self.hosts[at].take_wire(link)?;
        self.drop_waiting(wire);
        Some(Input::Disconnected(link_id(link), why.to_owned()))
    }

    /// Something came for a node that is not there.
    pub(super) fn happen_to_nobody(
        &mut self,
        ground: &Ground,
        at: usize,
        from: u32,
        what: &What,
        at_us: u64,
    ) -> Result<(), Broken> {
        if let What::Accepted { far, .. } = what
            && self.hosts[at].power == Power::Off
        {
            self.tell(ground, at, from, at_us, What::Closed { link: *far, why: RESET });
        }
        Ok(())
    }

    /// Ends a machine's run.
    pub(crate) fn end_run(
        &mut self,
        ground: &Ground,
        at: usize,
        power: Power,
        at_us: u64,
        told: Told,
    ) {
        for wire in self.hosts[at].end_run(power) {
            let (other, far) = (wire.other, wire.far);
            self.drop_waiting(wire);
            let hears = match told {
                Told::All => true,
                Told::Half => self.hosts[at].chance.below(2) == 0,
            };
            if hears {
                self.tell(ground, at, other, at_us, What::Closed { link: far, why: RESET });
            }
        }
    }

    /// Tells another machine's system something, outside of any link. Walls stop it; loss does not,
    /// systems repeat themselves.
    pub(super) fn tell(&mut self, ground: &Ground, at: usize, to: u32, at_us: u64, what: What) {
        if ground.network.is_open(self.hosts[at].number as usize, to as usize) {
            let arrival_us = self.trip_us(ground, at, to, at_us);
            self.emit(ground, at, to, arrival_us, what);
        }
    }

    /// When something sent now arrives, if nothing goes wrong.
    fn trip_us(&mut self, ground: &Ground, at: usize, to: u32, at_us: u64) -> u64 {
        let host = &mut self.hosts[at];
        ground.network.trip_us((host.number as usize, to as usize), at_us, &mut host.chance)
    }

    /// Forgets what waited on a link that is gone.
    fn drop_waiting(&mut self, wire: Wire) {
        let Some(mut lanes) = wire.lanes else { return };
        while let Some((_, parcel)) = lanes.pop() {
            let (bytes, record_bytes) = (parcel.bytes.len() as u64, parcel.record_bytes.into());
            self.traffic.unclaimed.add(bytes, record_bytes);
        }
    }
}

/// Which of its peers' systems hear at once that a machine's node is gone; the others only notice
/// silence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    All,
    Half,
}

/// What a peer's system says of a link it does not know.
pub(super) const RESET: &str = "connection reset";

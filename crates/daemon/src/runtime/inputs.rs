//! What the transport reports, as the node hears it.

use engine::{Connected, Direction, Input as NetInput, LinkId};
use node::{Input, engine};
use transport::{Inbound, Linked};
use wire::{Address, Frame, Goodbye, Reason};

use super::Runtime;

impl Runtime {
    pub(super) fn inbound(&mut self, inbound: Inbound) {
        let input = match inbound {
            Inbound::Ask(question) => return self.ask(question),
            Inbound::Closed { link, why } => NetInput::Disconnected(LinkId(link), why),
            Inbound::Congested { link, class, frames } => {
                NetInput::Congested(LinkId(link), class, frames)
            }
            Inbound::Left { link, class } => NetInput::Left(LinkId(link), class),
            Inbound::DialFailed { address, why } => NetInput::DialFailed(address, why),
            Inbound::DoorFound { address, door } => NetInput::DoorFound(address, door),
            Inbound::DoorPushed { address, result } => {
                let result = result.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
                NetInput::DoorPushed(address, result)
            }
            Inbound::Frame { link, class: _, bytes } => NetInput::Frame(LinkId(link), bytes),
            Inbound::Gossip { from, envelope, answer } => {
                let Some(ticket) = self.desk.doors.enter(answer) else { return };
                NetInput::Gossip(ticket, from, envelope)
            }
            Inbound::Reachable(addresses) => {
                let told = addresses.into_iter().map(|it| Address::Libp2p(Box::new(it)));
                NetInput::Reachable(told.collect())
            }
            Inbound::Linked(linked) => {
                self.discovery.link(linked.dialled.as_ref().filter(|_| linked.outbound));
                NetInput::Connected(connected(linked))
            }
        };
        self.input(Input::Net(input));
    }

    pub(super) fn disconnect(&self, link: LinkId, reason: Reason, why: String) {
        let text = cut(why, wire::limits::TEXT_BYTES_MAX);
        let goodbye = Frame::Goodbye(Goodbye { reason, text });
        self.transport.close(link.0, Some(goodbye.encode().into()));
    }
}

fn connected(linked: Linked) -> Connected {
    let Linked { link, peer, outbound, dialled, remote_ip, local_ip, medium } = linked;
    let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
    Connected { link: LinkId(link), peer, direction, dialled, remote_ip, local_ip, medium }
}

fn cut(mut text: String, bytes_max: usize) -> String {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    text
}

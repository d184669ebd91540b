//! What liars do of their own accord.

use bytes::Bytes;
use engine::{LinkId, Now};
use node::{Command, CommandId, Draft, Effect, Input, Publication};
use wire::{
    Carried, Class, Content, Digest, Entry, Frame, Hlc, Message, MessageKind, Push, Record,
    ShortId, Signed, TreeId, limits,
};

use super::Liar;
use crate::config::NETWORK;
use crate::scenario::LiarKind;

impl Liar {
    /// Whether this kind does anything unless it is asked.
    pub(super) fn has_mischief(&self) -> bool {
        self.every_ms().is_some()
    }

    /// Does what is due.
    pub(super) fn mischief(&mut self, now: Now) -> Vec<Effect> {
        let Some(every_ms) = self.every_ms() else { return Vec::new() };
        if now.mono_ms < self.next_ms {
            return Vec::new();
        }
        self.next_ms = now.mono_ms + every_ms;
        match self.kind {
            LiarKind::Equivocator => self.contradict(now),
            LiarKind::Flood => self.flood(now),
            LiarKind::GraftPruneWantSpam => self.spam(),
            LiarKind::Impostor => self.pretend(now),
            LiarKind::Replay => self.replay(),
            LiarKind::BadSignature
            | LiarKind::Eclipse
            | LiarKind::LyingHave
            | LiarKind::LyingReconciler
            | LiarKind::Mute
            | LiarKind::ShufflePoison
            | LiarKind::SybilJoin
            | LiarKind::WithholdingParent => Vec::new(),
        }
    }

    fn every_ms(&self) -> Option<u64> {
        match self.kind {
            LiarKind::Equivocator => Some(5_000),
            LiarKind::Flood => Some(20),
            LiarKind::GraftPruneWantSpam => Some(200),
            LiarKind::Impostor => Some(500),
            LiarKind::Replay => Some(500),
            LiarKind::BadSignature
            | LiarKind::Eclipse
            | LiarKind::LyingHave
            | LiarKind::LyingReconciler
            | LiarKind::Mute
            | LiarKind::ShufflePoison
            | LiarKind::SybilJoin
            | LiarKind::WithholdingParent => None,
        }
    }

    /// Writes an entry, of which half of its links get another version ([`Liar::lie`]).
    fn contradict(&mut self, now: Now) -> Vec<Effect> {
        let (name, value) = (self.chance.below(3), self.chance.draw());
        let draft = Draft {
            collection: "lies".to_owned(),
            name: name.to_string(),
            value: Some(Bytes::from(value.to_string())),
        };
        let command = Input::Command(CommandId(u64::MAX), Command::Put(vec![draft]));
        let effects = self.node.handle(command, now).into_iter();
        let ours = effects.filter(|it| !matches!(it, Effect::Answer(..)));
        ours.filter_map(|it| self.lie(it)).collect()
    }

    /// Publishes a message that nobody wants; its own node does all the work.
    fn flood(&mut self, now: Now) -> Vec<Effect> {
        let text = format!(r#"{{"noise":{}}}"#, self.chance.draw());
        let publication = Publication {
            topic: "noise".to_owned(),
            kind: MessageKind::Announce,
            class: Class::Bulk,
            payload: Bytes::from(text),
            reply_to: None,
            life_ms: NOISE_LIFE_MS,
        };
        let command = Input::Command(CommandId(u64::MAX), Command::Publish(publication));
        let effects = self.node.handle(command, now).into_iter();
        effects
            .filter(|it| match it {
                // The story's own command numbers are not ours.
                Effect::Answer(..) | Effect::Net(engine::Effect::Report(_)) => false,
                Effect::Net(_) | Effect::Seed(_) => true,
            })
            .collect()
    }

    /// Writes by hand what its node would not: each a record that is signed well and says what it may not.
    fn pretend(&mut self, now: Now) -> Vec<Effect> {
        let entry = |collection: &str, name: String, value: String| {
            let value = Some(Bytes::from(value));
            Content::Entry(Entry { collection: collection.to_owned(), name, value })
        };
        let rule = Digest::of("rule", &[&self.chance.below(4).to_be_bytes()]);
        let word = format!(
            "{{\"stance\":\"commit\",\"logic\":\"{rule}\",\"context\":\"{rule}\",\"confidence\":9000,\
             \"evidence\":1,\"note\":\"\"}}"
        );
        let payload = Bytes::from(format!("{{\"text\":{}}}", self.chance.draw()));
        let alert = Message::new("alerts".to_owned(), payload);
        // One in the class of alerts, beyond any budget, and one that says it is none.
        let loud = Message { class: Class::Alert, ..alert.clone() };
        let content = match self.chance.below(5) {
            0 => entry("rules", rule.to_string(), word),
            1 => entry("rules", rule.to_string().to_uppercase(), word),
            2 => entry("levels", "water".to_owned(), "{\"band\":\"all\"}".to_owned()),
            3 => Content::Message(alert),
            _ => Content::Message(loud),
        };
        let expires_ms = match &content {
            Content::Message(_) => now.unix_ms + NOISE_LIFE_MS,
            Content::Contradiction(_) | Content::Entry(_) | Content::Profile(_) => 0,
        };
        self.written += 1;
        let (seq, created) = (OWN_NUMBERS + self.written, Hlc::from_ms(now.unix_ms));
        let record = Record { network: NETWORK, seq, created, expires_ms, content };
        let signed = Signed::seal(&record, &self.identity);
        let carried = Carried { signed, ttl: limits::HOPS_MAX, hops: 0, tree: TreeId::default() };
        let push = Frame::Push(Push { records: vec![carried], ..Push::default() });
        self.to_all(&Bytes::from(push.encode()))
    }

    /// Grafts and prunes the same trees, and wants what nobody announced.
    fn spam(&mut self) -> Vec<Effect> {
        let trees: Vec<_> = self.trees.iter().copied().collect();
        let want = (0..limits::SHORT_IDS_MAX).map(|_| ShortId(self.chance.draw())).collect();
        let (prune, graft) =
            if self.chance.below(2) == 0 { (trees, Vec::new()) } else { (Vec::new(), trees) };
        let push = Frame::Push(Push { want, prune, graft, ..Push::default() });
        self.to_all(&Bytes::from(push.encode()))
    }

    /// Sends an old frame again.
    fn replay(&mut self) -> Vec<Effect> {
        let Some(frame) = self.frames.pop_front() else { return Vec::new() };
        self.frames.push_back(frame.clone());
        self.to_all(&frame)
    }

    fn to_all(&self, bytes: &Bytes) -> Vec<Effect> {
        let greeted = self.links.iter().filter(|(_, key)| key.is_some());
        let send =
            |link: LinkId| Effect::Net(engine::Effect::Send(link, Class::Control, bytes.clone()));
        greeted.map(|(link, _)| send(*link)).collect()
    }
}

const NOISE_LIFE_MS: u64 = 3_600_000;
/// Numbers that the node inside never gets to.
const OWN_NUMBERS: u64 = 1 << 40;

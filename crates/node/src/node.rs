//! The switchboard between the engine and what operators ask of it.

mod decide;
mod negotiate;
mod tend;

use engine::{Engine, Now, Snapshot, Time};
use wire::{Class, Content, Entry, Identity, Message, Slot, Subject, WireError, limits};

use crate::alerts::{self, Alerts};
use crate::levels::{self, Levels, Reading};
use crate::people::{People, Quorums};
use crate::post::Post;
use crate::rules::{self, Policy, Rules};
use crate::seeds::{self, Budget, SeedFact, SeedWish, Seeds};
use crate::transfers::Transfers;
use crate::{
    Addition, Answer, Command, CommandError, CommandId, Draft, Minutes, Note, Publication, Waiting,
};

use negotiate::Desk;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// An operator asks.
    Command(CommandId, Command),
    /// The network or the store speaks.
    Net(engine::Input),
    /// Whoever keeps the contents of seeds speaks.
    Seed(SeedFact),
}

/// Something the shell must do, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Answer an operator.
    Answer(CommandId, Answer),
    /// Do something for the protocol.
    Net(engine::Effect),
    /// Do something with the content of a seed; answered by [`Input::Seed`], but for what goes.
    Seed(SeedWish),
}

/// How a node behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The protocol's settings.
    pub engine: engine::Config,
    /// How many Mirrors it takes, for each kind of decision.
    pub quorums: Quorums,
    /// Which rules are accepted in this network.
    pub rules: Policy,
    /// How much of the machine seeds may use.
    pub seeds: Budget,
}

/// One node: the protocol and the applications on it.
#[derive(Debug)]
pub struct Node {
    engine: Engine,
    levels: Levels,
    levels_at: Option<Time>,
    people: People,
    alerts: Alerts,
    post: Post,
    transfers: Transfers,
    desk: Desk,
    rules: Rules,
    seeds: Seeds,
    seeds_at: Option<Time>,
    stopping: bool,
}

impl Config {
    /// The defaults around an engine's settings.
    pub fn new(engine: engine::Config) -> Self {
        Self { engine, quorums: Quorums::new(), rules: Policy::default(), seeds: Budget::default() }
    }
}

impl Node {
    /// Wakes up with what was kept; `seed` is the only randomness it will ever have.
    pub fn new(
        config: Config,
        identity: Identity,
        mut kept: Snapshot,
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        let own = std::mem::take(&mut kept.own);
        let network = config.engine.network;
        let transfers = Transfers::new(&own, identity.clone(), network, seed, now);
        let desk = Desk::waking(now);
        let levels = Levels::new(&own, &identity.id(), seed);
        let levels_at = levels.deadline(now);
        let alerts = Alerts::new(&own);
        let rules = Rules::new(&own, config.rules);
        let seeds = Seeds::new(&own, config.seeds, identity.id(), seed, now);
        let seeds_at = seeds.deadline(now);
        let people = People::new(&own, config.quorums, identity.clone());
        let engine = Engine::new(config.engine, identity, kept, seed, now);
        let post = Post::default();
        Self {
            engine,
            levels,
            levels_at,
            people,
            alerts,
            post,
            transfers,
            desk,
            rules,
            seeds,
            seeds_at,
            stopping: false,
        }
    }

    /// Advances by one input; perform the effects in order.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        match input {
            Input::Command(id, command @ (Command::Contradictions(..) | Command::Prove(_))) => {
                let answer = self.command(command, now);
                // Nothing more to write: the answer waits for all that was to be written before.
                let before = Effect::Net(engine::Effect::Persist(engine::Batch::default()));
                vec![before, Effect::Answer(id, answer)]
            }
            Input::Command(id, Command::Send(note)) => {
                let refused = self.send(id, note, now).err();
                let refused = refused.map(|why| Effect::Answer(id, Answer::Refused(why)));
                self.engine.drain().into_iter().map(Effect::Net).chain(refused).collect()
            }
            Input::Command(id, command) => {
                let (answer, asks_levels) = match self.command(command, now) {
                    Answer::Levels(_) => (Answer::Levels(Vec::new()), true),
                    answer => (answer, false),
                };
                let mut effects = self.engine.drain();
                self.look_at(&mut effects, now);
                self.tell_levels(&mut effects, now);
                let answer =
                    if asks_levels { Answer::Levels(self.levels.own(now)) } else { answer };
                // Last, so that it waits for what is to be written.
                let mut effects: Vec<Effect> = effects.into_iter().map(Effect::Net).collect();
                effects.extend(self.negotiate(now));
                effects.extend(self.tend(now));
                effects.push(Effect::Answer(id, answer));
                effects
            }
            Input::Net(engine::Input::Loaded(ticket, _)) if self.is_written(ticket, now) => {
                self.engine.drain().into_iter().map(Effect::Net).collect()
            }
            Input::Net(input) => {
                let mut effects = Vec::new();
                if input == engine::Input::Tick {
                    // What is written in a tick is announced by that tick: it leaves nothing due.
                    self.tell_levels(&mut effects, now);
                }
                effects.extend(self.engine.handle(input, now));
                self.look_at(&mut effects, now);
                self.count_rules(&mut effects, now);
                self.tell_levels(&mut effects, now);
                let mail = self.engine.take_mail();
                let mail = self.post.read(mail, &mut self.transfers, now);
                let mut effects: Vec<Effect> =
                    effects.into_iter().map(Effect::Net).chain(mail).collect();
                effects.extend(self.negotiate(now));
                effects.extend(self.tend_if_due(now));
                effects
            }
            Input::Seed(fact) => self.seed_done(fact, now),
        }
    }

    /// Returns when [`engine::Input::Tick`] is due, on the monotonic clock.
    pub fn deadline(&self) -> Option<Time> {
        [self.engine.deadline(), self.levels_at, self.desk.at, self.seeds_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns who may decide here.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Returns what we were warned of, to look at.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Returns our levels, to look at.
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Returns what is agreed on with other nodes, to look at.
    pub fn transfers(&self) -> &Transfers {
        &self.transfers
    }

    /// Returns what was said of rules, to look at.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns what is known of seeds.
    pub fn seeds(&self) -> &Seeds {
        &self.seeds
    }

    /// Returns the engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn command(&mut self, command: Command, now: Now) -> Answer {
        match command {
            Command::Append(additions, life_ms) => {
                self.append(additions, life_ms, now).unwrap_or_else(Answer::Refused)
            }
            Command::AddPeer(address) => {
                self.engine.add_peer(address);
                Answer::Done
            }
            Command::Alerts => {
                Answer::Alerts(self.alerts.all(now), self.engine.own_alerts_left(now))
            }
            Command::AlertPage(query) => {
                Answer::Alerts(self.alerts.page(&query, now), self.engine.own_alerts_left(now))
            }
            Command::Checkpoints => Answer::Checkpoints(self.minutes().map(Box::new)),
            Command::Contradictions(after, max) => {
                Answer::Contradictions(self.engine.contradictions(after.as_ref(), max))
            }
            Command::Decide(actor, decision) => {
                self.decide(&actor, decision, now).unwrap_or_else(Answer::Refused)
            }
            Command::HearOf(address) => {
                // Whether it is dialled is no matter of whoever told.
                let _dialled = self.engine.hear_of(address, now);
                Answer::Done
            }
            Command::Leave => {
                self.stopping = true;
                self.engine.leave();
                Answer::Done
            }
            // What is due is said first: the answer is made behind it.
            Command::Levels => Answer::Levels(Vec::new()),
            Command::Prove(place) => Answer::Proven(self.engine.prove(&place.key())),
            Command::People => Answer::People(Box::new(self.people.assembly(now))),
            Command::Peers => Answer::Peers(self.engine.peer_list(now)),
            Command::Publish(publication) => {
                self.publish(publication, now).unwrap_or_else(Answer::Refused)
            }
            Command::Put(drafts) => self.put(drafts, now).unwrap_or_else(Answer::Refused),
            Command::RemoveLevel(kind) => {
                self.remove_level(&kind, now).unwrap_or_else(Answer::Refused)
            }
            Command::Send(_) => unreachable!("it is answered when the receipt comes"),
            Command::ProveRule(rule) => self.prove_rule(&rule).unwrap_or_else(Answer::Refused),
            Command::Rule(rule) => self.rule(&rule).unwrap_or_else(Answer::Refused),
            Command::Rules(after, max) => {
                Answer::Rules(self.rules.list(after.as_ref(), max), self.rules.statistics())
            }
            Command::WantRule(rule) => self.want_rule(&rule, now).unwrap_or_else(Answer::Refused),
            Command::Seed(id) => match self.seeds.get(&id, now) {
                Ok(seed) => Answer::Seed(Box::new(seed), self.seeds.usage()),
                Err(error) => Answer::Refused(error.into()),
            },
            Command::Seeds => Answer::Seeds(self.seeds.all(now), self.seeds.usage()),
            Command::SetLevels(readings) => {
                self.set_levels(&readings, now).unwrap_or_else(Answer::Refused)
            }
            Command::Transfers => Answer::Transfers(self.transfers.views()),
            Command::Waiting => Answer::Waiting(self.waiting(now)),
            Command::Status => Answer::Status(Box::new(self.engine.status())),
        }
    }

    /// Counts what waits for the people here.
    fn waiting(&self, now: Now) -> Waiting {
        Waiting {
            alerts: self.alerts.open(now),
            seeds: self.seeds.open(now),
            transfers: self.transfers.undecided_len(),
            votes: self.people.assembly(now).votes.len(),
        }
    }

    fn minutes(&self) -> Option<Minutes> {
        let council = self.engine.council()?;
        let newest = council.sealed().values().next_back();
        Some(Minutes {
            sealed: council.sealed().values().cloned().collect(),
            committee: council.head().committee.clone(),
            number: council.number(),
            evidence: council.evidence().cloned().collect(),
            rules: newest.and_then(|it| self.rules.known(&it.checkpoint.rules)),
        })
    }

    fn publish(&mut self, publication: Publication, now: Now) -> Result<Answer, CommandError> {
        self.may_write(now)?;
        let Publication { topic, kind, payload, reply_to, life_ms, class } = publication;
        if class == Class::Control {
            return Err(CommandError::Control);
        }
        if alerts::is_own_topic(&topic) || [rules::TOPIC, seeds::TOPIC].contains(&topic.as_str()) {
            return Err(CommandError::OwnTopic(topic));
        }
        let life_ms_max = self.engine.config().message_life_ms_max;
        if life_ms == 0 || life_ms_max < life_ms {
            return Err(CommandError::Life(life_ms_max));
        }
        let message = Message { kind, reply_to, class, ..Message::new(topic, payload) };
        message.check()?;
        self.check_size(message.topic.len() + message.payload.len())?;
        let (links, class) = (self.engine.links_len(), self.engine.class_of_own(class, now));
        let ids = self.engine.write(vec![(Content::Message(message), life_ms)], now);
        match ids.first() {
            Some(id) => Ok(Answer::Published { id: *id, links, class }),
            None => Err(CommandError::NoRoom),
        }
    }

    /// Begins to send a note; its answer comes with the receipt.
    fn send(&mut self, id: CommandId, note: Note, now: Now) -> Result<(), CommandError> {
        if self.stopping {
            return Err(CommandError::Stopping);
        }
        let letter = self.engine.send_letter(note.to, Subject::Note, note.payload, now)?;
        self.post.expect(letter, id);
        Ok(())
    }

    fn put(&mut self, drafts: Vec<Draft>, now: Now) -> Result<Answer, CommandError> {
        self.may_write(now)?;
        let mut contents = Vec::with_capacity(drafts.len());
        for Draft { collection, name, value } in drafts {
            let entry = Entry { collection, name, value };
            entry.check()?;
            self.check_collection(&entry.collection)?;
            // Only what was appended may be changed under such a name: its hour and slot are its own.
            if let Some(slot) = entry.slot()
                && !self.engine.holds(&entry)
            {
                return Err(CommandError::NoSlot(slot));
            }
            let value = entry.value.as_ref().map_or(0, bytes::Bytes::len);
            self.check_size(entry.collection.len() + entry.name.len() + value)?;
            contents.push((Content::Entry(entry), 0));
        }
        if !self.engine.fits(&contents) {
            return Err(CommandError::Full(self.engine.config().entries_max));
        }
        Ok(Answer::Written(self.engine.write(contents, now)))
    }

    fn append(
        &mut self,
        additions: Vec<Addition>,
        life_ms: u64,
        now: Now,
    ) -> Result<Answer, CommandError> {
        self.may_write(now)?;
        let life_ms_max = self.engine.config().message_life_ms_max;
        if life_ms_max < life_ms {
            return Err(CommandError::Life(life_ms_max));
        }
        let hour = match life_ms {
            0 => Some(0),
            _ => Slot::last_hour(now.unix_ms, life_ms),
        };
        let hour = hour.ok_or(CommandError::Life(life_ms_max))?;
        let name = Slot { hour, number: 0 }.to_string();
        let mut values = Vec::with_capacity(additions.len());
        for Addition { collection, value } in additions {
            let entry = Entry { collection, name: name.clone(), value: Some(value.clone()) };
            entry.check()?;
            self.check_collection(&entry.collection)?;
            self.check_size(entry.collection.len() + entry.name.len() + value.len())?;
            values.push((entry.collection, value));
        }
        if !self.engine.has_room(values.len()) {
            return Err(CommandError::Full(self.engine.config().entries_max));
        }
        Ok(Answer::Appended(self.engine.append(values, hour, now)))
    }

    /// LEVEL-6, RULE-1
    fn check_collection(&self, collection: &str) -> Result<(), CommandError> {
        let own = [levels::COLLECTION, rules::COLLECTION, seeds::COLLECTION];
        match own.into_iter().find(|own| *own == collection) {
            Some(own) => Err(CommandError::OwnCollection(own)),
            None => Ok(()),
        }
    }

    fn set_levels(&mut self, readings: &[Reading], now: Now) -> Result<Answer, CommandError> {
        self.may_write(now)?;
        self.levels.set(readings, now)?;
        Ok(Answer::Levels(Vec::new()))
    }

    fn remove_level(&mut self, kind: &str, now: Now) -> Result<Answer, CommandError> {
        self.may_write(now)?;
        self.levels.remove(kind)?;
        Ok(Answer::Levels(Vec::new()))
    }

    /// Says what is due of our levels. The noise and the entry it is in are one transaction, and what
    /// goes to others stands behind it (LEVEL-3).
    fn tell_levels(&mut self, effects: &mut Vec<engine::Effect>, now: Now) {
        let gone = self.levels.gone();
        if !gone.is_empty() {
            let contents = gone.into_iter().map(|entry| (Content::Entry(entry), 0)).collect();
            self.engine.write(contents, now);
        }
        let due = self.levels.due(now);
        if !due.is_empty() {
            let places = due.iter().map(|kind| (Content::Entry(levels::entry(kind, None)), 0));
            if self.may_write(now).is_ok() && self.engine.fits(&places.collect::<Vec<_>>()) {
                let entries = due.iter().filter_map(|kind| self.levels.say(kind, now));
                let contents = entries.map(|entry| (Content::Entry(entry), 0)).collect();
                self.engine.write(contents, now);
            } else {
                self.levels.wait(now);
            }
        }
        let own = self.levels.rows();
        if !own.is_empty() {
            let mut more = self.engine.drain();
            write_beside(&mut more, own);
            effects.append(&mut more);
        }
        self.levels_at = if self.stopping { None } else { self.levels.deadline(now) };
    }

    fn may_write(&self, now: Now) -> Result<(), CommandError> {
        if self.stopping {
            return Err(CommandError::Stopping);
        }
        let ahead_ms = self.engine.pen_ahead_ms(now);
        if limits::CLOCK_AHEAD_MS_MAX / 2 < ahead_ms {
            return Err(CommandError::Ahead(ahead_ms / 1_000));
        }
        // Peers would refuse what we write, and newer facts of ours would lose to older ones.
        match self.engine.clock_off_ms() {
            Some(skew_ms) => Err(CommandError::Clock(-skew_ms / 1_000)),
            None => Ok(()),
        }
    }

    fn check_size(&self, content: usize) -> Result<(), CommandError> {
        let (size, max) = (content + HEAD_BYTES, self.engine.config().body_bytes_max);
        if size <= max {
            return Ok(());
        }
        Err(CommandError::Bad(WireError::TooLarge { what: "record bytes", size, max }))
    }
}

/// Has rows written in the transaction of these effects, or in one before all that waits.
fn write_beside(effects: &mut Vec<engine::Effect>, own: Vec<(String, Option<Vec<u8>>)>) {
    if own.is_empty() {
        return;
    }
    let batch = effects.iter_mut().find_map(|effect| {
        if let engine::Effect::Persist(batch) = effect { Some(batch) } else { None }
    });
    match batch {
        Some(batch) => batch.own.extend(own),
        None => {
            let batch = engine::Batch { own, ..engine::Batch::default() };
            effects.insert(0, engine::Effect::Persist(batch));
        }
    }
}

/// What a record needs beside its content, at most.
const HEAD_BYTES: usize = 160;

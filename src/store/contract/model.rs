//! Random deeds against a store and against a naive one in memory: what both answer must be
//! the same, whatever comes in which order and whenever the process is killed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Ground;
use super::samples::{
    Shorthand, append, channel_id, created, deleted, edited, event_id, member, message, new,
    pinned, reacted,
};
use crate::domain::event::{NewEvent, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Seq, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::Message;
use crate::domain::reception::{ReactionCount, Reception, ThreadSummary};
use crate::store::index::MemberQuery;
use crate::store::receptions::ThreadsQuery;
use crate::store::{Append, ClearTo, Placed, Store};

const CHANNELS: u64 = 4;
const STEPS: usize = 300;

/// Knuth's MMIX generator: random enough for choosing, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn index(&mut self, bound: u64) -> usize {
        usize::try_from(self.below(bound)).expect("a small number")
    }
}

/// The naive store: all events, and an index that is made of them from the start each time.
#[derive(Default)]
struct Model {
    journal: Vec<NewEvent>,
    known: HashMap<EventId, Seq>,
    /// What each transaction brought: one that comes again brings the same.
    transactions: HashMap<String, Vec<NewEvent>>,
}

#[derive(Default)]
struct ModelIndex {
    messages: BTreeMap<(ChannelId, u64, EventId), Message>,
    members: BTreeMap<(ChannelId, UserId), Member>,
}

impl Model {
    fn append(&mut self, append: &Append) -> Vec<Placed> {
        let place = append.events.iter().map(|event| {
            let known = event.event.as_ref().and_then(|id| self.known.get(id));
            if let Some(seq) = known {
                return Placed::Known(Some(*seq));
            }
            self.journal.push(event.clone());
            let seq = self.journal.len() as Seq;
            self.known.extend(event.event.clone().map(|id| (id, seq)));
            Placed::New(seq)
        });
        place.collect()
    }

    /// The index of all events: first all messages, then what changes them, since the order
    /// in which they came must not matter.
    fn index(&self) -> ModelIndex {
        let mut index = ModelIndex::default();
        for event in &self.journal {
            if let What::MessageCreated(message) = &event.what {
                index.messages.retain(|(_, _, of), _| *of != message.event);
                let key = (event.channel, message.created_at, message.event.clone());
                index.messages.insert(key, message.clone());
            }
            if let What::MemberChanged(member) = &event.what {
                let stored = index.members.entry((event.channel, member.user.clone()));
                let stored = stored.or_insert_with(|| member.clone());
                if stored.since <= member.since {
                    *stored = member.clone();
                }
            }
        }
        for event in &self.journal {
            index.change(event);
        }
        for event in &self.journal {
            self.withdraw(event, &mut index);
        }
        let keys: Vec<_> = index.messages.keys().cloned().collect();
        for key in keys {
            let reception = self.reception(&index, &index.messages[&key]);
            index.messages.entry(key).and_modify(|message| {
                message.receive(reception);
            });
        }
        index
    }

    /// What has come of a message, asked of everything that has happened.
    fn reception(&self, index: &ModelIndex, message: &Message) -> Reception {
        let in_channel = || {
            let events = self.journal.iter();
            events.filter(|event| event.channel == message.channel)
        };
        let mut people = BTreeSet::new();
        let mut pins = (0, false);
        for event in in_channel() {
            match &event.what {
                What::ReactionAdded {
                    target, key, by, ..
                } if *target == message.event => {
                    let is_gone =
                        in_channel().any(|it| it.what.taken_back() == event.event.as_ref());
                    if !is_gone {
                        people.insert((key.clone(), by.clone()));
                    }
                }
                What::PinsChanged { pinned, at, .. } if pins.0 <= *at => {
                    pins = (*at, pinned.contains(&message.event));
                }
                _ => {}
            }
        }
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (key, _) in people {
            *counts.entry(key).or_default() += 1;
        }
        let counts = counts.into_iter();
        let counts = counts.map(|(key, count)| ReactionCount { key, count });
        let mut reactions: Vec<_> = counts.collect();
        reactions.sort_by_key(|it| std::cmp::Reverse(it.count));
        let replies = index.messages.values().filter(|it| {
            it.channel == message.channel && it.thread == Some(message.id) && !it.deleted
        });
        let times: Vec<_> = replies.map(|it| it.created_at).collect();
        Reception {
            reactions,
            thread: times.iter().max().map(|last_at| ThreadSummary {
                count: times.len() as u64,
                last_at: *last_at,
            }),
            pinned: pins.1,
        }
    }

    /// Everything once more, as a rebuild reads it: messages that were ahead of our clock have
    /// another time.
    fn again(&mut self, random: &mut Random) -> Vec<NewEvent> {
        let mut events = self.journal.clone();
        for event in &mut events {
            if let What::MessageCreated(message) = &mut event.what {
                message.created_at += random.below(2) * 20;
            }
        }
        self.known.clear();
        events
    }

    /// Takes an edit back.
    fn withdraw(&self, deletion: &NewEvent, index: &mut ModelIndex) {
        let What::MessageDeleted { target, .. } = &deletion.what else {
            return;
        };
        let edit = self
            .journal
            .iter()
            .find(|event| event.event.as_ref() == Some(target));
        if let Some(What::MessageEdited { target, at, .. }) = edit.map(|edit| &edit.what)
            && let Some(message) = index.find(target, deletion.channel)
        {
            message.withdraw(*at);
        }
    }
}

impl ModelIndex {
    fn change(&mut self, event: &NewEvent) {
        let (What::MessageEdited { target, .. } | What::MessageDeleted { target, .. }) =
            &event.what
        else {
            return;
        };
        let Some(message) = self.find(target, event.channel) else {
            return;
        };
        match &event.what {
            What::MessageEdited {
                by,
                preview,
                truncated,
                mentions,
                at,
                ..
            } => {
                message.edit(by, (preview, *truncated), mentions, *at);
            }
            _ => message.delete(),
        }
    }

    fn find(&mut self, event: &EventId, channel: ChannelId) -> Option<&mut Message> {
        let mut messages = self.messages.values_mut();
        let found = messages.find(|message| message.event == *event);
        found.filter(|message| message.channel == channel)
    }
}

pub async fn random_deeds_agree_with_the_model(ground: impl Ground) {
    run(ground, 1).await;
}

pub async fn more_random_deeds_agree_with_the_model(ground: impl Ground) {
    run(ground, 0xdaa7_1017).await;
}

async fn run(mut ground: impl Ground, seed: u64) {
    let mut random = Random(seed);
    let mut model = Model::default();
    let mut store = ground.open().await;
    let creations: Vec<_> = (0..CHANNELS).map(|n| created(u128::from(n))).collect();
    model.append(&append(creations.clone()));
    store.put(creations).await;
    for step in 0..STEPS {
        store = act(&mut random, &mut model, &mut ground, store, step).await;
        for channel in 0..CHANNELS {
            store.assert_newest(u128::from(channel)).await;
        }
    }
    store.index_all().await;
    compare(&model, &store).await;
    store
        .index
        .clear(ClearTo::JournalStart)
        .await
        .expect("cleared");
    store.index_all().await;
    compare(&model, &store).await;
}

async fn act(
    random: &mut Random,
    model: &mut Model,
    ground: &mut impl Ground,
    store: Store,
    step: usize,
) -> Store {
    match random.below(40) {
        0..28 => {
            let append = random_append(random, model);
            let expected = model.append(&append);
            let appended = store.journal.append(append).await.expect("appended");
            // A transaction that brought nothing new may have been forgotten by a kill.
            if !appended.repeated {
                assert_eq!(appended.placed, expected, "step {step}");
            }
            assert_eq!(appended.head, model.journal.len() as Seq, "step {step}");
        }
        28..36 => {
            let limit = random.index(12);
            let events = store
                .journal
                .read(store.index.position(), limit)
                .await
                .expect("read");
            store.index.apply(&events).await.expect("applied");
        }
        36 => {
            let to = ClearTo::JournalEnd { since: 1 };
            store.index.clear(to).await.expect("cleared");
            let again = append(model.again(random));
            let expected = model.append(&again);
            let appended = store.journal.append(again).await.expect("appended");
            assert_eq!(appended.placed, expected, "step {step}");
        }
        37..39 => return ground.kill(store).await,
        _ => {
            store.index_all().await;
            compare(model, &store).await;
            return ground.reopen(store).await;
        }
    }
    store
}

fn random_append(random: &mut Random, model: &mut Model) -> Append {
    let mut events = (0..random.below(6)).map(|_| random_event(random)).collect();
    let transaction = (random.below(3) == 0).then(|| format!("t{}", random.below(60)));
    if let Some(id) = &transaction {
        events = model
            .transactions
            .entry(id.clone())
            .or_insert(events)
            .clone();
    }
    Append {
        transaction,
        with_index: random.below(2) == 0,
        ..append(events)
    }
}

fn random_event(random: &mut Random) -> NewEvent {
    let channel = u128::from(random.below(CHANNELS));
    // A message belongs to the channel of its number, so that one never comes in two; an
    // edit or a deletion may well name one of another channel.
    let number = random.below(150);
    let at_home = u128::from(number % CHANNELS);
    let target = format!("m{number}");
    let id = random.below(200);
    let time = random.below(50);
    match random.below(14) {
        0..5 => speak(at_home, number),
        10..12 => {
            let key = ["a", "b", "👍"][random.index(3)];
            let who = format!("user{}", random.below(3));
            let number = random.below(40);
            // Mostly at home, where they count.
            let of = match random.below(4) {
                0 => channel,
                _ => u128::from(number % CHANNELS),
            };
            reacted(of, &format!("r{id}"), &format!("m{number}"), key, &who)
        }
        12 => deleted(
            channel,
            &format!("d{id}"),
            &format!("r{}", random.below(200)),
        ),
        13 => {
            let some = [(); 3].map(|()| format!("m{}", random.below(60)));
            let some: Vec<_> = some.iter().map(String::as_str).collect();
            pinned(channel, &format!("p{id}"), &some, time)
        }
        5..7 => edited(
            channel,
            &format!("e{id}"),
            &target,
            &format!("edit {id}"),
            time * 1_000 + id,
        ),
        7 if id.is_multiple_of(2) => deleted(channel, &format!("d{id}"), &target),
        7 => deleted(
            at_home,
            &format!("d{id}"),
            &format!("e{}", random.below(200)),
        ),
        _ => {
            let membership = [
                Membership::Invited,
                Membership::Joined,
                Membership::Left,
                Membership::Banned,
            ][random.index(4)];
            let who = format!("user{}", random.below(12));
            new(
                channel,
                &format!("j{id}"),
                What::MemberChanged(member(&who, membership, time)),
            )
        }
    }
}

/// What a message of a number says is always the same: some speak in the thread of another one of
/// their channel, and some in one that is elsewhere.
fn speak(channel: u128, number: u64) -> NewEvent {
    let name = format!("m{number}");
    let mut spoken = message(channel, &name, number * 7 % 40);
    let root = match number {
        0..8 => None,
        _ if number.is_multiple_of(3) => Some(number % 8),
        _ if number.is_multiple_of(17) => Some((number + 1) % 8),
        _ => None,
    };
    spoken.thread = root.map(|root| MessageId::of(&event_id(&format!("m{root}"))));
    new(channel, &name, What::MessageCreated(spoken))
}

/// The threads of a channel, the latest first.
async fn compare_threads(index: &ModelIndex, store: &Store, channel: ChannelId) {
    let mine = index.messages.values().filter(|it| it.channel == channel);
    let threads = mine.filter_map(|it| Some((it.reception.thread?, it.id)));
    let mut expected: Vec<_> = threads
        .map(|(thread, root)| (thread.last_at, root, thread.count))
        .collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let mut query = ThreadsQuery {
        channel,
        after: None,
        limit: 2,
    };
    let mut found = Vec::new();
    loop {
        let page = store.receptions.threads(query.clone()).await.expect("read");
        let items = page.items.into_iter();
        found.extend(items.map(|it| (it.summary.last_at, it.root.id, it.summary.count)));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, expected);
}

async fn compare(model: &Model, store: &Store) {
    let index = model.index();
    let (messages, channels) = store.index.counts().await.expect("read");
    assert_eq!(
        (messages, channels),
        (index.messages.len() as u64, CHANNELS)
    );
    for channel in (0..CHANNELS).map(u128::from) {
        let expected: Vec<_> = index
            .messages
            .keys()
            .filter(|(id, _, _)| *id == channel_id(channel))
            .map(|(_, _, event)| event.as_str().to_owned())
            .collect();
        assert_eq!(store.listed(channel).await, expected);
        compare_members(&index, store, channel).await;
        compare_threads(&index, store, channel_id(channel)).await;
    }
    for message in index.messages.values() {
        let stored = store.index.message(message.id).await.expect("read");
        assert_eq!(stored.as_ref(), Some(message));
    }
    let unknown = MessageId::of(&event_id("never said"));
    assert_eq!(store.index.message(unknown).await.expect("read"), None);
    let events: Vec<_> = model.known.keys().cloned().collect();
    let knows = store.journal.knows(&events).await.expect("read");
    assert!(knows.into_iter().all(|known| known));
}

async fn compare_members(index: &ModelIndex, store: &Store, channel: u128) {
    let id = channel_id(channel);
    for membership in [None, Some(Membership::Joined), Some(Membership::Banned)] {
        let is_wanted = |member: &&Member| match membership {
            Some(membership) => member.membership == membership,
            None => matches!(member.membership, Membership::Joined | Membership::Invited),
        };
        let mine = index.members.iter().filter(|((of, _), _)| *of == id);
        let expected: Vec<_> = mine
            .map(|(_, member)| member)
            .filter(is_wanted)
            .cloned()
            .collect();
        let query = MemberQuery {
            channel: id,
            membership,
            after: None,
            limit: 200,
        };
        let page = store.index.members(query).await.expect("read");
        assert_eq!(page.items, expected);
    }
}

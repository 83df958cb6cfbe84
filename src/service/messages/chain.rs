//! Agents that answer agents: two that answer whatever they hear would never end, so after so many
//! answers in a row a person has to speak, or it has to be quiet for a while.

use std::collections::HashMap;
use std::time::Duration;

use super::Messages;
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, MessageId, Millis, UserId};
use crate::domain::message::{Message, MessageKind};
use crate::domain::page::Order;
use crate::domain::{Error, Result};
use crate::store::receptions::ThreadQuery;
use crate::store::{MessageQuery, RenderedPage};

/// How many messages are read at once: mostly the first one decides.
const PAGE: usize = 20;
/// How many pages are looked at at most: a channel may hold much that was said in threads.
const PAGES: usize = 50;

/// The answers that stand at the end of a conversation, as they are counted from its end on.
struct Chain {
    /// Who speaks next.
    speaker: UserId,
    before: Millis,
    /// When something was said last.
    newest: Option<Millis>,
    pause: Millis,
    /// How many answers there may be.
    most: usize,
    length: usize,
    is_over: bool,
}

impl Chain {
    /// Takes the message before into account. A bot that speaks again by itself answers nobody.
    fn look_at(&mut self, message: &Message) {
        self.newest = self.newest.or(Some(message.created_at));
        let is_bot = matches!(message.sender_entity, Entity::Agent { .. })
            || message.kind == MessageKind::Notice;
        if !is_bot || self.is_quiet_before(message) {
            self.is_over = true;
            return;
        }
        if message.sender != self.speaker {
            self.length += 1;
            self.speaker = message.sender.clone();
        }
        self.before = self.before.min(message.created_at);
    }

    /// Whether nobody has spoken for a while behind a message.
    fn is_quiet_before(&self, message: &Message) -> bool {
        self.before.saturating_sub(message.created_at) > self.pause
    }

    fn is_too_long(&self) -> bool {
        self.length > self.most
    }

    fn is_decided(&self) -> bool {
        self.is_over || self.is_too_long()
    }

    /// So much was said in so short a time that its beginning is not to be found: it is too long.
    fn give_up(&mut self) {
        self.length = usize::MAX;
    }
}

impl Messages {
    /// Refuses what an agent would say as one answer too many. A thread that a bot has begun belongs
    /// to the conversation that its root stands in, so that nobody evades by changing between both.
    pub(super) async fn require_end_of_chain(
        &self,
        caller: &Caller,
        channel: ChannelId,
        thread: Option<MessageId>,
    ) -> Result<()> {
        let core = &self.core;
        if !matches!(caller.entity, Entity::Agent { .. }) {
            return Ok(());
        }
        let (rules, now) = (&core.rules.agents, core.clock.now());
        let mut chain = Chain {
            speaker: core.directory.user_id(&caller.entity),
            before: now,
            newest: None,
            pause: rules.chain_pause,
            most: rules.chain,
            length: 0,
            is_over: false,
        };
        let mut behind = None;
        if let Some(root) = thread {
            self.walk_thread(&mut chain, channel, root).await?;
            if !chain.is_decided()
                && let Some(root) = core.store.index.message(root).await?
            {
                chain.look_at(&root);
                behind = Some(root.id);
            }
        }
        if !chain.is_decided() {
            self.walk_main(&mut chain, channel, behind).await?;
        }
        match chain.is_too_long() {
            false => Ok(()),
            true => {
                let quiet_at = chain.newest.unwrap_or(now);
                let quiet_at = quiet_at.saturating_add(rules.chain_pause);
                Err(too_many(rules.chain, quiet_at.saturating_sub(now)))
            }
        }
    }

    /// Looks at what was said in a thread, the newest first.
    async fn walk_thread(
        &self,
        chain: &mut Chain,
        channel: ChannelId,
        root: MessageId,
    ) -> Result<()> {
        let mut after = None;
        for _ in 0..PAGES {
            let page = self.tail(channel, Some(root), after).await?;
            for message in page.messages()? {
                if message.thread == Some(root) {
                    chain.look_at(&message);
                }
                if chain.is_decided() {
                    return Ok(());
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
        chain.give_up();
        Ok(())
    }

    /// Looks at what was said in no thread, the newest first, and with each message at the thread that
    /// it is the root of.
    async fn walk_main(
        &self,
        chain: &mut Chain,
        channel: ChannelId,
        mut after: Option<MessageId>,
    ) -> Result<()> {
        let mut threads: HashMap<MessageId, Vec<Message>> = HashMap::new();
        for _ in 0..PAGES {
            let page = self.tail(channel, None, after).await?;
            for message in page.messages()? {
                if chain.is_quiet_before(&message) {
                    return Ok(());
                }
                if let Some(root) = message.thread {
                    threads.entry(root).or_default().push(message);
                    continue;
                }
                let in_thread = threads.remove(&message.id).unwrap_or_default();
                for message in in_thread.iter().chain([&message]) {
                    chain.look_at(message);
                    if chain.is_decided() {
                        return Ok(());
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
        chain.give_up();
        Ok(())
    }

    /// The latest messages before another one, the newest first.
    async fn tail(
        &self,
        channel: ChannelId,
        thread: Option<MessageId>,
        after: Option<MessageId>,
    ) -> Result<RenderedPage> {
        let store = &self.core.store;
        let (order, limit) = (Order::Descending, PAGE);
        let page = match thread {
            Some(root) => {
                let query = ThreadQuery {
                    channel,
                    root,
                    after,
                    order,
                    limit,
                };
                store.receptions.thread_messages(query).await?
            }
            None => {
                let query = MessageQuery {
                    channel,
                    after,
                    at: None,
                    order,
                    limit,
                };
                store.index.messages(query).await?
            }
        };
        // The index is being made anew: there is nothing to count.
        Ok(page.unwrap_or_default())
    }
}

fn too_many(most: usize, wait: Millis) -> Error {
    Error::TooMany {
        message: format!(
            "agents have answered each other {most} times in a row here (agents.chain): a person \
             has to speak first, or nobody for a while (agents.chain_pause)"
        ),
        retry_after: Duration::from_millis(wait.max(1_000)),
    }
}

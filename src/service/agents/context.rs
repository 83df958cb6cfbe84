//! What was said lately in a channel or thread, in a compact form for an agent's memory.

use super::Agents;
use crate::domain::access::{Caller, Right};
use crate::domain::channel::Channel;
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::message::{Message, MessageKind};
use crate::domain::page::Order;
use crate::domain::{Error, Result};
use crate::service::messages::Start;
use crate::store::RenderedPage;

/// The most messages, and characters of their texts.
const MOST_MESSAGES: usize = 200;
const MOST_CHARS: usize = 200_000;
/// How many messages are looked at for each that is wanted: some are deleted.
const LOOKED_AT: usize = 4;

/// What is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContextQuery {
    pub channel: ChannelId,
    /// The root of a thread; the whole channel when absent.
    pub thread: Option<MessageId>,
    pub limit: usize,
    /// How many characters all texts may have together.
    pub max_chars: usize,
}

/// What was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    /// Oldest first.
    pub messages: Vec<Remembered>,
    /// Whether something was said before these, that is, there was no room for it.
    pub has_more: bool,
    /// Why there is nothing.
    pub why: Option<&'static str>,
}

/// A message with its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    pub message: Message,
    pub text: String,
    /// Whether the text goes on.
    pub is_cut: bool,
}

impl ContextQuery {
    fn check(&self) -> Result<()> {
        for (field, given, most) in [
            ("limit", self.limit, MOST_MESSAGES),
            ("max_chars", self.max_chars, MOST_CHARS),
        ] {
            if !(1..=most).contains(&given) {
                return Err(Error::invalid(field, format!("must be from 1 to {most}")));
            }
        }
        Ok(())
    }
}

impl Agents {
    /// The latest messages of a channel or thread that an agent is a member of.
    pub async fn context(&self, caller: &Caller, query: ContextQuery) -> Result<Context> {
        query.check()?;
        let core = &self.core;
        let channel = core.visible(caller, query.channel).await?;
        core.require(Right::Recall, caller, &channel).await?;
        if channel.confidential {
            return Ok(Context {
                messages: Vec::new(),
                has_more: false,
                why: Some("encrypted"),
            });
        }
        let (latest, has_more) = self.latest(caller, &query).await?;
        self.fill(&channel, latest, query.max_chars, has_more).await
    }

    /// The latest messages, newest first, without those that are deleted, and whether there are
    /// more.
    async fn latest(&self, caller: &Caller, query: &ContextQuery) -> Result<(Vec<Message>, bool)> {
        let mut found = Vec::new();
        let mut after = None;
        for _ in 0..LOOKED_AT {
            let page = self.page(caller, query, after).await?;
            for message in page.messages()? {
                if message.deleted || message.kind == MessageKind::Encrypted {
                    continue;
                }
                if found.len() == query.limit {
                    return Ok((found, true));
                }
                found.push(message);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let Some(root) = query.thread.filter(|_| after.is_none()) else {
            return Ok((found, after.is_some()));
        };
        // What a thread is about stands before it.
        let root = self.messages.get(caller, query.channel, root).await?;
        let is_full = found.len() == query.limit;
        if !root.deleted && !is_full {
            found.push(root);
        }
        Ok((found, is_full))
    }

    async fn page(
        &self,
        caller: &Caller,
        query: &ContextQuery,
        after: Option<MessageId>,
    ) -> Result<RenderedPage> {
        let (channel, newest_first, limit) = (query.channel, Order::Descending, query.limit);
        let messages = &self.messages;
        match query.thread {
            Some(root) => {
                let page =
                    messages.thread_messages(caller, channel, root, after, newest_first, limit);
                page.await
            }
            None => {
                let start = after.map_or(Start::End, Start::After);
                let page = messages.list(caller, channel, start, newest_first, limit);
                page.await
            }
        }
    }

    /// Gives each message its whole text, as long as there is room. The newest come first, and the
    /// very newest is cut when it is too long by itself.
    async fn fill(
        &self,
        channel: &Channel,
        mut latest: Vec<Message>,
        max_chars: usize,
        mut has_more: bool,
    ) -> Result<Context> {
        // What there is no room for even in parts is not fetched.
        let fitting = fitting(&latest, max_chars);
        has_more |= fitting < latest.len();
        latest.truncate(fitting);
        let long: Vec<_> = latest.iter().filter(|it| it.truncated).cloned().collect();
        let mut whole = self.messages.contents(channel.id, &long).await?.into_iter();
        let mut left = max_chars;
        let mut messages = Vec::with_capacity(latest.len());
        for message in latest {
            let content = match message.truncated {
                true => whole.next().flatten(),
                false => None,
            };
            let (text, is_gone) = match content {
                Some(content) => (content.body.clone(), false),
                None => (message.preview.clone(), message.truncated),
            };
            let length = text.chars().count();
            if length > left && !messages.is_empty() {
                has_more = true;
                break;
            }
            left = left.saturating_sub(length);
            messages.push(Remembered {
                message,
                is_cut: is_gone || length > max_chars,
                text: text.chars().take(max_chars).collect(),
            });
        }
        messages.reverse();
        Ok(Context {
            messages,
            has_more,
            why: None,
        })
    }
}

/// How many of these messages have room at the most: a whole text is no shorter than its preview. The
/// first one has always.
fn fitting(latest: &[Message], max_chars: usize) -> usize {
    let mut left = max_chars;
    let has_room = |message: &&Message| {
        let length = message.preview.chars().count();
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    };
    let fitting = latest.iter().take_while(has_room).count();
    fitting.max(1)
}

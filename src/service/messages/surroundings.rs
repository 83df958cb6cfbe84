//! A message among those around it, and where it is found.

use std::fmt::Write as _;

use super::Messages;
use crate::domain::access::Caller;
use crate::domain::channel::{Channel, ChannelKind};
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::message::Message;
use crate::domain::page::Order;
use crate::domain::{Error, Result};
use crate::store::{MessageQuery, RenderedPage};

/// What was said before and after a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Surroundings {
    pub message: Message,
    /// Newest first, its `next` leading further back.
    pub before: RenderedPage,
    /// Oldest first, its `next` leading further on.
    pub after: RenderedPage,
}

/// Addresses that lead to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Links {
    /// Opens any Matrix client (client-server API, "Matrix URIs", "matrix.to navigation").
    pub matrix_to: String,
    /// Our own page; `None` when nobody has said where it is.
    pub page: Option<String>,
}

impl Messages {
    /// A message with so many before and after it.
    pub async fn surroundings(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: MessageId,
        (before, after): (usize, usize),
    ) -> Result<Surroundings> {
        let message = self.get(caller, channel, id).await?;
        let side = |order, limit| self.side(channel, id, order, limit);
        Ok(Surroundings {
            message,
            before: side(Order::Descending, before).await?,
            after: side(Order::Ascending, after).await?,
        })
    }

    async fn side(
        &self,
        channel: ChannelId,
        after: MessageId,
        order: Order,
        limit: usize,
    ) -> Result<RenderedPage> {
        let query = MessageQuery {
            channel,
            after: Some(after),
            at: None,
            order,
            limit,
        };
        let page = self.core.store.index.messages(query).await?;
        // It was there a moment ago; the index is being made anew.
        page.ok_or_else(|| Error::not_found(format!("no message {after} in this channel")))
    }

    /// Where a message is found.
    pub async fn links(&self, message: &Message) -> Result<Links> {
        let core = &self.core;
        let id = message.channel;
        let channel = core.directory.channel(id);
        let channel = channel.ok_or_else(|| Error::not_found(format!("no channel {id}")))?;
        // A homeserver that is away keeps nobody from reading.
        let room = core.room_of(&channel, &message.event).await;
        let room = room.unwrap_or_else(|_| channel.room.clone());
        let (room, event) = (encoded(room.as_str()), encoded(message.event.as_str()));
        // The id of a room names no server; ours is in it as long as daarion is.
        let via = encoded(&core.directory.naming.server_name);
        let base = core.rules.public_url.as_deref();
        Ok(Links {
            matrix_to: format!("https://matrix.to/#/{room}/{event}?via={via}"),
            page: base.map(|base| format!("{base}{}?message={}", page(&channel), message.id)),
        })
    }
}

/// The path of a channel's page in the web application.
fn page(channel: &Channel) -> String {
    match channel.kind {
        ChannelKind::City => format!("/city/{}", encoded(&channel.slug)),
        ChannelKind::Channel | ChannelKind::Gateway => format!("/channels/{}", channel.id),
    }
}

/// A text as a part of an address: all but RFC 3986's unreserved characters is escaped.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_addresses_are_escaped() {
        assert_eq!(encoded("!room:s.org"), "%21room%3As.org");
        assert_eq!(encoded("$a-b_c~/?#&"), "%24a-b_c~%2F%3F%23%26");
        assert_eq!(encoded("ї"), "%D1%97");
    }
}

//! What an API key needs for each operation of the public listener: the one table, by the names of
//! the operations. An operation without a row is for no key, and fails a test.

use std::collections::HashMap;
use std::sync::OnceLock;

use poem::http::Method;
use poem::{PathPattern, Request};
use poem_openapi::OpenApi;
use poem_openapi::registry::MetaPath;

use super::Public;
use super::system::SystemApi;
use crate::domain::key::KeyScope;

/// What a key needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// The operation is for everybody, or asks in a way of its own who is there.
    Nothing,
    /// To be one.
    AnyKey,
    /// To be something else: the operation is for people themselves, or for operators.
    NoKey,
    /// A scope. Of one channel the key must be for that; of a list it sees those that it is for.
    Scope(KeyScope),
    /// A scope, and to be for all channels.
    Everywhere(KeyScope),
}

use KeyScope::{
    ChannelsManage, ChannelsRead, MembersManage, MembersRead, MessagesRead, MessagesSend,
};
use Needs::{AnyKey, Everywhere, NoKey, Nothing, Scope};

/// The table.
pub const TABLE: &[(&str, Needs)] = &[
    // The city.
    ("getCity", Nothing),
    ("listCityRooms", Scope(ChannelsRead)),
    ("getCityRoom", Scope(ChannelsRead)),
    ("createCityRoom", Everywhere(ChannelsManage)),
    ("updateCityRoom", Scope(ChannelsManage)),
    ("archiveCityRoom", Scope(ChannelsManage)),
    ("unarchiveCityRoom", Scope(ChannelsManage)),
    // Channels.
    ("listChannels", Scope(ChannelsRead)),
    ("getChannel", Scope(ChannelsRead)),
    ("createChannel", Everywhere(ChannelsManage)),
    ("listChannelAudit", Scope(ChannelsManage)),
    ("exportChannelAudit", Scope(ChannelsManage)),
    ("adoptRoom", Everywhere(ChannelsManage)),
    ("updateChannel", Scope(ChannelsManage)),
    ("archiveOwnChannel", Scope(ChannelsManage)),
    ("unarchiveOwnChannel", Scope(ChannelsManage)),
    // Microdaos.
    ("listMicrodaos", Scope(ChannelsRead)),
    ("getMicrodao", Scope(ChannelsRead)),
    ("createMicrodao", Everywhere(ChannelsManage)),
    ("updateMicrodao", Everywhere(ChannelsManage)),
    ("listMicrodaoChannels", Scope(ChannelsRead)),
    ("listMicrodaoMembers", Scope(MembersRead)),
    // Messages.
    ("listMessages", Scope(MessagesRead)),
    ("getMessage", Scope(MessagesRead)),
    ("getMessageFile", Scope(MessagesRead)),
    ("listenToChannel", Scope(MessagesRead)),
    ("getMessageContext", Scope(MessagesRead)),
    ("listReactions", Scope(MessagesRead)),
    ("listOwnReactions", Scope(MessagesRead)),
    ("listThreads", Scope(MessagesRead)),
    ("getThread", Scope(MessagesRead)),
    ("listThreadMessages", Scope(MessagesRead)),
    ("listPins", Scope(MessagesRead)),
    ("sendMessage", Scope(MessagesSend)),
    ("editMessage", Scope(MessagesSend)),
    ("scheduleMessage", Scope(MessagesSend)),
    ("listScheduled", Scope(MessagesSend)),
    ("getScheduled", Scope(MessagesSend)),
    ("changeScheduled", Scope(MessagesSend)),
    ("cancelScheduled", Scope(MessagesSend)),
    ("deleteMessage", Scope(MessagesSend)),
    ("addReaction", Scope(MessagesSend)),
    ("removeReaction", Scope(MessagesSend)),
    ("pinMessage", Scope(MessagesSend)),
    ("unpinMessage", Scope(MessagesSend)),
    ("getMessageDeletion", Scope(ChannelsManage)),
    ("deleteMessagesOfSender", Scope(ChannelsManage)),
    ("listCommands", Scope(MessagesRead)),
    // Agents. To say what one can be asked to do is to speak.
    ("listPublicAgents", AnyKey),
    ("getPublicAgent", AnyKey),
    ("setOwnAgentCommands", Scope(MessagesSend)),
    ("createOwnAgent", NoKey),
    ("updateOwnAgent", NoKey),
    ("deactivateOwnAgent", NoKey),
    ("reactivateOwnAgent", NoKey),
    ("listOwnAgentTokens", NoKey),
    ("createOwnAgentToken", NoKey),
    ("revokeOwnAgentToken", NoKey),
    // Members.
    ("listMembers", Scope(MembersRead)),
    ("getMember", Scope(MembersRead)),
    ("listBans", Scope(MembersRead)),
    ("inviteMember", Scope(MembersManage)),
    ("updateMember", Scope(MembersManage)),
    ("removeMember", Scope(MembersManage)),
    ("banMember", Scope(MembersManage)),
    ("unbanMember", Scope(MembersManage)),
    ("muteMember", Scope(MembersManage)),
    ("unmuteMember", Scope(MembersManage)),
    ("setSlowMode", Scope(ChannelsManage)),
    ("setKnocking", Scope(ChannelsManage)),
    ("knockAtChannel", Scope(MembersManage)),
    ("knockByAlias", Everywhere(MembersManage)),
    ("listKnocks", Scope(MembersRead)),
    ("approveKnock", Scope(MembersManage)),
    ("denyKnock", Scope(MembersManage)),
    ("joinChannel", Scope(MembersManage)),
    ("leaveChannel", Scope(MembersManage)),
    ("listInviteLinks", Scope(MembersManage)),
    ("createInviteLink", Scope(MembersManage)),
    ("revokeInviteLink", Scope(MembersManage)),
    ("getInvite", Nothing),
    ("acceptInvite", NoKey),
    // People themselves: nothing of it is handed on.
    ("listSignInMethods", Nothing),
    ("login", Nothing),
    ("loginWithOpenId", Nothing),
    ("beginSso", Nothing),
    ("finishSso", Nothing),
    ("refresh", Nothing),
    ("logout", Nothing),
    ("getMe", AnyKey),
    ("createTicket", NoKey),
    ("listSessions", NoKey),
    ("endSession", NoKey),
    ("endOtherSessions", NoKey),
    ("listKeys", NoKey),
    ("createKey", NoKey),
    ("revokeKey", NoKey),
    // Files, by signed addresses.
    ("showMedia", Nothing),
    ("showMediaThumbnail", Nothing),
    // The program itself.
    ("health", Nothing),
    ("healthz", Nothing),
    ("readyz", Nothing),
];

/// What is below this is for operators, and for no key.
const OPERATORS: &str = "/api/admin/";
/// The parameter of a path that names a channel.
const CHANNEL: &str = "{channel_id}";

/// An operation, by its place.
struct Place {
    needs: Needs,
    /// Which part of the path is the id of a channel.
    channel: Option<usize>,
}

/// What a request is about, as far as a key is concerned.
pub struct Asked<'a> {
    pub needs: Needs,
    /// The id of a channel, as it stands in the path.
    pub channel: Option<&'a str>,
}

/// What the operation of a request needs; `None` when it is none that is known.
pub fn asked(request: &Request) -> Option<Asked<'_>> {
    let pattern = request.data::<PathPattern>()?;
    let place = places().get(&(request.method().clone(), shape(&pattern.0)))?;
    let part = |at: usize| request.uri().path().split('/').nth(at);
    Some(Asked {
        needs: place.needs,
        channel: place.channel.and_then(part),
    })
}

/// What an operation needs.
#[must_use]
pub fn needs(operation_id: &str, path: &str) -> Option<Needs> {
    if path.starts_with(OPERATORS) {
        return Some(NoKey);
    }
    let row = TABLE.iter().find(|(id, _)| *id == operation_id);
    row.map(|(_, needs)| *needs)
}

/// All places, by method and shape of the path.
fn places() -> &'static HashMap<(Method, String), Place> {
    static PLACES: OnceLock<HashMap<(Method, String), Place>> = OnceLock::new();
    PLACES.get_or_init(|| {
        let place = |(method, path, id): (Method, String, &str)| {
            let place = Place {
                needs: needs(id, &path)?,
                channel: path.split('/').position(|part| part == CHANNEL),
            };
            Some(((method, shape(&path)), place))
        };
        operations().filter_map(place).collect()
    })
}

/// The operations of the public listener: method, path, name.
fn operations() -> impl Iterator<Item = (Method, String, &'static str)> {
    let apis = Public::meta().into_iter().chain(SystemApi::meta());
    apis.flat_map(|api| api.paths).flat_map(|path| {
        let MetaPath { path, operations } = path;
        let named = operations.into_iter();
        named.map(move |it| (it.method, path.clone(), it.operation_id.unwrap_or_default()))
    })
}

/// A path with its parameters made alike, which routes and documents name differently.
fn shape(path: &str) -> String {
    let parts: Vec<_> = path.split('/').map(alike).collect();
    parts.join("/")
}

fn alike(part: &str) -> &str {
    match part.starts_with([':', '{']) {
        true => "{}",
        false => part,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_public_operation_says_what_a_key_needs() {
        let mut named = HashSet::new();
        for (method, path, id) in operations() {
            let says = needs(id, &path).is_some();
            assert!(says, "{method} {path} ({id:?}) has no row in api/scopes.rs");
            named.insert(id);
        }
        let mut rows = HashSet::new();
        for (id, _) in TABLE {
            assert!(named.contains(id), "{id} is no operation any more");
            assert!(rows.insert(id), "{id} stands twice");
        }
    }

    #[test]
    fn what_is_for_one_channel_is_known_by_its_path() {
        for (method, path, id) in operations() {
            let place = &places()[&(method, shape(&path))];
            let part = |at| path.split('/').nth(at);
            let expected = path.contains(CHANNEL).then_some(CHANNEL);
            assert_eq!(place.channel.and_then(part), expected, "{id}");
        }
    }

    #[test]
    fn routes_and_documents_have_one_shape() {
        let shapes = ["/ws/messaging/:channel_id", "/ws/messaging/{channel_id}"].map(shape);
        assert_eq!(shapes, ["/ws/messaging/{}", "/ws/messaging/{}"]);
    }
}

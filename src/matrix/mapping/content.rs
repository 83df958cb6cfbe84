//! The content of a message event: its fields, its text and its file, as clients write them
//! (client-server API, "Instant messaging"; extensible text and polls: MSC1767, MSC3381).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;
use crate::directory::Directory;
use crate::domain::id::UserId;
use crate::domain::message::{Media, Mentions};

/// The longest `msgtype` and MIME type that we keep, in bytes.
pub(super) const MAX_WORD: usize = 255;
/// How many of those whom a message calls we keep.
const MAX_MENTIONS: usize = 50;
/// The longest `mxc://` address that we keep, in bytes.
const MAX_ADDRESS: usize = 1_024;

#[derive(Default, Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub msgtype: Option<&'a RawValue>,
    #[serde(borrow)]
    pub body: Option<&'a RawValue>,
    #[serde(borrow)]
    pub format: Option<&'a RawValue>,
    #[serde(borrow)]
    pub formatted_body: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    #[serde(borrow, rename = "m.relates_to")]
    pub relates_to: Option<&'a RawValue>,
    #[serde(borrow, rename = "m.new_content")]
    pub new_content: Option<&'a RawValue>,
    #[serde(borrow, rename = "m.mentions")]
    mentions: Option<&'a RawValue>,
    #[serde(borrow, rename = "city.daarion.sending")]
    pub sending: Option<&'a RawValue>,
    #[serde(borrow, rename = "m.poll")]
    poll: Option<&'a RawValue>,
    #[serde(borrow, rename = "org.matrix.msc3381.poll.start")]
    unstable_poll: Option<&'a RawValue>,
    #[serde(borrow, rename = "m.text")]
    text: Option<&'a RawValue>,
    #[serde(borrow, rename = "org.matrix.msc1767.text")]
    unstable_text: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Poll<'a> {
    #[serde(borrow)]
    question: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Called<'a> {
    #[serde(borrow)]
    user_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    room: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    mimetype: Option<&'a RawValue>,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
}

impl<'a> Content<'a> {
    /// The plain text of a message; of a poll its question.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match json::field::<Poll>(self.poll.or(self.unstable_poll)) {
            Some(poll) => json::field::<Content>(poll.question)
                .and_then(|question| question.extensible_text().or(json::text(question.body)))
                .or_else(|| self.extensible_text()),
            None => json::text(self.body).or_else(|| self.extensible_text()),
        }
    }

    /// A list of representations, of which the unstable form was one bare string.
    fn extensible_text(&self) -> Option<Cow<'a, str>> {
        let raw = self.text.or(self.unstable_text);
        if let Some(text) = json::text(raw) {
            return Some(text);
        }
        json::list(raw?)?
            .into_iter()
            .find_map(|one| json::text(json::object::<Content>(one)?.body))
    }

    /// Whom it calls (client-server API, "User and room mentions").
    pub fn mentions(&self, directory: &Directory) -> Mentions {
        let Some(said) = json::field::<Called>(self.mentions) else {
            return Mentions::default();
        };
        let listed = said.user_ids.and_then(json::list).unwrap_or_default();
        let mut entities = Vec::new();
        for one in listed.into_iter().take(MAX_MENTIONS) {
            let user = json::text(Some(one)).and_then(|user| UserId::parse(&user));
            let entity = user.map(|user| directory.entity(&user));
            entities.extend(entity.filter(|entity| !entities.contains(entity)));
        }
        Mentions {
            entities,
            room: json::boolean(said.room) == Some(true),
        }
    }

    /// The file that a message carries.
    pub fn media(&self) -> Media {
        let info: Option<Info> = json::field(self.info);
        let mimetype = info.as_ref().and_then(|info| json::text(info.mimetype));
        Media {
            // An encrypted file has "file" instead, which holds its key: not ours to keep.
            url: json::text(self.url)
                .filter(|url| url.starts_with("mxc://") && url.len() <= MAX_ADDRESS)
                .map(Cow::into_owned),
            mimetype: mimetype
                .filter(|mimetype| mimetype.len() <= MAX_WORD)
                .map(Cow::into_owned),
            size: info.and_then(|info| json::integer(info.size)),
        }
    }
}

/// The text without the quoted message that older clients begin a reply with, for clients
/// that know no replies (removed from the specification by MSC2781). It names the quoted
/// sender in its first line; a quotation that does not was written by the author.
pub(super) fn without_fallback(text: &str, is_reply: bool) -> &str {
    let is_fallback = ["> <@", "> * <@"].iter().any(|it| text.starts_with(it));
    if !is_reply || !is_fallback {
        return text;
    }
    let mut rest = text;
    while rest.starts_with("> ") {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.strip_prefix('\n').unwrap_or(rest)
}

//! Invite links.

use poem_openapi::Object;
use uuid::Uuid;

use crate::api::time::Time;
use crate::domain::invite;
use crate::service::invites;

/// An invite link. Its code is shown once, when it is made.
#[derive(Object, Clone, Debug)]
pub struct InviteLink {
    pub id: Uuid,
    pub channel_id: Uuid,
    /// The entity whose invitation it is: when they may invite nobody any more, it leads nowhere.
    pub created_by: String,
    pub created_at: Time,
    /// When it ends; null: it does not end by itself.
    pub expires_at: Option<Time>,
    /// How many people may come by it; null: as many as there are.
    pub max_uses: Option<u32>,
    /// How many have.
    pub uses: u32,
}

impl From<invite::InviteLink> for InviteLink {
    fn from(link: invite::InviteLink) -> Self {
        Self {
            id: link.id,
            channel_id: link.channel.0,
            created_by: link.created_by.to_string(),
            created_at: Time(link.created_at),
            expires_at: link.expires_at.map(Time),
            max_uses: link.max_uses,
            uses: link.uses,
        }
    }
}

/// The links of a channel.
#[derive(Object, Clone, Debug)]
pub struct InviteLinkList {
    pub items: Vec<InviteLink>,
    /// Always null: all are in one page.
    pub next: Option<String>,
}

/// A link that was just made.
#[derive(Object, Clone, Debug)]
pub struct MadeInviteLink {
    #[oai(flatten)]
    pub link: InviteLink,
    /// Shown this once. Whoever has it may come in.
    pub code: String,
    /// `<listen.public_url>/invite/<code>`; null while the configuration does not say where people
    /// reach this installation.
    pub url: Option<String>,
}

impl From<invites::MadeLink> for MadeInviteLink {
    fn from(made: invites::MadeLink) -> Self {
        Self {
            link: made.link.into(),
            code: made.code,
            url: made.url,
        }
    }
}

/// A link to be made.
#[derive(Object, Clone, Debug)]
pub struct NewInviteLink {
    /// For how many seconds it is good, at most a year; null or absent: until it is revoked.
    pub expires_in: Option<u64>,
    /// How many people may come by it, at most 100,000; null or absent: as many as there are.
    pub max_uses: Option<u32>,
}

impl From<NewInviteLink> for invite::Terms {
    fn from(new: NewInviteLink) -> Self {
        Self {
            expires_in: new.expires_in,
            max_uses: new.max_uses,
        }
    }
}

/// Where a link leads.
#[derive(Object, Clone, Debug)]
pub struct InviteDestination {
    /// What the channel is called.
    pub channel_name: String,
    /// May be empty.
    pub channel_description: String,
    /// The entity whose invitation it is.
    pub invited_by: String,
    /// What they are called in the channel; null without a display name.
    pub invited_by_name: Option<String>,
    /// When the link ends; null: it does not end by itself.
    pub expires_at: Option<Time>,
}

impl From<invites::Destination> for InviteDestination {
    fn from(destination: invites::Destination) -> Self {
        Self {
            channel_name: destination.channel.name.clone(),
            channel_description: destination.channel.description.clone(),
            invited_by: destination.link.created_by.to_string(),
            invited_by_name: destination.invited_by,
            expires_at: destination.link.expires_at.map(Time),
        }
    }
}

/// Where somebody is now.
#[derive(Object, Clone, Debug)]
pub struct AcceptedInvite {
    pub channel_id: Uuid,
}

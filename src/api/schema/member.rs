//! Members.

use poem_openapi::{Enum, Object};

use super::Membership;
use crate::api::time::Time;
use crate::domain::access::Role as DomainRole;
use crate::domain::page::Page;
use crate::service::members::MemberView;

/// A member of a channel.
#[derive(Object, Clone, Debug)]
pub struct Member {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub member_id: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// `human` or `agent`.
    pub member_type: String,
    /// As the member is called in this channel; null without a display name.
    pub display_name: Option<String>,
    /// How the member stands to the channel.
    pub membership: Membership,
    /// What the member is here, by the power level: `owner` (from 100 on), `admin` (75),
    /// `moderator` (50), `member` (0) or `guest` (below 0). An agent is `agent` at any level.
    pub role: String,
    /// The power level in the Matrix room; null for a creator of a room of version 12, who stands
    /// above all numbers.
    pub power_level: Option<i64>,
    /// Until when the member has no word (a mute); null when they have.
    pub muted_until: Option<Time>,
    /// Why they are muted; null when nothing was said.
    pub mute_reason: Option<String>,
    /// The Matrix user who brought the membership about.
    pub by: String,
    /// Since when.
    pub since: Time,
    /// Why, as whoever brought it about has said, of a removal or a ban for instance; null when
    /// nothing was said.
    pub reason: Option<String>,
}

impl Member {
    /// A member as the contract shows it.
    #[must_use]
    pub fn new(view: MemberView) -> Self {
        let MemberView {
            member,
            power,
            mute,
        } = view;
        let role = member.role(power).to_owned();
        Self {
            member_id: member.entity.to_string(),
            matrix_user_id: member.user.to_string(),
            member_type: member.entity.kind().as_str().to_owned(),
            display_name: member.display_name,
            membership: member.membership.into(),
            role,
            power_level: power.level(),
            muted_until: mute.as_ref().map(|mute| Time(mute.until)),
            mute_reason: mute.and_then(|mute| mute.reason),
            by: member.by.to_string(),
            since: Time(member.since),
            reason: member.reason,
        }
    }
}

/// A page of members.
#[derive(Object, Clone, Debug)]
pub struct MemberPage {
    pub items: Vec<Member>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<MemberView>> for MemberPage {
    fn from(page: Page<MemberView>) -> Self {
        Self {
            items: page.items.into_iter().map(Member::new).collect(),
            next: page.next,
        }
    }
}

/// Somebody to be invited.
#[derive(Object, Clone, Debug)]
pub struct Invitation {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`. Agents come in at
    /// once, people join, here or in their client.
    pub member_id: String,
}

/// What somebody can be made in a channel, each by a power level of the Matrix room.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum Role {
    /// 100.
    Owner,
    /// 75.
    Admin,
    /// 50.
    Moderator,
    /// 0, or what those have in this room who are not named.
    Member,
    /// Below 0: in most rooms they read and do not speak.
    Guest,
}

impl From<Role> for DomainRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Moderator => Self::Moderator,
            Role::Member => Self::Member,
            Role::Guest => Self::Guest,
        }
    }
}

/// What is to be changed of a member.
#[derive(Object, Clone, Debug)]
pub struct MemberPatch {
    pub role: Role,
}

/// Why something is done.
#[derive(Object, Clone, Debug, Default)]
pub struct Reason {
    /// For people; at most 1,000 characters. Everybody in the room may read it.
    pub reason: Option<String>,
}

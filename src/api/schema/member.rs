//! Members.

use poem_openapi::Object;

use super::Membership;
use crate::api::time::Time;
use crate::domain::member::Member as DomainMember;

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
    /// `owner`, `member` or `agent`.
    pub role: String,
    /// The Matrix user who brought the membership about.
    pub by: String,
    /// Since when.
    pub since: Time,
}

impl Member {
    /// A member as the contract shows it.
    #[must_use]
    pub fn new(member: &DomainMember, created_by: Option<&str>) -> Self {
        Self {
            member_id: member.entity.to_string(),
            matrix_user_id: member.user.to_string(),
            member_type: member.entity.kind().as_str().to_owned(),
            display_name: member.display_name.clone(),
            membership: member.membership.into(),
            role: member.role(created_by).to_owned(),
            by: member.by.to_string(),
            since: Time(member.since),
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

/// Somebody to be invited.
#[derive(Object, Clone, Debug)]
pub struct Invitation {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`. Agents come in at
    /// once, people accept in their client.
    pub member_id: String,
}

//! Members, version 1: inside events and as rows of the index.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Record, damaged, word};
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::domain::member::{Member, Membership};
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct MemberRecord<'a> {
    #[serde(borrow)]
    user: Cow<'a, str>,
    entity: String,
    #[serde(borrow)]
    membership: Cow<'a, str>,
    #[serde(borrow)]
    display_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    by: Cow<'a, str>,
    since: u64,
    /// Added later.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> for MemberRecord<'a> {
    const NAME: &'static str = "member";
    const VERSION: u8 = 1;
}

impl<'a> From<&'a Member> for MemberRecord<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            user: member.user.as_str().into(),
            entity: member.entity.to_string(),
            membership: member.membership.as_str().into(),
            display_name: member.display_name.as_deref().map(Cow::from),
            by: member.by.as_str().into(),
            since: member.since,
            reason: member.reason.as_deref().map(Cow::from),
        }
    }
}

impl TryFrom<MemberRecord<'_>> for Member {
    type Error = StoreError;

    fn try_from(record: MemberRecord<'_>) -> Result<Self, StoreError> {
        let entity = Entity::parse(&record.entity)
            .ok_or_else(|| damaged("member", &format!("no entity: {:?}", record.entity)))?;
        Ok(Self {
            user: UserId::trusted(record.user),
            entity,
            membership: word("member", Membership::parse, &record.membership)?,
            display_name: record.display_name.map(Cow::into_owned),
            by: UserId::trusted(record.by),
            since: record.since,
            reason: record.reason.map(Cow::into_owned),
        })
    }
}

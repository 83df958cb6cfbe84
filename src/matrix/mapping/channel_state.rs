//! The content of our own state events, `city.daarion.channel` and `city.daarion.microdao`, both
//! ways. It is a contract: the index can be rebuilt from rooms that an older or a newer daarion has
//! marked.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::json;
use crate::domain::channel::{ChannelKind, ChannelStatus, Visibility, check_microdao};
use crate::domain::entity::Entity;
use crate::domain::id::ChannelId;
use crate::domain::{Error, Result, microdao, slug};
use crate::homeserver::{ChannelState, MicrodaoState};

/// Fields may be added to a version; a new version is for what older readers would misread.
const VERSION: u64 = 1;

/// The event's content.
pub fn channel_state(state: &ChannelState) -> Result<Box<RawValue>> {
    let mut content = serde_json::json!({
        "version": VERSION,
        "id": state.id,
        "kind": state.kind.as_str(),
        "slug": state.slug,
        "microdao": state.microdao,
        "visibility": state.visibility.as_str(),
        "confidential": state.confidential,
        "status": state.status.as_str(),
        "is_default": state.is_default,
        "slow_mode_seconds": state.slow_mode_seconds,
        "created_by": state.created_by,
        "created_at": state.created_at,
    });
    if let Some(entity) = &state.changed_by {
        content["changed_by"] = entity.as_str().into();
    }
    to_raw_value(&content).map_err(|error| Error::internal(error.to_string()))
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    slug: Option<&'a RawValue>,
    #[serde(borrow)]
    microdao: Option<&'a RawValue>,
    #[serde(borrow)]
    visibility: Option<&'a RawValue>,
    #[serde(borrow)]
    confidential: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    is_default: Option<&'a RawValue>,
    /// Added later.
    #[serde(borrow)]
    slow_mode_seconds: Option<&'a RawValue>,
    #[serde(borrow)]
    created_by: Option<&'a RawValue>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
    /// Added later.
    #[serde(borrow)]
    changed_by: Option<&'a RawValue>,
}

/// Reads the event's content; `None` when it is of another version or not what we write.
#[must_use]
pub fn read_channel_state(content: &RawValue) -> Option<ChannelState> {
    let content: Content = json::object(content)?;
    if json::integer(content.version)? != VERSION {
        return None;
    }
    let owned = |raw| json::text(raw).map(Cow::into_owned);
    let entity = |raw| owned(raw).filter(|entity| Entity::parse(entity).is_some());
    let state = ChannelState {
        id: ChannelId::parse(&json::text(content.id)?)?,
        kind: ChannelKind::parse(&json::text(content.kind)?)?,
        slug: owned(content.slug)?,
        microdao: owned(content.microdao)?,
        visibility: Visibility::parse(&json::text(content.visibility)?)?,
        confidential: json::boolean(content.confidential)?,
        status: ChannelStatus::parse(&json::text(content.status)?)?,
        is_default: json::boolean(content.is_default)?,
        slow_mode_seconds: json::integer(content.slow_mode_seconds)
            .and_then(|seconds| u32::try_from(seconds).ok())
            .unwrap_or(0),
        created_by: entity(content.created_by),
        created_at: json::integer(content.created_at)?,
        changed_by: entity(content.changed_by),
    };
    let fits = slug::check(&state.slug).is_ok() && check_microdao(&state.microdao).is_ok();
    fits.then_some(state)
}

/// The content of the state event of a microdao's space.
pub fn microdao_state(state: &MicrodaoState) -> Result<Box<RawValue>> {
    to_raw_value(&serde_json::json!({
        "version": VERSION,
        "id": state.id,
        "created_by": state.created_by,
        "created_at": state.created_at,
    }))
    .map_err(|error| Error::internal(error.to_string()))
}

/// Reads it; `None` when it is of another version or not what we write.
pub(super) fn read_microdao(content: &RawValue) -> Option<MicrodaoState> {
    let content: Content = json::object(content)?;
    if json::integer(content.version)? != VERSION {
        return None;
    }
    let owned = |raw| json::text(raw).map(Cow::into_owned);
    let state = MicrodaoState {
        id: owned(content.id)?,
        created_by: owned(content.created_by).filter(|entity| Entity::parse(entity).is_some()),
        created_at: json::integer(content.created_at)?,
    };
    microdao::is_id(&state.id).then_some(state)
}

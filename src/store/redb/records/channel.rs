//! Channels, version 1: as they stand in the journal, and as rows of the index.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Record, word};
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, ChannelStatus, Visibility};
use crate::domain::id::{ChannelId, Millis, RoomAlias, RoomId};
use crate::store::StoreError;

/// A channel inside an event.
#[derive(Clone, Serialize, Deserialize)]
pub struct ChannelRecord {
    id: Uuid,
    kind: String,
    slug: String,
    name: String,
    description: String,
    microdao: String,
    visibility: String,
    confidential: bool,
    status: String,
    is_default: bool,
    /// Added later, as is the next.
    #[serde(default)]
    accepts_knocks: bool,
    #[serde(default)]
    slow_mode_seconds: u32,
    room: String,
    alias: Option<String>,
    created_by: Option<String>,
    created_at: u64,
    /// Added later.
    #[serde(default)]
    former: Vec<String>,
}

impl From<&Channel> for ChannelRecord {
    fn from(channel: &Channel) -> Self {
        Self {
            id: channel.id.0,
            kind: channel.kind.as_str().to_owned(),
            slug: channel.slug.clone(),
            name: channel.name.clone(),
            description: channel.description.clone(),
            microdao: channel.microdao.clone(),
            visibility: channel.visibility.as_str().to_owned(),
            confidential: channel.confidential,
            status: channel.status.as_str().to_owned(),
            is_default: channel.is_default,
            accepts_knocks: channel.accepts_knocks,
            slow_mode_seconds: channel.slow_mode_seconds,
            room: channel.room.as_str().to_owned(),
            alias: channel
                .alias
                .as_ref()
                .map(|alias| alias.as_str().to_owned()),
            created_by: channel.created_by.clone(),
            created_at: channel.created_at,
            former: channel.former.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<ChannelRecord> for Channel {
    type Error = StoreError;

    fn try_from(record: ChannelRecord) -> Result<Self, StoreError> {
        Ok(Self {
            id: ChannelId(record.id),
            kind: word("channel", ChannelKind::parse, &record.kind)?,
            slug: record.slug,
            name: record.name,
            description: record.description,
            microdao: record.microdao,
            visibility: word("channel", Visibility::parse, &record.visibility)?,
            confidential: record.confidential,
            status: word("channel", ChannelStatus::parse, &record.status)?,
            is_default: record.is_default,
            accepts_knocks: record.accepts_knocks,
            slow_mode_seconds: record.slow_mode_seconds,
            room: RoomId::trusted(record.room),
            alias: record.alias.map(RoomAlias::trusted),
            created_by: record.created_by,
            created_at: record.created_at,
            former: record.former.into_iter().map(RoomId::trusted).collect(),
        })
    }
}

/// What of a channel has been set anew, inside an event.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeRecord {
    Name(String),
    Description(String),
    Alias(Option<String>),
    Settings {
        status: String,
        is_default: bool,
        /// Added later.
        #[serde(default)]
        slow_mode_seconds: u32,
        /// Added later.
        #[serde(default)]
        changed_by: Option<String>,
    },
    Visibility(String),
    Encrypted,
    Knockable,
    Room(String),
}

impl From<&ChannelChange> for ChangeRecord {
    fn from(change: &ChannelChange) -> Self {
        match change {
            ChannelChange::Name(name) => Self::Name(name.clone()),
            ChannelChange::Description(text) => Self::Description(text.clone()),
            ChannelChange::Alias(alias) => {
                Self::Alias(alias.as_ref().map(|alias| alias.as_str().to_owned()))
            }
            ChannelChange::Settings {
                status,
                is_default,
                slow_mode_seconds,
                changed_by,
            } => Self::Settings {
                status: status.as_str().to_owned(),
                is_default: *is_default,
                slow_mode_seconds: *slow_mode_seconds,
                changed_by: changed_by.clone(),
            },
            ChannelChange::Visibility(visibility) => {
                Self::Visibility(visibility.as_str().to_owned())
            }
            ChannelChange::Encrypted => Self::Encrypted,
            ChannelChange::Knockable => Self::Knockable,
            ChannelChange::Room(room) => Self::Room(room.to_string()),
        }
    }
}

impl TryFrom<ChangeRecord> for ChannelChange {
    type Error = StoreError;

    fn try_from(record: ChangeRecord) -> Result<Self, StoreError> {
        Ok(match record {
            ChangeRecord::Name(name) => Self::Name(name),
            ChangeRecord::Description(text) => Self::Description(text),
            ChangeRecord::Alias(alias) => Self::Alias(alias.map(RoomAlias::trusted)),
            ChangeRecord::Settings {
                status,
                is_default,
                slow_mode_seconds,
                changed_by,
            } => Self::Settings {
                status: word("channel", ChannelStatus::parse, &status)?,
                is_default,
                slow_mode_seconds,
                changed_by,
            },
            ChangeRecord::Visibility(visibility) => {
                Self::Visibility(word("channel", Visibility::parse, &visibility)?)
            }
            ChangeRecord::Encrypted => Self::Encrypted,
            ChangeRecord::Knockable => Self::Knockable,
            ChangeRecord::Room(room) => Self::Room(RoomId::trusted(room)),
        })
    }
}

/// A channel in the index, with the time at which each changeable field was last set, by the
/// homeserver's clock: an older change that healing finds must not undo a newer one.
#[derive(Serialize, Deserialize)]
pub struct ChannelRow {
    channel: ChannelRecord,
    name_at: u64,
    description_at: u64,
    alias_at: u64,
    settings_at: u64,
    /// Added later: 0 where it was never written, so that any change is newer.
    #[serde(default)]
    visibility_at: u64,
}

impl Record<'_> for ChannelRow {
    const NAME: &'static str = "channel";
    const VERSION: u8 = 1;
}

/// A channel with the times of its fields, as the rules of the index see it.
#[derive(Clone, Debug)]
pub struct TimedChannel {
    pub channel: Channel,
    name_at: Millis,
    description_at: Millis,
    alias_at: Millis,
    settings_at: Millis,
    visibility_at: Millis,
}

impl TimedChannel {
    /// A channel as it was created: every field is as old as the channel.
    pub fn created(channel: Channel) -> Self {
        let at = channel.created_at;
        Self {
            channel,
            name_at: at,
            description_at: at,
            alias_at: at,
            settings_at: at,
            visibility_at: at,
        }
    }

    /// When the field of this change was last set; `None` where no time decides.
    pub fn set_at(&mut self, change: &ChannelChange) -> Option<&mut Millis> {
        match change {
            ChannelChange::Name(_) => Some(&mut self.name_at),
            ChannelChange::Description(_) => Some(&mut self.description_at),
            ChannelChange::Alias(_) => Some(&mut self.alias_at),
            ChannelChange::Settings { .. } => Some(&mut self.settings_at),
            ChannelChange::Visibility(_) | ChannelChange::Knockable => {
                Some(&mut self.visibility_at)
            }
            ChannelChange::Encrypted | ChannelChange::Room(_) => None,
        }
    }

    /// Orders the rooms that say they are the default one: by when they were made so, equal
    /// times by id.
    pub fn made_default(&self) -> (Millis, ChannelId) {
        (self.settings_at, self.channel.id)
    }

    /// Orders the channels that say they have one alias, in the same way.
    pub fn claimed_alias(&self) -> (Millis, ChannelId) {
        (self.alias_at, self.channel.id)
    }

    /// Takes over from `older`, the row that stands, what was set after this one was created.
    pub fn keep_newer(&mut self, older: &Self) {
        let kept = older.channel.clone();
        if older.name_at > self.name_at {
            (self.channel.name, self.name_at) = (kept.name, older.name_at);
        }
        if older.description_at > self.description_at {
            self.channel.description = kept.description;
            self.description_at = older.description_at;
        }
        if older.alias_at > self.alias_at {
            (self.channel.alias, self.alias_at) = (kept.alias, older.alias_at);
        }
        if older.settings_at > self.settings_at {
            self.channel.status = kept.status;
            self.channel.is_default = kept.is_default;
            self.channel.slow_mode_seconds = kept.slow_mode_seconds;
            self.settings_at = older.settings_at;
        }
        if older.visibility_at > self.visibility_at {
            self.channel.visibility = kept.visibility;
            self.channel.accepts_knocks = kept.accepts_knocks;
            self.visibility_at = older.visibility_at;
        }
        self.channel.confidential |= kept.confidential;
        self.channel.former = kept.former;
    }
}

impl From<&TimedChannel> for ChannelRow {
    fn from(timed: &TimedChannel) -> Self {
        Self {
            channel: ChannelRecord::from(&timed.channel),
            name_at: timed.name_at,
            description_at: timed.description_at,
            alias_at: timed.alias_at,
            settings_at: timed.settings_at,
            visibility_at: timed.visibility_at,
        }
    }
}

impl TryFrom<ChannelRow> for TimedChannel {
    type Error = StoreError;

    fn try_from(row: ChannelRow) -> Result<Self, StoreError> {
        Ok(Self {
            channel: row.channel.try_into()?,
            name_at: row.name_at,
            description_at: row.description_at,
            alias_at: row.alias_at,
            settings_at: row.settings_at,
            visibility_at: row.visibility_at,
        })
    }
}

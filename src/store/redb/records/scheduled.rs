//! Scheduled messages, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Record, damaged};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::scheduled::{ScheduleState, Scheduled, ScheduledContent, ScheduledFile};
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct ScheduledRecord {
    id: Uuid,
    channel: Uuid,
    by: String,
    text: String,
    markdown: bool,
    reply_to: Option<Uuid>,
    thread: Option<Uuid>,
    mentions: Vec<String>,
    file: Option<FileRecord>,
    send_at: u64,
    next_try: u64,
    created_at: u64,
    state: StateRecord,
    #[serde(default)]
    may_be_said: bool,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
struct FileRecord {
    url: String,
    kind: Option<String>,
    name: Option<String>,
    mimetype: Option<String>,
    size: Option<u64>,
    width: Option<u64>,
    height: Option<u64>,
    duration_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
enum StateRecord {
    Waiting,
    Sending { since: u64 },
    Sent { message: Uuid, at: u64 },
    Failed { reason: String, at: u64 },
}

impl Record<'_> for ScheduledRecord {
    const NAME: &'static str = "scheduled message";
    const VERSION: u8 = 1;
}

impl From<&Scheduled> for ScheduledRecord {
    fn from(scheduled: &Scheduled) -> Self {
        let content = scheduled.content.clone();
        Self {
            id: scheduled.id,
            channel: scheduled.channel.0,
            by: scheduled.by.to_string(),
            text: content.text,
            markdown: content.markdown,
            reply_to: content.reply_to.map(|id| id.0),
            thread: content.thread.map(|id| id.0),
            mentions: content.mentions,
            file: content.file.map(Into::into),
            send_at: scheduled.send_at,
            next_try: scheduled.next_try,
            created_at: scheduled.created_at,
            state: (&scheduled.state).into(),
            may_be_said: scheduled.may_be_said,
            revision: scheduled.revision,
        }
    }
}

impl TryFrom<ScheduledRecord> for Scheduled {
    type Error = StoreError;

    fn try_from(record: ScheduledRecord) -> Result<Self, StoreError> {
        let by = Entity::parse(&record.by);
        Ok(Self {
            id: record.id,
            channel: ChannelId(record.channel),
            by: by.ok_or_else(|| damaged("scheduled message", "its author is no entity"))?,
            content: ScheduledContent {
                text: record.text,
                markdown: record.markdown,
                reply_to: record.reply_to.map(MessageId),
                thread: record.thread.map(MessageId),
                mentions: record.mentions,
                file: record.file.map(Into::into),
            },
            send_at: record.send_at,
            next_try: record.next_try,
            created_at: record.created_at,
            state: record.state.into(),
            may_be_said: record.may_be_said,
            revision: record.revision,
        })
    }
}

impl From<ScheduledFile> for FileRecord {
    fn from(file: ScheduledFile) -> Self {
        Self {
            url: file.url,
            kind: file.kind,
            name: file.name,
            mimetype: file.mimetype,
            size: file.size,
            width: file.width,
            height: file.height,
            duration_ms: file.duration_ms,
        }
    }
}

impl From<FileRecord> for ScheduledFile {
    fn from(record: FileRecord) -> Self {
        Self {
            url: record.url,
            kind: record.kind,
            name: record.name,
            mimetype: record.mimetype,
            size: record.size,
            width: record.width,
            height: record.height,
            duration_ms: record.duration_ms,
        }
    }
}

impl From<&ScheduleState> for StateRecord {
    fn from(state: &ScheduleState) -> Self {
        match state {
            ScheduleState::Waiting => Self::Waiting,
            ScheduleState::Sending { since } => Self::Sending { since: *since },
            ScheduleState::Sent { message, at } => Self::Sent {
                message: message.0,
                at: *at,
            },
            ScheduleState::Failed { reason, at } => Self::Failed {
                reason: reason.clone(),
                at: *at,
            },
        }
    }
}

impl From<StateRecord> for ScheduleState {
    fn from(record: StateRecord) -> Self {
        match record {
            StateRecord::Waiting => Self::Waiting,
            StateRecord::Sending { since } => Self::Sending { since },
            StateRecord::Sent { message, at } => Self::Sent {
                message: MessageId(message),
                at,
            },
            StateRecord::Failed { reason, at } => Self::Failed { reason, at },
        }
    }
}

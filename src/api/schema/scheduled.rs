//! Scheduled messages.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use super::message::{NewMessage, TextFormat};
use crate::api::time::Time;
use crate::domain::scheduled::{self, ScheduleState};
use crate::service::scheduled::ScheduledPatch;

/// A message to be sent at a later time.
#[derive(Object, Clone, Debug)]
pub struct NewScheduled {
    /// When; later than now and within a year.
    pub send_at: Time,
    #[oai(flatten)]
    pub message: NewMessage,
}

/// What of a scheduled message is to be different.
#[derive(Object, Clone, Debug)]
pub struct ScheduledChange {
    /// When; later than now and within a year. Needed when the time has passed.
    pub send_at: Option<Time>,
    /// 1 to 30,000 bytes of UTF-8, not blank.
    pub text: Option<String>,
    pub format: Option<TextFormat>,
    /// Entities to be notified, at most 50.
    pub mentions: Option<Vec<String>>,
}

impl From<ScheduledChange> for ScheduledPatch {
    fn from(change: ScheduledChange) -> Self {
        Self {
            send_at: change.send_at.map(|at| at.0),
            text: change.text,
            markdown: change.format.map(|format| format == TextFormat::Markdown),
            mentions: change.mentions,
        }
    }
}

/// How a scheduled message stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum ScheduledState {
    /// Its time has not come.
    Waiting,
    /// It is on its way.
    Sending,
    /// It is said; it is listed here for a day.
    Sent,
    /// It could not be sent, and waits to be changed or cancelled.
    Failed,
}

/// A scheduled message.
#[derive(Object, Clone, Debug)]
pub struct Scheduled {
    pub id: Uuid,
    pub channel_id: Uuid,
    /// When it is, or was, to be sent.
    pub send_at: Time,
    pub state: ScheduledState,
    /// Why it could not be sent.
    pub error: Option<String>,
    /// The message that it has become.
    pub message_id: Option<Uuid>,
    /// When that was said: later than `send_at` when daarion or the homeserver was away.
    pub sent_at: Option<Time>,
    pub text: String,
    pub format: TextFormat,
    /// The message that this one answers.
    pub reply_to: Option<Uuid>,
    /// The root message of the thread that it goes into.
    pub thread_id: Option<Uuid>,
    /// Entities to be notified.
    pub mentions: Vec<String>,
    /// The file that it carries: `mxc://server/id`.
    pub media_url: Option<String>,
    pub created_at: Time,
}

/// The caller's scheduled messages in a channel, by time.
#[derive(Object, Clone, Debug)]
pub struct ScheduledList {
    pub items: Vec<Scheduled>,
    /// Always null: there are no more.
    pub next: Option<String>,
}

impl From<scheduled::Scheduled> for Scheduled {
    fn from(scheduled: scheduled::Scheduled) -> Self {
        let content = scheduled.content;
        let (state, error, sent) = match scheduled.state {
            ScheduleState::Waiting => (ScheduledState::Waiting, None, None),
            ScheduleState::Sending { .. } => (ScheduledState::Sending, None, None),
            ScheduleState::Sent { message, at } => {
                (ScheduledState::Sent, None, Some((message, at)))
            }
            ScheduleState::Failed { reason, .. } => (ScheduledState::Failed, Some(reason), None),
        };
        Self {
            id: scheduled.id,
            channel_id: scheduled.channel.0,
            send_at: Time(scheduled.send_at),
            state,
            error,
            message_id: sent.map(|(message, _)| message.0),
            sent_at: sent.map(|(_, at)| Time(at)),
            text: content.text,
            format: match content.markdown {
                true => TextFormat::Markdown,
                false => TextFormat::Plain,
            },
            reply_to: content.reply_to.map(|id| id.0),
            thread_id: content.thread.map(|id| id.0),
            mentions: content.mentions,
            media_url: content.file.map(|file| file.url),
            created_at: Time(scheduled.created_at),
        }
    }
}

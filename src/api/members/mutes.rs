//! Who has no word for a while, and channels in which people speak slowly.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::api::auth::Person;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::messages::Done;
use crate::api::schema::Member;
use crate::api::time::Time;
use crate::api::{Services, Tag};
use crate::domain::id::{ChannelId, Millis};
use crate::domain::mute::LONGEST_SECONDS;
use crate::domain::{Error, Result};

/// The operations.
pub struct MutesApi(pub Services);

/// For how long, and why. Either `seconds` or `until`.
#[derive(Object, Clone, Debug)]
pub struct NewMute {
    /// From now on; 1 to 31,536,000 (a year).
    pub seconds: Option<u64>,
    /// Until then, at most a year from now.
    pub until: Option<Time>,
    /// At most 1,000 characters. Everybody in the channel may read it here; the Matrix room does not
    /// show it.
    pub reason: Option<String>,
}

impl NewMute {
    fn until(&self, now: Millis) -> Result<Millis> {
        match (self.seconds, &self.until) {
            (Some(seconds), None) if (1..=LONGEST_SECONDS).contains(&seconds) => {
                Ok(now.saturating_add(seconds * 1_000))
            }
            (None, Some(until)) => Ok(until.0),
            (Some(_), None) => {
                let words = format!("must be 1 to {LONGEST_SECONDS}");
                Err(Error::invalid("seconds", words))
            }
            _ => Err(Error::invalid(
                "seconds",
                "must be there, or until, and not both",
            )),
        }
    }
}

/// How slowly people speak.
#[derive(Object, Clone, Debug)]
pub struct SlowMode {
    /// How long people below moderator wait between two messages, at most 21,600 (six hours); 0: not
    /// at all.
    pub seconds: u32,
}

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl MutesApi {
    /// Mute a member
    ///
    /// Lowers the member's power level below what speaking needs, and puts it back afterwards, also
    /// when daarion was down at that moment; not when somebody else has given them another level
    /// since. Muted again it is until the newer time, which may be an earlier one. The caller needs the
    /// level for removing (50 unless the room says otherwise) and has to outrank the member, also as
    /// they are when they are not muted; daarion sets the level in its own name. 403 otherwise; 404 when they are not there; 409 when they may not speak anyway, or are a creator
    /// of a room of version 12.
    #[oai(
        path = "/:channel_id/members/:entity/mute",
        method = "put",
        operation_id = "muteMember"
    )]
    async fn mute(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
        entity: Path<String>,
        body: Body<NewMute>,
    ) -> Result<Json<Member>, Failure> {
        let id = ChannelId(channel_id.0);
        let members = &self.0.members;
        let until = body.0.until(members.now())?;
        let reason = body.0.reason;
        let muted = members
            .mute(&person.0, id, &entity.0, until, reason)
            .await?;
        Ok(Json(Member::new(muted)))
    }

    /// Unmute a member
    ///
    /// Puts the power level back at once. Whoever is not muted is fine. 403 as for muting; 404 when
    /// they never were in any relation to the channel.
    #[oai(
        path = "/:channel_id/members/:entity/mute",
        method = "delete",
        operation_id = "unmuteMember"
    )]
    async fn unmute(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
        entity: Path<String>,
    ) -> Result<Done, Failure> {
        let id = ChannelId(channel_id.0);
        self.0.members.unmute(&person.0, id, &entity.0).await?;
        Ok(Done::Done)
    }

    /// Set slow mode
    ///
    /// People below moderator may then send one message in so many seconds; sending before that is
    /// 429 with `Retry-After`. Agents are not held up. It holds for what is sent through daarion: the
    /// homeserver knows nothing like it, so that what people send with other Matrix clients cannot be
    /// slowed. 403 without the level for the room's name (50 unless the room says otherwise).
    #[oai(
        path = "/:channel_id/slow-mode",
        method = "put",
        operation_id = "setSlowMode"
    )]
    async fn slow(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        body: Body<SlowMode>,
    ) -> Result<Json<SlowMode>, Failure> {
        let id = ChannelId(channel_id.0);
        let messages = &self.0.messages;
        let set = messages.set_slow_mode(&person.0, id, body.0.seconds);
        Ok(Json(SlowMode {
            seconds: set.await?.slow_mode_seconds,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_own_name() {
        let mute = |seconds| NewMute {
            seconds: Some(seconds),
            until: None,
            reason: None,
        };
        assert_eq!(mute(1).until(5), Ok(1_005));
        for wrong in [0, LONGEST_SECONDS + 1, 99_999_999_999, u64::MAX] {
            let words = mute(wrong).until(0).expect_err("wrong").to_string();
            assert!(words.starts_with("seconds: "), "{words}");
        }
    }
}

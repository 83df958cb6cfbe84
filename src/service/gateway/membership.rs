//! Who is in a room. Asked for again, what is so already is answered as done.

use super::checks::check_text;
use super::{Actor, Gateway, Place, Upstream};
use crate::acts;
use crate::domain::id::{RoomId, ServerName, UserId};
use crate::domain::member::Membership;
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{Located, MemberStep, Standing, Step};

const MAX_REASON: usize = 1_000;
/// The most servers that a room is joined by.
const MAX_VIA: usize = 20;

/// Somebody's own coming or going.
#[derive(Clone, Debug)]
pub struct MemberChange {
    pub room: String,
    /// A Matrix id or an entity.
    pub user: String,
    pub reason: Option<String>,
    /// Servers by which a room of another homeserver is joined; an alias tells of its own.
    pub via: Vec<String>,
}

/// What somebody does about another's membership.
#[derive(Clone, Debug)]
pub struct Moderation {
    pub change: MemberChange,
    /// Who does it.
    pub by: Actor,
}

impl Gateway {
    /// Invites somebody. Says how they stand to the room now: whoever is in it needs no
    /// invitation.
    pub async fn invite(&self, caller: &ServiceCaller, new: &Moderation) -> Result<Membership> {
        let step = self.moderation(caller, new, Step::Invite).await?;
        self.take(&self.upstream(caller).await?, &step).await
    }

    /// Lets somebody join. Whoever may not by themselves is invited by the connector first, if
    /// that may.
    pub async fn join(&self, caller: &ServiceCaller, new: &MemberChange) -> Result<RoomId> {
        let step = self.own(caller, new, Step::Join).await?;
        let upstream = self.upstream(caller).await?;
        let Err(refusal) = self.change(&upstream, &step).await else {
            return Ok(step.room);
        };
        if step.acting.is_none() || !refusal.is_refusal("M_FORBIDDEN") {
            return Err(refusal);
        }
        let invitation = MemberStep {
            step: Step::Invite,
            acting: None,
            ..step.clone()
        };
        match self.change(&upstream, &invitation).await {
            Ok(()) => self.change(&upstream, &step).await?,
            Err(error) if error.is_transient() => return Err(error),
            // Why they may not is more than why we cannot help.
            Err(_) => return Err(refusal),
        }
        Ok(step.room)
    }

    /// Lets somebody leave; whoever is not in the room has left.
    pub async fn leave(&self, caller: &ServiceCaller, new: &MemberChange) -> Result<()> {
        let step = self.own(caller, new, Step::Leave).await?;
        let is_channel = self.core.directory.channel_of(&step.room).is_some();
        if step.acting.is_none() && is_channel {
            return Err(Error::forbidden(
                "the connector stays in the rooms that are channels",
            ));
        }
        let upstream = self.upstream(caller).await?;
        self.take(&upstream, &step).await.map(drop)
    }

    pub async fn kick(&self, caller: &ServiceCaller, new: &Moderation) -> Result<()> {
        let step = self.moderation(caller, new, Step::Kick).await?;
        self.take(&self.upstream(caller).await?, &step)
            .await
            .map(drop)
    }

    pub async fn ban(&self, caller: &ServiceCaller, new: &Moderation) -> Result<()> {
        let step = self.moderation(caller, new, Step::Ban).await?;
        self.take(&self.upstream(caller).await?, &step)
            .await
            .map(drop)
    }

    pub async fn unban(&self, caller: &ServiceCaller, new: &Moderation) -> Result<()> {
        let step = self.moderation(caller, new, Step::Unban).await?;
        self.take(&self.upstream(caller).await?, &step)
            .await
            .map(drop)
    }

    async fn moderation(
        &self,
        caller: &ServiceCaller,
        new: &Moderation,
        step: Step,
    ) -> Result<MemberStep> {
        let (located, user) = self.subject(caller, &new.change).await?;
        let room = located.room;
        let acting = self.acting(caller, &new.by)?;
        let is_ours = self.is_connector(&user) && self.core.directory.channel_of(&room).is_some();
        if is_ours && matches!(step, Step::Kick | Step::Ban) {
            return Err(Error::forbidden(
                "the connector stays in the rooms that are channels",
            ));
        }
        Ok(MemberStep {
            room,
            step,
            user,
            acting,
            reason: new.change.reason.clone(),
            via: Vec::new(),
        })
    }

    /// A step of somebody about themselves; the connector may take it without being asked for by
    /// name.
    async fn own(
        &self,
        caller: &ServiceCaller,
        new: &MemberChange,
        step: Step,
    ) -> Result<MemberStep> {
        let given = servers(&new.via)?;
        let (located, user) = self.subject(caller, new).await?;
        let acting = match self.is_connector(&user) {
            true => None,
            false => {
                self.require_act_as(caller, &user)?;
                Some(user.clone())
            }
        };
        Ok(MemberStep {
            via: self.via(given, located.servers),
            room: located.room,
            step,
            user,
            acting,
            reason: new.reason.clone(),
        })
    }

    async fn subject(
        &self,
        caller: &ServiceCaller,
        new: &MemberChange,
    ) -> Result<(Located, UserId)> {
        caller.require(Scope::Members)?;
        if let Some(reason) = &new.reason {
            check_text("reason", reason, MAX_REASON)?;
        }
        let user = self.user(&new.user, Place::Field("user_id"))?;
        let located = self
            .locate(caller, &new.room, Place::Field("room_id"))
            .await?;
        Ok((located, user))
    }

    /// The servers to join by, those that were given first. Ours need not ask itself.
    fn via(&self, given: Vec<ServerName>, told: Vec<ServerName>) -> Vec<ServerName> {
        let own = &self.core.directory.naming.server_name;
        let mut via: Vec<ServerName> = Vec::new();
        for server in given.into_iter().chain(told) {
            if server.as_str() != own && !via.contains(&server) && via.len() < MAX_VIA {
                via.push(server);
            }
        }
        via
    }

    /// Takes a step, or finds that there is none to take.
    async fn take(&self, upstream: &Upstream<'_>, step: &MemberStep) -> Result<Membership> {
        let refusal = match self.change(upstream, step).await {
            Ok(()) => return Ok(wanted(step.step)),
            Err(error @ Error::HomeserverRefused { .. }) => error,
            Err(error) => return Err(error),
        };
        let now = self.look(upstream, step).await;
        match now {
            Some(Standing::Is(now)) if is_settled(step.step, Standing::Is(now)) => Ok(now),
            Some(now) if is_settled(step.step, now) => Ok(Membership::Left),
            _ => Err(refusal),
        }
    }

    async fn change(&self, upstream: &Upstream<'_>, step: &MemberStep) -> Result<()> {
        let changed = upstream.change_membership(step).await;
        self.details.forget(&step.room);
        if changed.is_ok() {
            self.note_origin(upstream, step).await;
        }
        changed
    }

    /// Has the audit log know which service it was: the homeserver pushes it like anybody's doing, and
    /// has not told us which event it is.
    async fn note_origin(&self, upstream: &Upstream<'_>, step: &MemberStep) {
        let channel = self.core.directory.channel_of(&step.room);
        if channel.is_none_or(|channel| channel.room != step.room) {
            return;
        }
        let connector = self.core.directory.naming.connector();
        let by = step.acting.as_ref().unwrap_or(&connector);
        match upstream.member(&step.room, &step.user).await {
            // Somebody else may have been at it since.
            Ok(Some((event, member))) if member.by == *by => acts::did(&event),
            Ok(_) => {}
            Err(error) => tracing::info!(
                %error, room_id = %step.room,
                "which service has changed a membership is not noted"
            ),
        }
    }

    /// How somebody stands to the room, as far as whoever acts or the connector can see.
    async fn look(&self, upstream: &Upstream<'_>, step: &MemberStep) -> Option<Standing> {
        let acting = step.acting.as_ref();
        let seen = upstream.standing(&step.room, &step.user, acting).await;
        match (seen, acting) {
            (Err(_), Some(_)) => upstream.standing(&step.room, &step.user, None).await.ok(),
            (seen, _) => seen.ok(),
        }
    }
}

fn wanted(step: Step) -> Membership {
    match step {
        Step::Invite => Membership::Invited,
        Step::Join => Membership::Joined,
        Step::Leave | Step::Kick | Step::Unban => Membership::Left,
        Step::Ban => Membership::Banned,
        Step::Knock => Membership::Knocking,
    }
}

/// Whether a step that was refused would have changed nothing. Being banned is not having left, and
/// neither is a knock that nobody has answered: whoever kicks or leaves then is told so.
fn is_settled(step: Step, now: Standing) -> bool {
    match step {
        Step::Invite | Step::Join => now == Standing::Is(Membership::Joined),
        Step::Leave | Step::Kick => {
            matches!(now, Standing::Stranger | Standing::Is(Membership::Left))
        }
        Step::Ban => now == Standing::Is(Membership::Banned),
        Step::Unban => now != Standing::Is(Membership::Banned),
        Step::Knock => now == Standing::Is(Membership::Knocking),
    }
}

fn servers(given: &[String]) -> Result<Vec<ServerName>> {
    let wrong = |message: String| Error::invalid("via", message);
    if given.len() > MAX_VIA {
        return Err(wrong(format!("must be at most {MAX_VIA}")));
    }
    let server = |text: &String| ServerName::parse(text);
    let servers: Option<Vec<_>> = given.iter().map(server).collect();
    servers.ok_or_else(|| wrong("must be names of servers (\"example.org\")".to_owned()))
}

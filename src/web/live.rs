//! The live stream of a channel over a WebSocket.
//!
//! A listener signs up with the hub first and then reads the journal up to where the hub was,
//! so there is no gap between the two; what is in both is told apart by `seq`. Whether it may
//! listen is asked once more when it has signed up, of an index that holds all until then.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use poem::http::StatusCode;
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketConfig, WebSocketStream};
use poem::web::{Data, Path};
use poem::{IntoResponse, Request, handler};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::api::Services;
use crate::api::auth::{Rejected, gate};
use crate::api::error::Problem;
use crate::consumer::hub::{Frame, Hub, Listener, Shuts};
use crate::domain::access::Caller;
use crate::domain::agent::Hearing;
use crate::domain::id::{ChannelId, Seq};
use crate::domain::session::Pass;
use crate::service::auth::People;
use crate::service::auth::people::SignedIn;

/// How often a quiet connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// How long one frame may take to be written.
const WRITE: Duration = Duration::from_secs(10);
/// The largest message that a client may send, in bytes: it has nothing to say but `ping`.
const INBOUND: usize = 4 * 1024;

/// What the streams are made of.
#[derive(Clone)]
pub struct Live {
    pub services: Services,
    pub hub: Arc<Hub>,
    pub stop: CancellationToken,
}

/// `WS /ws/messaging/{channel_id}?ticket=<ticket>&after=<seq>&journal=<journal>&include_agents=true`
#[handler]
pub async fn channel(
    request: &Request,
    Path(channel): Path<String>,
    live: Data<&Live>,
    socket: WebSocket,
) -> poem::Result<impl IntoResponse + use<>> {
    let SignedIn { caller, by } = listener(request).await.map_err(Rejected)?;
    let id = Uuid::try_parse(&channel).map_err(|_| bad("channel_id: must be a UUID"))?;
    let after = after(request, &live.hub.journal())?;
    let id = ChannelId(id);
    let include_agents = flag(request, "include_agents")?;
    let channels = &live.services.channels;
    channels
        .get(&caller, id)
        .await
        .map_err(|error| Rejected(error.into()))?;
    let stream = Stream {
        hearing: live.services.agents.hearing(&caller, include_agents),
        live: live.0.clone(),
        channel: id,
        caller,
        by,
        after,
    };
    // The library's default buffers cost 134 KB a connection; frames are small.
    let config = WebSocketConfig::default()
        .read_buffer_size(INBOUND)
        .write_buffer_size(0)
        .max_write_buffer_size(1024 * 1024)
        .max_message_size(Some(INBOUND))
        .max_frame_size(Some(INBOUND));
    Ok(socket
        .config(config)
        .on_upgrade(|socket| stream.run(socket)))
}

/// Who wants to listen: by a ticket, or as any request says it.
async fn listener(request: &Request) -> Result<SignedIn, Problem> {
    let gate = gate(request)?;
    gate.check_origin(request)?;
    match query(request, "ticket") {
        Some(ticket) => Ok(gate.auth.people.redeem(&ticket).await?),
        None => gate.person(request).await,
    }
}

/// A parameter of the address.
fn query(request: &Request, wanted: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.into_owned())
}

/// From where a client goes on.
enum After {
    /// It begins now.
    Now,
    /// Behind this position.
    Seq(Seq),
    /// Behind a position of another journal, which means nothing here.
    Elsewhere,
}

fn after(request: &Request, journal: &str) -> poem::Result<After> {
    let Some(seq) = query(request, "after") else {
        return Ok(After::Now);
    };
    let seq = seq.parse::<Seq>();
    let seq = seq.map_err(|_| bad("after: must be a seq that a frame had"))?;
    let is_elsewhere = query(request, "journal").is_some_and(|of| of != journal);
    Ok(if is_elsewhere {
        After::Elsewhere
    } else {
        After::Seq(seq)
    })
}

fn flag(request: &Request, name: &str) -> poem::Result<bool> {
    match query(request, name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(bad(&format!("{name}: must be true or false")).into()),
    }
}

fn bad(message: &str) -> Rejected {
    Rejected(Problem::new(
        StatusCode::BAD_REQUEST,
        "M_INVALID_PARAM",
        message,
    ))
}

/// One client's stream.
struct Stream {
    live: Live,
    channel: ChannelId,
    caller: Caller,
    /// Whose end ends the stream.
    by: Pass,
    after: After,
    /// What an agent hears; `None` for people, who hear all.
    hearing: Option<Hearing>,
}

/// Why a stream ends.
enum End {
    /// The client has gone, or does not read.
    Gone,
    /// It may not listen any more.
    Removed,
    /// What it was opened with has ended.
    SignedOut,
    /// It is to come back and resume.
    Resume(CloseCode, &'static str),
}

impl Stream {
    async fn run(self, mut socket: WebSocketStream) {
        // Whoever looks at a channel is there; a program that listens for somebody is not them.
        let presence = &self.live.services.presence;
        let is_there = matches!(self.by, Pass::Session(_) | Pass::Issued { .. });
        let _here = is_there.then(|| presence.attend(&self.caller.entity));
        let Err(end) = self.serve(&mut socket).await;
        let close = match end {
            End::Gone => None,
            End::SignedOut => Some((CloseCode::Policy, "signed out")),
            End::Removed => Some((CloseCode::Policy, "no longer a member of this channel")),
            End::Resume(code, reason) => Some((code, reason)),
        };
        if let Some((code, reason)) = close {
            let close = Message::close_with(code, reason);
            let _ = tokio::time::timeout(WRITE, socket.send(close)).await;
        }
        let _ = tokio::time::timeout(WRITE, socket.close()).await;
    }

    /// Until the stream ends, and why.
    async fn serve(&self, socket: &mut WebSocketStream) -> Result<Infallible, End> {
        // Before the check: what ends after it is told.
        let mut ends = self.people().ends();
        self.still_signed_in().await?;
        let listener = self.live.hub.listen(self.channel);
        let Listener { mut frames, from } = listener;
        self.admit(from).await?;
        let schedule = &self.live.services.schedule;
        let mut scheduled = schedule.listen(self.channel, &self.caller.entity);
        let from = self.begin(socket, from).await?;
        let mut sent = from;
        let mut ping = tokio::time::interval(PING);
        ping.reset();
        loop {
            let step = tokio::select! {
                () = self.live.stop.cancelled() => {
                    return Err(End::Resume(
                        CloseCode::Restart,
                        "restarting; resume with after=<seq>",
                    ));
                }
                ended = ends.recv() => match ended {
                    Ok(ended) if ended == self.by => {
                        Err(End::SignedOut)
                    }
                    Ok(_) => Ok(()),
                    Err(_) => self.still_signed_in().await,
                },
                frame = frames.recv() => match frame {
                    Ok(frame) if frame.seq > from => {
                        sent = frame.seq;
                        self.hand_on(socket, &frame).await
                    }
                    Ok(_) => Ok(()),
                    Err(RecvError::Lagged(_) | RecvError::Closed) => {
                        tracing::warn!(
                            channel_id = %self.channel,
                            "a live stream's reader is too slow; it is to resume"
                        );
                        return Err(End::Resume(
                            CloseCode::Again,
                            "too slow; resume with after=<seq>",
                        ));
                    }
                },
                () = scheduled.rung() => write(socket, self.of_scheduled(sent)).await,
                message = socket.next() => match message {
                    Some(Ok(message)) => answer(socket, message).await,
                    Some(Err(_)) | None => return Err(End::Gone),
                },
                // Sessions and keys expire without a word.
                _ = ping.tick() => match self.still_signed_in().await {
                    Ok(()) => send(socket, Message::ping(Vec::new())).await,
                    ended => ended,
                },
            };
            step?;
        }
    }

    fn people(&self) -> &People {
        &self.live.services.auth.people
    }

    async fn still_signed_in(&self) -> Result<(), End> {
        let services = &self.live.services;
        let is_at_work = services.agents.require_at_work(&self.caller.entity).is_ok();
        match is_at_work && !services.auth.has_ended(self.by).await {
            true => Ok(()),
            false => Err(End::SignedOut),
        }
    }

    fn hears(&self, frame: &Frame) -> bool {
        let hearing = self.hearing.as_ref();
        hearing.is_none_or(|hearing| hearing.hears(frame.bot.as_ref()))
    }

    /// Looks again whether the caller may listen, now that nothing can be missed any more: what
    /// happened before the stream was opened may not have been in the index then.
    async fn admit(&self, from: Seq) -> Result<(), End> {
        let channels = &self.live.services.channels;
        match channels.lets_in(&self.caller, self.channel, from).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(End::Removed),
            Err(_) => Err(End::Resume(CloseCode::Again, "the index is behind")),
        }
    }

    /// Sends a frame. Whoever it shuts out of the channel sees it as the last one.
    async fn hand_on(&self, socket: &mut WebSocketStream, frame: &Frame) -> Result<(), End> {
        if self.hears(frame) {
            write(socket, frame.json.clone()).await?;
        }
        let channels = &self.live.services.channels;
        let is_out = match &frame.shuts {
            Shuts::Nobody => false,
            Shuts::Removed(user, membership) => {
                channels.shuts_out(&self.caller, self.channel, user, *membership)
            }
            Shuts::Strangers => {
                let lets_in = channels
                    .lets_in(&self.caller, self.channel, frame.seq)
                    .await;
                !lets_in.map_err(|_| End::Resume(CloseCode::Again, "the index is behind"))?
            }
        };
        if is_out { Err(End::Removed) } else { Ok(()) }
    }

    /// The first frame.
    fn opening(&self, kind: &str, seq: Seq) -> String {
        let journal = self.live.hub.journal();
        let frame = json!({
            "type": kind,
            "seq": seq,
            "journal": journal,
            "channel_id": self.channel,
        });
        frame.to_string()
    }

    /// That the listener's own scheduled messages have changed. It is no event: a client that resumes
    /// from its `seq` misses nothing.
    fn of_scheduled(&self, seq: Seq) -> String {
        let frame = json!({
            "type": "scheduled.changed",
            "seq": seq,
            "channel_id": self.channel,
        });
        frame.to_string()
    }

    /// Says where the stream begins and sends what the client has missed. Returns the
    /// position up to which everything has been sent.
    async fn begin(&self, socket: &mut WebSocketStream, from: Seq) -> Result<Seq, End> {
        let hub = &self.live.hub;
        let failed = |_| End::Resume(CloseCode::Again, "the journal cannot be read now");
        let oldest = hub.oldest().await.map_err(failed)?;
        let after = match self.after {
            After::Now => from,
            After::Seq(after) if (oldest..=from).contains(&after) => after,
            // Older than what is kept, or of another journal.
            After::Seq(_) | After::Elsewhere => {
                write(socket, self.opening("resync", from)).await?;
                return Ok(from);
            }
        };
        write(socket, self.opening("ready", after)).await?;
        let mut reached = after;
        while reached < from {
            let replayed = hub.replay(self.channel, reached, from).await;
            let (frames, next) = replayed.map_err(failed)?;
            for frame in frames.into_iter().filter(|frame| self.hears(frame)) {
                write(socket, frame.json).await?;
            }
            reached = next;
        }
        Ok(from)
    }
}

/// `ping` is answered as it came: with JSON quotes or without.
async fn answer(socket: &mut WebSocketStream, message: Message) -> Result<(), End> {
    match message {
        Message::Text(text) if text.trim() == "ping" => write(socket, "pong".to_owned()).await,
        Message::Text(text) if text.trim() == "\"ping\"" => {
            write(socket, "\"pong\"".to_owned()).await
        }
        Message::Close(_) => Err(End::Gone),
        _ => Ok(()),
    }
}

async fn write(socket: &mut WebSocketStream, text: String) -> Result<(), End> {
    send(socket, Message::Text(text)).await
}

async fn send(socket: &mut WebSocketStream, message: Message) -> Result<(), End> {
    match tokio::time::timeout(WRITE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

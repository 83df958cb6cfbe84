//! A listener at a channel's live stream.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::daarion::{Caller, WebSocket};
use crate::support::{LIMIT, text};

pub struct Stream {
    socket: WebSocket,
    /// What the first frame was.
    pub first: Value,
}

impl Stream {
    /// Listens to what happens from now on.
    pub async fn open(caller: &Caller, channel: &Value) -> Self {
        Self::open_at(caller, channel, "").await
    }

    /// Listens to what happened after `seq`.
    pub async fn resume(caller: &Caller, channel: &Value, seq: u64) -> Self {
        Self::open_at(caller, channel, &format!("?after={seq}")).await
    }

    /// As [`resume`](Self::resume), saying which journal the position is of.
    pub async fn resume_of(caller: &Caller, channel: &Value, seq: u64, journal: &str) -> Self {
        let query = format!("?after={seq}&journal={journal}");
        Self::open_at(caller, channel, &query).await
    }

    /// Listens as a browser does, which cannot send a header.
    pub async fn open_with_ticket(caller: &Caller, channel: &Value, ticket: &str) -> Self {
        Self::open_at(caller, channel, &format!("?ticket={ticket}")).await
    }

    /// Listens as an agent that is told of other agents, too.
    pub async fn open_to_agents(caller: &Caller, channel: &Value) -> Self {
        Self::open_at(caller, channel, "?include_agents=true").await
    }

    async fn open_at(caller: &Caller, channel: &Value, query: &str) -> Self {
        let path = format!("{}{query}", path_of(channel));
        let socket = caller.websocket(&path).await;
        let mut stream = Self {
            socket,
            first: Value::Null,
        };
        stream.first = stream.next().await;
        stream
    }

    /// The next frame.
    pub async fn next(&mut self) -> Value {
        let text = self.next_text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text} is no JSON: {error}"))
    }

    /// The next frame of a type; others are passed over.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    pub async fn next_text(&mut self) -> String {
        loop {
            match self.receive().await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("instead of a frame came {other:?}"),
            }
        }
    }

    pub async fn send(&mut self, text: &str) {
        let message = Message::text(text);
        self.socket.send(message).await.expect("the stream is open");
    }

    /// Waits for the server to close; `None` when it just went away.
    pub async fn closed(mut self) -> Option<CloseFrame> {
        loop {
            match self.receive().await {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The client goes.
    pub async fn close(mut self) {
        self.socket.close(None).await.expect("the stream is open");
    }

    async fn receive(&mut self) -> Option<Result<Message, Error>> {
        tokio::time::timeout(LIMIT, self.socket.next())
            .await
            .expect("something comes in time")
    }
}

/// The path of a channel's stream.
pub fn path_of(channel: &Value) -> String {
    let id = channel.get("channel_id").unwrap_or(&channel["id"]);
    format!("/ws/messaging/{}", text(id))
}

/// The status with which a stream is refused.
pub async fn refusal(caller: &Caller, path: &str) -> (reqwest::StatusCode, Value) {
    match caller.try_websocket(path).await {
        Ok(_) => panic!("{path} was opened"),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            let body = serde_json::from_slice(body).unwrap_or(Value::Null);
            (response.status(), body)
        }
        Err(error) => panic!("{path} was not answered: {error}"),
    }
}

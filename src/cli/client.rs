//! The commands' way to the running daemon: HTTP over its unix socket.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// A connection to the running daemon.
pub struct Daemon {
    client: Client,
}

impl Daemon {
    /// The daemon that listens on a socket; `None` when none is running.
    pub async fn find(path: &Path) -> anyhow::Result<Option<Self>> {
        match tokio::net::UnixStream::connect(path).await {
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => {
                let path = path.display();
                return Err(error).with_context(|| format!("failed to open {path}"));
            }
        }
        // Without a time limit: a rebuild takes as long as it takes.
        // Nor does it look for certificates, which no socket file has.
        let client = Client::builder().unix_socket(path).tls_certs_only([]);
        let client = client.build()?;
        Ok(Some(Self { client }))
    }

    /// The daemon that listens on a socket, which must be running.
    pub async fn connect(path: &Path) -> anyhow::Result<Self> {
        Self::find(path).await?.ok_or_else(|| {
            anyhow!(
                "not running: nobody answers at {} (systemctl status daarion)",
                path.display()
            )
        })
    }

    /// Asks and reads the JSON answer; a refusal becomes its message.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let response = self.send(method, path, body).await?;
        Ok(response.json().await?)
    }

    /// Asks and hands out the answer as it comes.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Response> {
        let mut request: RequestBuilder =
            self.client.request(method, format!("http://daarion{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.context("the daemon does not answer")?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        match body["message"].as_str() {
            Some(message) => bail!("{message}"),
            None => bail!("the daemon answered {status}"),
        }
    }
}

//! Media: uploads and downloads as streams, beside ruma, whose requests hold a file whole.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, header};
use ruma::http_headers::ContentDisposition;
use serde::Deserialize;
use tokio::time::timeout;
use url::form_urlencoded::Serializer;

use super::Matrix;
use super::client::{Credential, Repeat};
use crate::domain::media::{Fit, MediaId, Thumbnail};
use crate::domain::{Error, Result};
use crate::homeserver::media::{Chunks, Download, MediaStore, Upload};

/// How long the homeserver may fetch a file from another one before it answers, in milliseconds.
const FETCH_MS: u32 = 20_000;
/// How long nothing may come of a file that is under way.
const STALL: Duration = Duration::from_secs(30);
/// What an upload may take, and a second more for each of these many bytes.
const UPLOAD: Duration = Duration::from_secs(60);
const BYTES_A_SECOND: u64 = 256 * 1024;

/// What a media repository takes (client-server API, "Content repository"); the second is where
/// homeservers without authenticated media have it.
const CONFIG: &str = "/_matrix/client/v1/media/config";
const OLD_CONFIG: &str = "/_matrix/media/v3/config";

#[derive(Deserialize)]
struct MediaConfig {
    #[serde(rename = "m.upload.size", default)]
    upload_size: Option<u64>,
}

#[derive(Deserialize)]
struct Uploaded {
    content_uri: String,
}

#[async_trait]
impl MediaStore for Matrix {
    async fn upload(&self, upload: Upload) -> Result<MediaId> {
        let mut path = "/_matrix/media/v3/upload".to_owned();
        if let Some(name) = &upload.name {
            let query = Serializer::new(String::new())
                .append_pair("filename", name)
                .finish();
            path = format!("{path}?{query}");
        }
        let limit = UPLOAD + Duration::from_secs(upload.size / BYTES_A_SECOND);
        let headers = [
            (header::CONTENT_TYPE, upload.content_type),
            (header::CONTENT_LENGTH, upload.size.to_string()),
        ];
        let body = reqwest::Body::wrap_stream(upload.body);
        let answer = self.client.post_stream(&path, headers, body, limit).await?;
        let answer: Uploaded = serde_json::from_slice(&answer)
            .map_err(|error| Error::HomeserverNonsense(error.to_string()))?;
        MediaId::parse(&answer.content_uri).ok_or_else(|| {
            Error::HomeserverNonsense(format!("{} is no mxc:// address", answer.content_uri))
        })
    }

    async fn upload_limit(&self) -> Result<Option<u64>> {
        let mut answer = self.config(CONFIG).await;
        if matches!(
            answer,
            Err(Error::HomeserverRefused { .. } | Error::HomeserverNonsense(_))
        ) {
            answer = self.config(OLD_CONFIG).await;
        }
        match answer {
            Ok(config) => Ok(config.upload_size),
            Err(Error::HomeserverRefused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn download(&self, media: &MediaId) -> Result<Download> {
        let path = format!("{}?timeout_ms={FETCH_MS}", path("download", media));
        self.open(&path).await
    }

    async fn thumbnail(&self, media: &MediaId, size: &Thumbnail) -> Result<Download> {
        let method = match size.fit {
            Fit::Scale => "scale",
            Fit::Crop => "crop",
        };
        let (path, Thumbnail { width, height, .. }) = (path("thumbnail", media), size);
        let query = format!("width={width}&height={height}&method={method}&timeout_ms={FETCH_MS}");
        self.open(&format!("{path}?{query}")).await
    }
}

impl Matrix {
    async fn config(&self, path: &str) -> Result<MediaConfig> {
        let (get, us) = (http::Method::GET, Credential::Connector);
        // Asked again as well: the homeserver may have hung up on a file just now, and with it on
        // the connection that this goes out on.
        let (_, answer) = self.client.send(get, path, None, us, Repeat::Safe).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| Error::HomeserverNonsense(error.to_string()))
    }

    async fn open(&self, path: &str) -> Result<Download> {
        let answer = self.client.get_stream(path).await?;
        let text = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        Ok(Download {
            content_type: text(header::CONTENT_TYPE),
            name: file_name(answer.headers()),
            size: answer.content_length(),
            body: chunks(answer),
        })
    }
}

/// A media address of the client-server API, which alone knows who asks (MSC3916). Neither part
/// has anything in it that means something in a path.
fn path(kind: &str, media: &MediaId) -> String {
    let (server, id) = (media.server(), media.id());
    format!("/_matrix/client/v1/media/{kind}/{server}/{id}")
}

fn file_name(headers: &HeaderMap) -> Option<String> {
    let disposition = headers.get(header::CONTENT_DISPOSITION)?;
    ContentDisposition::try_from(disposition.as_bytes())
        .ok()?
        .filename
}

fn chunks(answer: reqwest::Response) -> Chunks {
    let chunks = Box::pin(answer.bytes_stream());
    stream::unfold(Some(chunks), |chunks| async move {
        let mut chunks = chunks?;
        match timeout(STALL, chunks.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(chunks))),
            Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
            Err(_) => Some((Err(std::io::ErrorKind::TimedOut.into()), None)),
        }
    })
    .boxed()
}

//! Health (`/health`, `/healthz`, `/readyz`), on both listeners and for everybody.

use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::{Services, Tag};

/// The operations.
pub struct SystemApi(pub Services);

/// How daarion does.
#[derive(Object, Clone, Debug)]
pub struct HealthBody {
    /// `ok` or `degraded`.
    pub status: String,
    /// `connected` or `unreachable`.
    pub synapse: String,
    /// Why it is degraded.
    #[oai(skip_serializing_if_is_none)]
    pub reason: Option<String>,
}

/// Whether daarion takes requests.
#[derive(Object, Clone, Debug)]
pub struct ReadyBody {
    /// `ready` or `not_ready`.
    pub status: String,
    /// Why it is not ready.
    #[oai(skip_serializing_if_is_none)]
    pub reason: Option<String>,
}

/// Health.
#[derive(ApiResponse)]
pub enum HealthAnswer {
    /// All is well.
    #[oai(status = 200)]
    Ok(Json<HealthBody>),
    /// The homeserver or the store is not available.
    #[oai(status = 503)]
    Degraded(Json<HealthBody>),
}

/// Readiness.
#[derive(ApiResponse)]
pub enum ReadyAnswer {
    /// Requests are taken and what is sent is kept.
    #[oai(status = 200)]
    Ready(Json<ReadyBody>),
    /// Nothing can be stored.
    #[oai(status = 503)]
    NotReady(Json<ReadyBody>),
}

#[OpenApi(tag = "Tag::System")]
impl SystemApi {
    /// Check the homeserver and the store
    #[oai(path = "/healthz", method = "get", operation_id = "healthz")]
    async fn healthz(&self) -> HealthAnswer {
        self.health_answer().await
    }

    /// The same under the messaging document's name
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> HealthAnswer {
        self.health_answer().await
    }

    /// Check that requests are taken
    ///
    /// Stays 200 while the homeserver is away: what is kept can be read.
    #[oai(path = "/readyz", method = "get", operation_id = "readyz")]
    async fn readyz(&self) -> ReadyAnswer {
        match self.0.health.store() {
            Ok(()) => ReadyAnswer::Ready(Json(ReadyBody {
                status: "ready".to_owned(),
                reason: None,
            })),
            Err(reason) => ReadyAnswer::NotReady(Json(ReadyBody {
                status: "not_ready".to_owned(),
                reason: Some(reason),
            })),
        }
    }

    async fn health_answer(&self) -> HealthAnswer {
        let report = self.0.health.report().await;
        let reasons = [report.homeserver.clone().err(), report.store.clone().err()];
        let reasons: Vec<_> = reasons.into_iter().flatten().collect();
        let synapse = if report.homeserver.is_ok() {
            "connected"
        } else {
            "unreachable"
        };
        let body = |status: &str| {
            Json(HealthBody {
                status: status.to_owned(),
                synapse: synapse.to_owned(),
                reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            })
        };
        if report.is_ok() {
            HealthAnswer::Ok(body("ok"))
        } else {
            HealthAnswer::Degraded(body("degraded"))
        }
    }
}

//! What services have: the gateway, its polls and histories, files.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::matrix::Matrix;
use crate::recent::Recent;
use crate::service::Core;
use crate::service::agents::Agents;
use crate::service::auth::Auth;
use crate::service::gateway::details::Details;
use crate::service::gateway::history::History;
use crate::service::gateway::sync::EventSync;
use crate::service::gateway::turns::{FILES, POLLS, REQUESTS, Turns};
use crate::service::gateway::{Gateway, RoomDetails};
use crate::service::idempotency::Requests;
use crate::service::media::{Media, MediaRules};
use crate::store::sessions::KeyUse;

/// What the parts for services are made of, beside what all services are.
pub struct Ground {
    pub matrix: Arc<Matrix>,
    pub recent: Arc<Recent>,
    /// Told of what is pushed.
    pub details: Arc<Details<RoomDetails>>,
    /// Told of it, too.
    pub encryption: Arc<Details<bool>>,
    /// Those that must be done once.
    pub requests: Arc<Requests>,
    /// Makes addresses of files good.
    media_key: [u8; 32],
    /// Ends what waits.
    pub stop: CancellationToken,
}

/// The parts for services.
pub struct ForServices {
    pub gateway: Arc<Gateway>,
    pub sync: Arc<EventSync>,
    pub history: Arc<History>,
    pub media: Arc<Media>,
}

impl Ground {
    pub async fn new(
        core: &Core,
        matrix: Arc<Matrix>,
        recent: Arc<Recent>,
    ) -> anyhow::Result<Self> {
        let sessions = &core.store.sessions;
        Ok(Self {
            media_key: sessions.key(KeyUse::Media, core.clock.secret()).await?,
            details: Arc::default(),
            encryption: Arc::default(),
            requests: Arc::new(Requests::new(core.store.clone(), core.clock.clone())),
            stop: CancellationToken::new(),
            matrix,
            recent,
        })
    }

    pub fn build(
        self,
        config: &Config,
        core: &Arc<Core>,
        agents: &Arc<Agents>,
        auth: &Arc<Auth>,
    ) -> ForServices {
        let turns = Turns::new(REQUESTS);
        let gateway = Gateway::new(
            core.clone(),
            self.matrix.clone(),
            agents.clone(),
            turns,
            self.details,
            self.encryption,
            self.requests,
        );
        let gateway = Arc::new(gateway);
        let sync = EventSync::new(
            core.clone(),
            gateway.clone(),
            self.matrix.clone(),
            auth.clone(),
            self.recent,
            Turns::new(POLLS),
            config.matrix.sync_timeout,
            self.stop,
        );
        let history = History {
            core: core.clone(),
            gateway: gateway.clone(),
            timeline: self.matrix.clone(),
        };
        let public_url = config.listen.public_url.as_ref();
        let rules = MediaRules {
            limit: config.limits.upload as u64,
            stall: config.limits.stall,
            spool: config.data_dir.clone(),
            public_url: public_url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
            key: self.media_key,
        };
        let media = Media::new(self.matrix, Turns::new(FILES), core.clock.clone(), rules);
        ForServices {
            gateway,
            sync: Arc::new(sync),
            history: Arc::new(history),
            media: Arc::new(media),
        }
    }
}

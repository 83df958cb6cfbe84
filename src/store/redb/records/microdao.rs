//! Microdaos, version 1.

use serde::{Deserialize, Serialize};

use super::{Record, word};
use crate::domain::channel::Visibility;
use crate::domain::id::RoomId;
use crate::domain::microdao::Microdao;
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct MicrodaoRecord {
    name: String,
    description: String,
    visibility: String,
    created_by: Option<String>,
    created_at: u64,
    room: String,
}

impl Record<'_> for MicrodaoRecord {
    const NAME: &'static str = "microdao";
    const VERSION: u8 = 1;
}

impl MicrodaoRecord {
    pub fn into_microdao(self, id: &str) -> Result<Microdao, StoreError> {
        Ok(Microdao {
            id: id.to_owned(),
            name: self.name,
            description: self.description,
            visibility: word(Self::NAME, Visibility::parse, &self.visibility)?,
            created_by: self.created_by,
            created_at: self.created_at,
            room: RoomId::trusted(self.room),
        })
    }
}

impl From<&Microdao> for MicrodaoRecord {
    fn from(microdao: &Microdao) -> Self {
        Self {
            name: microdao.name.clone(),
            description: microdao.description.clone(),
            visibility: microdao.visibility.as_str().to_owned(),
            created_by: microdao.created_by.clone(),
            created_at: microdao.created_at,
            room: microdao.room.to_string(),
        }
    }
}

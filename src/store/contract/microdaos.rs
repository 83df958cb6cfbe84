//! Microdaos that were named.

use super::Ground;
use crate::domain::channel::Visibility;
use crate::domain::id::RoomId;
use crate::domain::microdao::Microdao;

pub async fn microdaos_are_kept_by_id(mut ground: impl Ground) {
    let store = ground.open().await;
    let first = Microdao {
        id: "microdao:b".into(),
        name: "Друга".into(),
        description: String::new(),
        visibility: Visibility::Private,
        created_by: None,
        created_at: 7,
        room: RoomId::trusted("!b"),
    };
    let renamed = Microdao {
        name: "Інша".into(),
        created_by: Some("user:alice".into()),
        ..first.clone()
    };
    let other = Microdao {
        id: "microdao:a".into(),
        ..first.clone()
    };
    for microdao in [first, renamed.clone(), other.clone()] {
        store.microdaos.put_microdao(microdao).await.expect("put");
    }
    let store = ground.kill(store).await;
    let all = store.microdaos.microdaos().await.expect("read");
    assert_eq!(all, [other, renamed]);
}

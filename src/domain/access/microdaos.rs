//! Who may know of microdaos, and name them. What a space is called later on is for whoever has the
//! power in it, which the homeserver looks at.

use super::Caller;
use crate::domain::channel::{Channel, Visibility};
use crate::domain::entity::Entity;
use crate::domain::microdao::Microdao;

/// Whether somebody may know of a microdao that was named, whatever channels it has.
#[must_use]
pub fn is_open_to(caller: &Caller, named: &Microdao) -> bool {
    named.visibility == Visibility::Public || is_makers(caller, named)
}

/// Whether somebody has named a microdao.
#[must_use]
pub fn is_makers(caller: &Caller, named: &Microdao) -> bool {
    let maker = named.created_by.as_deref().and_then(Entity::parse);
    maker.is_some_and(|maker| maker == caller.entity)
}

/// Whether somebody may name a microdao that nobody has named: nobody is there yet, or they made the
/// first channel in it.
#[must_use]
pub fn may_name(caller: &Caller, first: Option<&Channel>) -> bool {
    first.is_none_or(|first| first.created_by == Some(caller.entity.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RoomId;

    #[test]
    fn its_maker_and_whom_it_lets_in_know_of_a_microdao() {
        let [alice, bob] = ["user:alice", "user:bob"]
            .map(|it| Caller::new(Entity::parse(it).expect("an entity"), false));
        let mut named = Microdao {
            id: "microdao:m".into(),
            name: "M".into(),
            description: String::new(),
            visibility: Visibility::Private,
            created_by: Some("user:alice".into()),
            created_at: 1,
            room: RoomId::trusted("!r"),
        };
        assert!(is_open_to(&alice, &named) && !is_open_to(&bob, &named));
        named.visibility = Visibility::Public;
        assert!(is_open_to(&bob, &named) && !is_makers(&bob, &named));
        named.created_by = None;
        assert!(!is_makers(&alice, &named));
    }
}

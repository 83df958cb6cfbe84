//! Channels in the index.

use super::Ground;
use super::samples::{
    Shorthand, alias, channel, channel_id, created, edited, empowered, event_id, message, new,
    said, user,
};
use crate::domain::access::Power;
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, ChannelStatus, Visibility};
use crate::domain::event::{NewEvent, What};
use crate::domain::id::{MessageId, Millis, RoomId};
use crate::domain::message::Media;
use crate::store::{ClearTo, Store};

fn update(number: u128, name: &str, change: ChannelChange, at: Millis) -> NewEvent {
    let by = user("alice");
    new(number, name, What::ChannelUpdated { change, by, at })
}

async fn stored(store: &Store, number: u128) -> Channel {
    let channel = store.index.channel(channel_id(number)).await.expect("read");
    channel.expect("the channel is there")
}

pub async fn a_channel_is_created_and_found(ground: impl Ground) {
    let store = ground.open().await;
    assert_eq!(
        store.put_and_index(vec![created(1), created(2)]).await,
        Vec::<String>::new()
    );
    assert_eq!(stored(&store, 1).await, channel(1));
    assert_eq!(
        store.index.channel(channel_id(3)).await.expect("read"),
        None
    );
    let mut all = store.index.channels().await.expect("read");
    all.sort_by_key(|channel| channel.id);
    assert_eq!(all, [channel(1), channel(2)]);
    assert_eq!(store.index.counts().await.expect("read"), (0, 2));
}

pub async fn a_channel_again_is_refreshed(ground: impl Ground) {
    let store = ground.open().await;
    let renamed = update(1, "rename", ChannelChange::Name("Energy".into()), 2_000);
    store.put_and_index(vec![created(1), renamed]).await;
    let mut again = channel(1);
    again.name = "Old name".into();
    again.description = "refreshed".into();
    again.alias = Some(alias("other"));
    let passed = store
        .put_and_index(vec![new(1, "again", What::ChannelCreated(again.clone()))])
        .await;
    assert_eq!(passed, Vec::<String>::new());
    // What was set after the creation stays.
    again.name = "Energy".into();
    assert_eq!(stored(&store, 1).await, again);
    assert_eq!(store.index.counts().await.expect("read"), (0, 1));
    // The alias that it had is free.
    let mut heir = channel(2);
    heir.alias = channel(1).alias;
    let passed = store
        .put_and_index(vec![new(2, "heir", What::ChannelCreated(heir))])
        .await;
    assert_eq!(passed, Vec::<String>::new());
}

pub async fn a_channel_moves_with_its_room(ground: impl Ground) {
    let store = ground.open().await;
    let to = |room: &str| ChannelChange::Room(RoomId::trusted(room));
    let events = vec![
        created(1),
        created(2),
        said(1, "before", 10),
        update(1, "moved", to("!newer"), 2_000),
        said(1, "after", 20),
        update(1, "moved again", to("!newest"), 3_000),
        // What comes twice, and what is old, changes nothing.
        update(1, "moved twice", to("!newest"), 3_000),
        update(1, "moved back", to("!room1"), 4_000),
    ];
    assert_eq!(store.put_and_index(events).await, Vec::<String>::new());
    let mut expected = channel(1);
    expected.room = RoomId::trusted("!newest");
    expected.former = vec![channel(1).room, RoomId::trusted("!newer")];
    assert_eq!(stored(&store, 1).await, expected);
    // The state of the room that it has now refreshes it; its rooms are nobody else's.
    let mut again = channel(1);
    again.room = expected.room.clone();
    let mut thief = channel(3);
    thief.room = channel(1).room;
    thief.alias = None;
    let passed = store
        .put_and_index(vec![
            new(1, "again", What::ChannelCreated(again)),
            new(3, "thief", What::ChannelCreated(thief)),
            update(2, "theft", to("!newer"), 5_000),
        ])
        .await;
    assert_eq!(passed.len(), 2, "{passed:?}");
    assert_eq!(stored(&store, 1).await, expected);
    assert_eq!(stored(&store, 2).await, channel(2));
    assert_eq!(store.index.counts().await.expect("read"), (2, 2));
}

pub async fn a_second_channel_for_a_room_is_passed_over(ground: impl Ground) {
    let store = ground.open().await;
    let mut second = channel(2);
    second.room = channel(1).room;
    let mut moved = channel(1);
    moved.room = RoomId::trusted("!elsewhere");
    let passed = store
        .put_and_index(vec![
            created(1),
            new(2, "second", What::ChannelCreated(second)),
            said(2, "lost", 10),
            new(1, "moved", What::ChannelCreated(moved)),
            said(1, "kept", 10),
        ])
        .await;
    assert_eq!(passed.len(), 3, "{passed:?}");
    assert!(passed[0].contains("!room1"), "{passed:?}");
    assert_eq!(store.index.counts().await.expect("read"), (1, 1));
    assert_eq!(stored(&store, 1).await, channel(1));
    assert_eq!(store.index.position(), 5);
}

pub async fn an_alias_leads_to_one_channel(ground: impl Ground) {
    let store = ground.open().await;
    let claimed = channel(1).alias;
    let take = |number, name, at| update(number, name, ChannelChange::Alias(claimed.clone()), at);
    let mut second = channel(2);
    second.alias = claimed.clone();
    second.created_at = 1_500;
    let second = || new(2, "second", What::ChannelCreated(second.clone()));
    // In whatever order they come, the later one to say so has it, and no channel is lost.
    for events in [
        vec![created(1), second(), created(3), take(3, "take", 2_000)],
        vec![created(3), take(3, "take", 2_000), second(), created(1)],
        vec![second(), created(1), created(3), take(3, "take", 2_000)],
    ] {
        let cleared = store.index.clear(ClearTo::JournalEnd { since: 1 }).await;
        cleared.expect("is cleared");
        let clashes = store.put_and_index(events).await;
        assert_eq!(clashes.len(), 2, "{clashes:?}");
        assert_eq!(store.index.counts().await.expect("read"), (0, 3));
        assert_eq!(stored(&store, 1).await.alias, None);
        assert_eq!(stored(&store, 2).await.alias, None);
        assert_eq!(stored(&store, 3).await.alias, claimed);
        // What it had before is free, and so is what it gives away.
        let mut heir = channel(4);
        heir.alias = channel(3).alias;
        let give = update(3, "give", ChannelChange::Alias(None), 2_001);
        let events = vec![
            new(4, "heir", What::ChannelCreated(heir)),
            give,
            take(1, "again", 2_002),
        ];
        assert_eq!(store.put_and_index(events).await, Vec::<String>::new());
        assert_eq!(stored(&store, 1).await.alias, claimed);
        assert_eq!(stored(&store, 3).await.alias, None);
        assert_eq!(stored(&store, 4).await.alias, channel(3).alias);
    }
}

pub async fn changes_apply_by_their_own_time(ground: impl Ground) {
    let store = ground.open().await;
    let name = |id: &str, name: &str, at| update(1, id, ChannelChange::Name(name.into()), at);
    let topic =
        |id: &str, text: &str, at| update(1, id, ChannelChange::Description(text.into()), at);
    store
        .put_and_index(vec![
            created(1),
            name("n2", "second", 2_000),
            name("n1", "first", 1_500),
            topic("t1", "topic", 1_500),
        ])
        .await;
    assert_eq!(stored(&store, 1).await.name, "second");
    assert_eq!(stored(&store, 1).await.description, "topic");
    let store = ground.reopen(store).await;
    store
        .put_and_index(vec![
            name("n3", "healed", 1_999),
            name("n4", "same time", 2_000),
        ])
        .await;
    assert_eq!(stored(&store, 1).await.name, "same time");
}

pub async fn the_latest_levels_stand_and_creators_stay(ground: impl Ground) {
    let store = ground.open().await;
    let levels = async |store: &Store| {
        let levels = store.index.levels_of(channel_id(1)).await.expect("read");
        let all = store.index.levels().await.expect("read");
        let listed = all.into_iter().find(|(id, _)| *id == channel_id(1));
        assert_eq!(listed.map(|(_, levels)| levels), levels);
        levels
    };
    store.put_and_index(vec![created(1), created(2)]).await;
    assert_eq!(levels(&store).await, None);
    store
        .put_and_index(vec![
            empowered(1, "l2", 50, &[], 2_000),
            empowered(1, "l1", 10, &["alice"], 1_000),
        ])
        .await;
    let store = ground.reopen(store).await;
    let found = levels(&store).await.expect("are known");
    assert_eq!(found.of(&user("bob")), Power::Level(50), "the later one");
    assert_eq!(found.of(&user("alice")), Power::Creator);
    let passed = store
        .put_and_index(vec![
            empowered(1, "l3", 75, &[], 2_000),
            empowered(9, "l4", 75, &[], 2_000),
        ])
        .await;
    assert_eq!(passed.len(), 1, "the channel is unknown");
    let found = levels(&store).await.expect("are known");
    assert_eq!(found.of(&user("bob")), Power::Level(75));
    assert_eq!(found.of(&user("alice")), Power::Creator, "for good");
    assert_eq!(found.to_set("m.room.name"), 60);
    let cleared = store.index.clear(ClearTo::JournalStart).await;
    cleared.expect("is cleared");
    assert_eq!(levels(&store).await, None);
    store.index_all().await;
    assert_eq!(levels(&store).await, Some(found), "made anew");
}

pub async fn levels_of_a_room_that_was_left_count_no_more(ground: impl Ground) {
    let store = ground.open().await;
    let to = |room: &str| ChannelChange::Room(RoomId::trusted(room));
    let bobs = async |store: &Store| {
        let levels = store.index.levels_of(channel_id(1)).await.expect("read");
        levels.map(|levels| (levels.of(&user("bob")), levels.creators.len()))
    };
    // What the old room is given after it was replaced is later than all that the new one begins with.
    store
        .put_and_index(vec![
            created(1),
            empowered(1, "old", 10, &["alice"], 9_000),
            update(1, "moved", to("!newer"), 2_000),
        ])
        .await;
    assert_eq!(bobs(&store).await, None);
    store
        .put_and_index(vec![empowered(1, "new", 50, &[], 1_000)])
        .await;
    assert_eq!(bobs(&store).await, Some((Power::Level(50), 0)));
    // It is there already: nothing is left by this.
    store
        .put_and_index(vec![update(1, "moved twice", to("!newer"), 2_000)])
        .await;
    assert_eq!(bobs(&store).await, Some((Power::Level(50), 0)));
}

pub async fn the_latest_join_rule_stands(ground: impl Ground) {
    let store = ground.open().await;
    let rule = |id: &str, visibility, at| update(1, id, ChannelChange::Visibility(visibility), at);
    store
        .put_and_index(vec![
            created(1),
            rule("private", Visibility::Private, 2_000),
        ])
        .await;
    assert_eq!(stored(&store, 1).await.visibility, Visibility::Private);
    let store = ground.reopen(store).await;
    store
        .put_and_index(vec![
            rule("healed", Visibility::Public, 1_500),
            new(1, "again", What::ChannelCreated(channel(1))),
        ])
        .await;
    assert_eq!(stored(&store, 1).await.visibility, Visibility::Private);
    let reopened = rule("public", Visibility::Public, 2_500);
    store.put_and_index(vec![reopened]).await;
    assert_eq!(stored(&store, 1).await.visibility, Visibility::Public);
}

pub async fn what_was_said_goes_when_a_channel_is_encrypted(ground: impl Ground) {
    let mut image = message(1, "image", 11);
    image.media = Some(Media {
        url: Some("mxc://example.org/abc".into()),
        mimetype: None,
        size: None,
    });
    let before = vec![
        said(1, "plain", 10),
        new(1, "image", What::MediaUploaded(image)),
        edited(1, "edit", "plain", "new words", 20),
    ];
    // These were on their way, or come by healing: what is known of them is too much.
    let after = vec![
        said(1, "late", 12),
        edited(1, "late-edit", "late", "other words", 30),
        edited(1, "early-edit", "later", "waits for its message", 30),
        said(1, "later", 13),
        new(1, "again", What::ChannelCreated(channel(1))),
    ];
    let encrypted = update(1, "encrypted", ChannelChange::Encrypted, 15);
    let mut marked = channel(1);
    marked.confidential = true;
    let marked = new(1, "marked", What::ChannelCreated(marked));
    for turn in [encrypted, marked] {
        let store = ground.open().await;
        store
            .index
            .clear(ClearTo::JournalEnd { since: 1 })
            .await
            .expect("cleared");
        let mut events = vec![created(1), created(2), said(2, "other", 10)];
        events.extend(before.clone());
        store.put_and_index(events).await;
        assert_eq!(store.preview("plain").await.as_deref(), Some("new words"));
        store.assert_newest(1).await;
        store.put_and_index(vec![turn]).await;
        store.assert_newest(1).await;
        store.put_and_index(after.clone()).await;
        store.assert_newest(1).await;
        assert!(stored(&store, 1).await.confidential);
        for name in ["plain", "image", "late", "later"] {
            let id = MessageId::of(&event_id(name));
            let kept = store.index.message(id).await.expect("read").expect("there");
            assert!(!kept.reveals(), "{name}: {kept:?}");
        }
        assert_eq!(
            store.preview("other").await.as_deref(),
            Some("text of other")
        );
        store.closer.close().await;
    }
}

pub async fn one_default_room(ground: impl Ground) {
    let store = ground.open().await;
    let set = |number, id: &str, is_default, at| {
        let status = ChannelStatus::Active;
        update(
            number,
            id,
            ChannelChange::Settings {
                status,
                is_default,
                slow_mode_seconds: 0,
                changed_by: None,
            },
            at,
        )
    };
    let mut first = channel(1);
    first.is_default = true;
    let mut other_kind = channel(4);
    other_kind.kind = ChannelKind::Channel;
    other_kind.is_default = true;
    store
        .put_and_index(vec![
            new(1, "first", What::ChannelCreated(first)),
            new(4, "other", What::ChannelCreated(other_kind)),
            created(2),
        ])
        .await;
    assert!(stored(&store, 1).await.is_default);
    store.put_and_index(vec![set(2, "s2", true, 2_000)]).await;
    let defaults = async || {
        let all = store.index.channels().await.expect("read");
        let mut ids: Vec<_> = all.iter().filter(|c| c.is_default).map(|c| c.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(defaults().await, [channel_id(2), channel_id(4)]);
    let mut third = channel(3);
    third.is_default = true;
    third.created_at = 2_500;
    store
        .put_and_index(vec![new(3, "third", What::ChannelCreated(third))])
        .await;
    assert_eq!(defaults().await, [channel_id(3), channel_id(4)]);
    store.put_and_index(vec![set(3, "s3", false, 3_000)]).await;
    assert_eq!(defaults().await, [channel_id(4)]);
}

pub async fn the_latest_default_room_is_the_one_in_any_order(ground: impl Ground) {
    let made = |number| {
        let mut room = channel(number);
        room.is_default = true;
        // The second and the third in the same millisecond.
        room.created_at = if number == 1 { 1_000 } else { 2_000 };
        new(
            number,
            &format!("made {number}"),
            What::ChannelCreated(room),
        )
    };
    let store = ground.open().await;
    for order in [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ] {
        let cleared = store.index.clear(ClearTo::JournalEnd { since: 1 }).await;
        cleared.expect("cleared");
        for number in order {
            store.put_and_index(vec![made(number)]).await;
        }
        let all = store.index.channels().await.expect("read");
        let defaults: Vec<_> = all.iter().filter(|c| c.is_default).map(|c| c.id).collect();
        assert_eq!(defaults, [channel_id(3)], "{order:?}");
    }
}

pub async fn an_unknown_channel_is_named(ground: impl Ground) {
    let store = ground.open().await;
    let passed = store
        .put_and_index(vec![
            said(9, "lost", 10),
            update(9, "name", ChannelChange::Name("x".into()), 10),
            created(1),
            said(1, "kept", 10),
        ])
        .await;
    assert_eq!(passed.len(), 2, "{passed:?}");
    assert!(passed[0].contains(&channel_id(9).to_string()), "{passed:?}");
    assert_eq!(store.listed(1).await, ["$kept"]);
    assert_eq!(store.listed(9).await, Vec::<String>::new());
}

pub async fn what_an_unknown_channel_said_may_come_again(ground: impl Ground) {
    let store = ground.open().await;
    store.put_and_index(vec![said(9, "early", 10)]).await;
    let known = store.journal.knows(&[event_id("early")]).await;
    assert_eq!(known.expect("read"), [false]);
    let passed = store
        .put_and_index(vec![created(9), said(9, "early", 10)])
        .await;
    assert_eq!(passed, Vec::<String>::new());
    assert_eq!(store.listed(9).await, ["$early"]);
    let known = store.journal.knows(&[event_id("early")]).await;
    assert_eq!(known.expect("read"), [true]);
}

//! Agents: what they are, what ends them, what they answer, and what they remember.

use std::sync::Arc;
use std::time::Duration;

use daarion::domain::access::Caller;
use daarion::domain::agent::Agent;
use daarion::domain::channel::Channel;
use daarion::domain::command::Command;
use daarion::domain::entity::Entity;
use daarion::domain::event::Source;
use daarion::domain::id::{MessageId, RoomId, UserId};
use daarion::domain::key::KeyRights;
use daarion::domain::message::Message;
use daarion::domain::service::{Rights, ServiceCaller};
use daarion::domain::{Error, Result};
use daarion::homeserver::Homeserver as _;
use daarion::homeserver::fake::Call;
use daarion::service::accounts::Accounts;
use daarion::service::agents::{Account, AgentPatch, Agents, Context, ContextQuery, NewAgent};
use daarion::service::auth::keys::NewKey;
use daarion::service::auth::{Auth, AuthRules, outside};
use daarion::service::messages::{Messages, NewMessage};

use uuid::Uuid;

use crate::world::World;

struct Bench {
    world: World,
    auth: Arc<Auth>,
    messages: Arc<Messages>,
    agents: Arc<Agents>,
    channel: Arc<Channel>,
    alice: Caller,
}

impl Bench {
    /// A public channel with Alice in it.
    async fn start() -> Self {
        let world = World::start().await;
        let core = &world.core;
        let rules = AuthRules {
            operators: Default::default(),
            issuer: "s".into(),
            issuers: Vec::new(),
            homeserver_page: None,
            access_token_lifetime: Duration::from_secs(60),
            refresh_token_lifetime: Duration::from_secs(60),
        };
        let nothing = outside::nothing();
        let auth = Auth::new(
            core.store.clone(),
            core.homeserver.clone(),
            world.fake.clone(),
            core.directory.clone(),
            core.clock.clone(),
            rules,
            &nothing,
        );
        let auth = Arc::new(auth.await.expect("the keys are read"));
        let messages = Arc::new(Messages::new(core.clone()));
        let created = world.creator.create(world.creation("square", true)).await;
        let bench = Self {
            agents: Arc::new(Agents::new(core.clone(), messages.clone(), auth.clone())),
            channel: created.expect("is created"),
            alice: person("alice"),
            auth,
            messages,
            world,
        };
        let alice = bench.world.person("alice");
        bench.bring(&alice).await;
        bench
    }

    /// Somebody comes in.
    async fn bring(&self, user: &UserId) {
        let (fake, room) = (&self.world.fake, &self.channel.room);
        fake.join(room, Some(user))
            .await
            .expect("the room is public");
        let adopted = self.world.core.adopt(room, Source::Heal).await;
        adopted.expect("is adopted");
    }

    /// An agent that is a member.
    async fn agent(&self, name: &str) -> Caller {
        let new = NewAgent {
            id: format!("agent:{name}"),
            ..NewAgent::default()
        };
        let agent = self.agents.register(new).await.expect("is registered");
        self.bring(&agent.user).await;
        self.agents
            .caller(&format!("agent:{name}"))
            .expect("it is at work")
    }

    async fn say(&self, by: &Caller, text: &str) -> Result<Message> {
        self.say_in(by, text, None).await
    }

    async fn say_in(&self, by: &Caller, text: &str, thread: Option<MessageId>) -> Result<Message> {
        self.world.later();
        let new = NewMessage {
            text: text.into(),
            thread,
            ..NewMessage::default()
        };
        self.messages.send(by, self.channel.id, new).await
    }

    /// The agents answer each other until one is refused; how often they could.
    async fn argue(&self, both: &[Caller; 2], thread: Option<MessageId>) -> usize {
        for turn in 0..50 {
            match self.say_in(&both[turn % 2], "Ні, ти!", thread).await {
                Ok(_) => {}
                Err(Error::TooMany { message, .. }) => {
                    assert!(message.contains("agents.chain"), "{message}");
                    return turn;
                }
                Err(other) => panic!("refused in another way: {other}"),
            }
        }
        panic!("they never end");
    }

    async fn context(
        &self,
        by: &Caller,
        change: impl FnOnce(&mut ContextQuery),
    ) -> Result<Context> {
        let mut query = ContextQuery {
            channel: self.channel.id,
            thread: None,
            limit: 50,
            max_chars: 1_000,
        };
        change(&mut query);
        self.agents.context(by, query).await
    }
}

fn person(name: &str) -> Caller {
    let entity = Entity::parse(&format!("user:{name}"));
    Caller::new(entity.expect("an entity"), false)
}

fn new(id: &str) -> NewAgent {
    NewAgent {
        id: id.into(),
        ..NewAgent::default()
    }
}

fn texts(context: &Context) -> Vec<&str> {
    context.messages.iter().map(|it| it.text.as_str()).collect()
}

#[tokio::test]
async fn agent_is_changed_field_by_field_and_cleared_by_null() {
    let bench = Bench::start().await;
    let new = NewAgent {
        display_name: Some("Софія".into()),
        description: Some("Знає погоду".into()),
        avatar_url: Some("mxc://s/picture".into()),
        owner: Some("user:alice".into()),
        ..new("agent:sofia")
    };
    let agent = bench.agents.register(new).await.expect("is registered");
    let picture = || bench.world.fake.avatar_url(&agent.user);
    assert_eq!(picture().as_deref(), Some("mxc://s/picture"));
    assert_eq!(agent.owner, Entity::parse("user:alice"));

    let patch = |change: fn(&mut AgentPatch)| {
        let mut patch = AgentPatch::default();
        change(&mut patch);
        bench.agents.update("agent:sofia", patch)
    };
    let changed = patch(|it| it.description = Some(None))
        .await
        .expect("changed");
    let expected = Agent {
        description: None,
        ..agent.clone()
    };
    assert_eq!(changed, expected, "and nothing else");
    let changed = patch(|it| it.avatar_url = Some(None))
        .await
        .expect("changed");
    assert_eq!((changed.avatar_url, picture()), (None, None));
    let changed = patch(|it| it.display_name = Some(None))
        .await
        .expect("changed");
    assert_eq!(changed.display_name, "sofia");
    let changed = patch(|it| it.owner = Some(None)).await.expect("changed");
    assert_eq!(changed.owner, None);
    let stored = bench.world.core.store.accounts.agent("sofia").await;
    assert_eq!(stored.expect("read"), Some(changed));
    for (refused, field) in [
        (
            patch(|it| it.avatar_url = Some(Some("http://a".into()))).await,
            "avatar_url",
        ),
        (
            patch(|it| it.owner = Some(Some("agent:sofia".into()))).await,
            "owner",
        ),
        (
            patch(|it| it.owner = Some(Some("user:nobody".into()))).await,
            "owner",
        ),
        (
            patch(|it| it.display_name = Some(Some(" ".into()))).await,
            "display_name",
        ),
    ] {
        let words = refused.expect_err("wrong").to_string();
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
}

#[tokio::test]
async fn people_have_agents_of_their_own_and_not_too_many() {
    let bench = Bench::start().await;
    let (agents, alice) = (&bench.agents, &bench.alice);
    let one = agents
        .register_own(alice, new("agent:one"))
        .await
        .expect("one");
    assert!(one.is_owned_by(&alice.entity));
    agents
        .register_own(alice, new("agent:two"))
        .await
        .expect("two");
    let refused = agents.register_own(alice, new("agent:three")).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    bench.world.person("bob");
    let bob = person("bob");
    agents
        .register_own(&bob, new("agent:three"))
        .await
        .expect("his own");
    let refused = agents.register_own(&bob, new("agent:one")).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");

    // Whose it is not may do nothing about it.
    let refused = agents.require_keeper(&bob, "agent:one");
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    agents.require_keeper(alice, "agent:one").expect("hers");
    assert!(agents.may_act_as(alice, &one.entity()) && !agents.may_act_as(&bob, &one.entity()));

    // One that does nothing does not count, until it is put to work again.
    agents
        .deactivate_own(alice, "agent:one")
        .await
        .expect("ended");
    agents
        .register_own(alice, new("agent:four"))
        .await
        .expect("there is room");
    let refused = agents.reactivate_own(alice, "agent:one").await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

/// Accounts that somebody has closed or locked on the homeserver, which tells nobody of it.
#[tokio::test]
async fn nobody_comes_in_by_an_account_that_is_shut() {
    let bench = Bench::start().await;
    let (fake, keys) = (&bench.world.fake, &bench.auth.keys);
    let accounts = Accounts::new(
        bench.world.core.clone(),
        bench.agents.clone(),
        bench.auth.clone(),
    );
    let agent = bench.agent("sofia").await.entity;
    let people = ["user:alice", "user:bob"].map(|it| Entity::parse(it).expect("an entity"));
    let user = |entity: &Entity| bench.world.core.directory.user_id(entity);
    let new = || NewKey {
        name: "розмова".into(),
        rights: KeyRights::parse(&["*".into()], None, None).expect("rights"),
        lifetime: None,
    };
    let key = async |owner: &Entity| keys.create(owner, new()).await.expect("a key").0;
    let [alice, bob] = &people;
    bench.world.person("bob");
    let shown = [key(alice).await, key(bob).await];
    let look = async || accounts.look().await.expect("the homeserver answers");
    let lent = |by: &str, number| {
        let id = Uuid::from_u128(number);
        bench
            .agents
            .create_token("agent:sofia", by.into(), new(), id)
    };
    let (hers, operators) = (
        lent("user:alice", 1).await,
        lent("operator:warden", 2).await,
    );
    let [hers, operators] = [hers, operators].map(|made| made.expect("a token").0);
    assert_eq!(look().await, []);

    // While the homeserver is away, nobody is shut out.
    fake.set_locked(&user(alice), true);
    fake.set_down(true);
    accounts.look().await.expect_err("it is away");
    keys.authenticate(&shown[0]).expect("it counts");
    fake.set_down(false);

    assert_eq!(look().await, people[..1]);
    keys.authenticate(&shown[0]).expect_err("it has ended");
    keys.authenticate(&hers).expect_err("she knows it");
    for others in [&shown[1], &operators] {
        keys.authenticate(others).expect("another's counts");
    }
    assert_eq!(look().await, [], "there is nothing left to end");
    fake.set_locked(&user(alice), false);
    let again = key(alice).await;
    assert_eq!(look().await, []);
    keys.authenticate(&again)
        .expect("the account is open again");

    let traces = daarion::homeserver::Traces::Kept;
    for entity in [&agent, bob] {
        fake.deactivate(&user(entity), traces)
            .await
            .expect("closed");
    }
    // Alice, the first, is not known of this time.
    fake.fail_next(Call::Shut, Error::unavailable("no answer"));
    assert_eq!(look().await, [bob.clone(), agent]);
    keys.authenticate(&shown[1]).expect_err("it has ended");
    let sofia = bench.agents.get("agent:sofia").expect("it is listed");
    assert!(sofia.deactivated.expect("it is").is_final);
    assert_eq!(look().await, []);

    // Nor does an agent that daarion does not know of begin with one.
    let lost = UserId::trusted("@agent_lost:s");
    fake.register_agent(&lost).await.expect("is registered");
    fake.deactivate(&lost, traces).await.expect("closed");
    let new = NewAgent {
        id: "agent:lost".into(),
        ..NewAgent::default()
    };
    let refused = bench.agents.register(new).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

/// Otherwise whoever comes first would keep the others from being asked for, round after round.
#[tokio::test]
async fn a_round_that_broke_off_is_gone_on_with_behind_where_it_was() {
    let bench = Bench::start().await;
    let (core, fake) = (&bench.world.core, &bench.world.fake);
    let accounts = Accounts::new(core.clone(), bench.agents.clone(), bench.auth.clone());
    let people = ["user:a", "user:b", "user:c", "user:d"];
    let people = people.map(|it| Entity::parse(it).expect("an entity"));
    for person in &people {
        let new = NewKey {
            name: "розмова".into(),
            rights: KeyRights::parse(&["*".into()], None, None).expect("rights"),
            lifetime: None,
        };
        let made = bench.auth.keys.create(person, new).await;
        made.expect("a key");
        fake.set_locked(&core.directory.user_id(person), true);
    }
    let fail = || fake.fail_next(Call::Shut, Error::unavailable("no answer"));
    (0..3).for_each(|_| fail());
    accounts.look().await.expect_err("it is taken to be away");
    // The fourth comes first now, and is the one who is not known of.
    fail();
    let shut = accounts.look().await.expect("it answers again");
    assert_eq!(shut, people[..3]);
    assert_eq!(accounts.look().await, Ok(people[3..].to_vec()));
}

#[tokio::test]
async fn deactivated_agent_is_gone_at_once_and_can_come_back() {
    let bench = Bench::start().await;
    let sofia = bench.agent("sofia").await;
    bench.say(&sofia, "Я тут").await.expect("is said");
    let token = async || {
        let new = NewKey {
            name: "розмова".into(),
            rights: KeyRights::parse(&["*".into()], None, None).expect("rights"),
            lifetime: None,
        };
        let made =
            bench
                .agents
                .create_token("agent:sofia", "user:alice".into(), new, Uuid::from_u128(1));
        made.await.map(|(shown, _)| shown)
    };
    let shown = token().await.expect("a token");
    let keys = &bench.auth.keys;
    assert_eq!(
        keys.authenticate(&shown).expect("it counts").owner,
        sofia.entity
    );

    // It is refused even when it cannot leave yet; the rest is done when it is asked for again.
    let away = Error::unavailable("the homeserver is away");
    bench.world.fake.fail_next(Call::Leave, away);
    let cut = bench.agents.deactivate("agent:sofia", Account::Kept).await;
    assert!(cut.expect_err("cut off").is_transient());
    keys.authenticate(&shown).expect_err("its tokens end first");
    let refused = bench.agents.caller("agent:sofia");
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    for refused in [
        bench.agents.acting("X-User-Id", "agent:sofia").map(drop),
        bench.agents.require_at_work(&sofia.entity),
    ] {
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
    assert!(matches!(token().await, Err(Error::Conflict(_))));
    let user = bench.world.core.directory.user_id(&sofia.entity);
    let is_in = async || {
        let room = bench.world.fake.room(&bench.channel.room).await;
        let members = room.expect("an answer").expect("a room").members;
        let joined = daarion::domain::member::Membership::Joined;
        members
            .iter()
            .any(|(_, it)| it.user == user && it.membership == joined)
    };
    assert!(is_in().await);
    let ended = bench.agents.deactivate("agent:sofia", Account::Kept).await;
    assert!(!ended.expect("ended").is_active());
    assert!(!is_in().await);

    let back = bench.agents.reactivate("agent:sofia").await.expect("back");
    assert!(back.is_active());
    keys.authenticate(&shown).expect_err("it needs new ones");
    token().await.expect("a new one");

    // For good.
    let closed = bench
        .agents
        .deactivate("agent:sofia", Account::Closed)
        .await;
    assert!(closed.expect("closed").deactivated.expect("it is").is_final);
    assert!(
        !bench
            .world
            .fake
            .user_exists(&user)
            .await
            .expect("an answer")
    );
    let refused = bench.agents.reactivate("agent:sofia").await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let stored = bench.world.core.store.accounts.agent("sofia").await;
    assert!(
        stored
            .expect("read")
            .expect("it is listed")
            .deactivated
            .is_some()
    );
}

#[tokio::test]
async fn two_agents_that_answer_each_other_end() {
    let bench = Bench::start().await;
    let both = [bench.agent("one").await, bench.agent("two").await];
    let root = bench.say(&bench.alice, "Почнімо").await.expect("is said");
    // The first answers a person, and four answer an agent.
    assert_eq!(bench.argue(&both, None).await, 5);
    // Neither of them goes on by itself, and in a thread it is the same.
    for agent in &both {
        let refused = bench.say(agent, "Ще").await;
        let is_last = *agent == both[0];
        assert_eq!(refused.is_ok(), is_last, "{refused:?}");
    }
    assert_eq!(bench.argue(&both, Some(root.id)).await, 5);
    let others = bench.say(&bench.alice, "Досить").await;
    others.expect("people always may");
    assert_eq!(bench.argue(&both, None).await, 5);
    // After a silence they are counted anew.
    bench.world.clock.set(bench.world.clock.now() + 60_000);
    assert_eq!(bench.argue(&both, None).await, 5);
    // One that goes on by itself answers nobody.
    bench.say(&bench.alice, "Рахуй").await.expect("is said");
    for _ in 0..20 {
        bench.say(&both[0], "Ще раз").await.expect("is said");
    }
}

#[tokio::test]
async fn agent_remembers_what_was_said_where_it_is() {
    let bench = Bench::start().await;
    let sofia = bench.agent("sofia").await;
    let long = "ї".repeat(400);
    let first = bench.say(&bench.alice, "Перше").await.expect("is said");
    let gone = bench.say(&bench.alice, "Зайве").await.expect("is said");
    bench.say(&bench.alice, &long).await.expect("is said");
    bench
        .say_in(&sofia, "У гілці", Some(first.id))
        .await
        .expect("is said");
    let deleted = bench
        .messages
        .delete(&bench.alice, bench.channel.id, gone.id, None);
    deleted.await.expect("is deleted");

    let all = bench.context(&sofia, |_| ()).await.expect("remembered");
    assert_eq!(texts(&all), ["Перше", &long, "У гілці"]);
    assert!(!all.has_more && all.why.is_none());
    assert_eq!(all.messages[2].message.thread, Some(first.id));
    let two = bench.context(&sofia, |it| it.limit = 2).await.expect("two");
    assert_eq!(
        (texts(&two), two.has_more),
        (vec![long.as_str(), "У гілці"], true)
    );
    let short = bench
        .context(&sofia, |it| it.max_chars = 100)
        .await
        .expect("short");
    assert_eq!((texts(&short), short.has_more), (vec!["У гілці"], true));
    let cut = bench
        .context(&sofia, |it| it.max_chars = 3)
        .await
        .expect("cut");
    assert_eq!((texts(&cut), cut.messages[0].is_cut), (vec!["У г"], true));
    let thread = bench.context(&sofia, |it| it.thread = Some(first.id)).await;
    let thread = thread.expect("the thread");
    assert_eq!(
        (texts(&thread), thread.has_more),
        (vec!["Перше", "У гілці"], false)
    );
    let last = bench.context(&sofia, |it| {
        it.thread = Some(first.id);
        it.limit = 1;
    });
    let last = last.await.expect("the last one");
    assert_eq!((texts(&last), last.has_more), (vec!["У гілці"], true));

    for (field, change) in [
        (
            "limit",
            (|it: &mut ContextQuery| it.limit = 0) as fn(&mut ContextQuery),
        ),
        ("limit", |it| it.limit = 201),
        ("max_chars", |it| it.max_chars = 0),
    ] {
        let words = bench
            .context(&sofia, change)
            .await
            .expect_err("wrong")
            .to_string();
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
    let outsider = bench.agents.register(new("agent:outsider")).await;
    let outsider = Caller::new(outsider.expect("is registered").entity(), false);
    let refused = bench.context(&outsider, |_| ()).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn commands_are_those_of_agents_that_are_there() {
    let bench = Bench::start().await;
    let command = |name: &str| Command {
        name: name.into(),
        description: "Щось робить".into(),
        usage: None,
        arguments: Vec::new(),
    };
    for name in ["one", "two"] {
        bench.agent(name).await;
        let id = format!("agent:{name}");
        let set = bench
            .agents
            .set_commands(&id, vec![command("weather"), command(name)]);
        set.await.expect("are set");
    }
    bench
        .agents
        .register(new("agent:away"))
        .await
        .expect("is registered");
    let set = bench
        .agents
        .set_commands("agent:away", vec![command("weather")]);
    set.await.expect("are set");
    let offers = async || {
        let offers = bench.agents.offers(&bench.alice, bench.channel.id).await;
        let offers = offers.expect("listed");
        let shown = offers.iter().map(|it| {
            let (command, agent) = (&it.command.name, &it.agent.name);
            (format!("{command} {agent}"), it.is_shared)
        });
        shown.collect::<Vec<_>>()
    };
    let owned = |list: &[(&str, bool)]| {
        let owned = list
            .iter()
            .map(|(text, shared)| ((*text).to_owned(), *shared));
        owned.collect::<Vec<_>>()
    };
    let all = [
        ("one one", false),
        ("two two", false),
        ("weather one", true),
        ("weather two", true),
    ];
    assert_eq!(offers().await, owned(&all));
    bench
        .agents
        .deactivate("agent:two", Account::Kept)
        .await
        .expect("ended");
    assert_eq!(
        offers().await,
        owned(&[("one one", false), ("weather one", false)])
    );
}

#[tokio::test]
async fn two_agents_that_answer_in_and_out_of_threads_end_as_well() {
    let bench = Bench::start().await;
    let [one, two] = [bench.agent("one").await, bench.agent("two").await];
    bench.say(&bench.alice, "Почнімо").await.expect("is said");
    let mut said = 0;
    loop {
        assert!(said < 20, "they never end");
        let Ok(root) = bench.say(&one, "Ні, ти!").await else {
            break;
        };
        let answered = bench.say_in(&two, "Ні, ти!", Some(root.id)).await;
        said += 2;
        if answered.is_err() {
            break;
        }
    }
    assert!((5..=6).contains(&said), "{said}");
    // A person in one of the threads lets them go on there.
    let root = bench.say(&bench.alice, "Далі").await.expect("is said");
    let answer = bench.say(&one, "Так").await.expect("is said");
    bench
        .say_in(&bench.alice, "І тут", Some(answer.id))
        .await
        .expect("is said");
    assert_eq!(bench.argue(&[two, one], Some(answer.id)).await, 5);
    assert_ne!(root.id, answer.id);
}

#[tokio::test]
async fn what_an_operator_has_ended_its_owner_does_not_begin_again() {
    let bench = Bench::start().await;
    let (agents, alice) = (&bench.agents, &bench.alice);
    let operator = Caller::new(Entity::parse("user:oleh").expect("an entity"), true);
    let made = agents.register_own(alice, new("agent:sofia")).await;
    made.expect("is registered");
    let id = "agent:sofia";
    agents.deactivate_own(alice, id).await.expect("is ended");
    let back = agents.reactivate_own(alice, id).await;
    assert!(back.expect("hers to begin again").is_active());
    for by_service in [true, false] {
        // Also when its owner has ended it before, or ends it once more.
        agents.deactivate_own(alice, id).await.expect("is ended");
        let ended = match by_service {
            true => agents.deactivate(id, Account::Kept).await,
            false => agents.deactivate_own(&operator, id).await,
        };
        ended.expect("is ended");
        agents.deactivate_own(alice, id).await.expect("is ended");
        let stored = bench.world.core.store.accounts.agent("sofia").await;
        let stored = stored.expect("read").expect("it is listed");
        assert!(stored.deactivated.expect("it is").by_operator);
        let refused = agents.reactivate_own(alice, id).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        let back = agents.reactivate_own(&operator, id).await;
        assert!(back.expect("is at work").is_active());
    }
}

#[tokio::test]
async fn tokens_end_when_somebody_else_answers_for_an_agent() {
    let bench = Bench::start().await;
    bench.world.person("bob");
    let made = bench
        .agents
        .register_own(&bench.alice, new("agent:sofia"))
        .await;
    made.expect("is registered");
    let key = NewKey {
        name: "розмова".into(),
        rights: KeyRights::parse(&["*".into()], None, None).expect("rights"),
        lifetime: None,
    };
    let id = "agent:sofia";
    let token = Uuid::from_u128(1);
    let made = bench
        .agents
        .create_token(id, "user:alice".into(), key, token);
    let (shown, _) = made.await.expect("a token");
    let keys = &bench.auth.keys;
    let owner = |owner: &str| AgentPatch {
        owner: Some(Some(owner.into())),
        ..AgentPatch::default()
    };
    let same = bench.agents.update(id, owner("user:alice")).await;
    same.expect("is so already");
    keys.authenticate(&shown).expect("she still answers for it");
    let changed = bench.agents.update(id, owner("user:bob")).await;
    changed.expect("is changed");
    keys.authenticate(&shown).expect_err("it is bob's now");
}

#[tokio::test]
async fn agent_that_was_somewhere_before_is_nobodys_to_take() {
    let bench = Bench::start().await;
    let fake = &bench.world.fake;
    let lost = bench.world.person("agent_sofia");
    fake.join(&bench.channel.room, Some(&lost))
        .await
        .expect("the room is public");
    let refused = bench
        .agents
        .register_own(&bench.alice, new("agent:sofia"))
        .await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(fake.display_name(&lost).await, Ok(None), "as it was");
    let operator = Caller::new(bench.alice.entity.clone(), true);
    let taken_up = bench
        .agents
        .register_own(&operator, new("agent:sofia"))
        .await;
    taken_up.expect("is registered");
    // One whose registration was cut off is nowhere yet.
    let away = Error::unavailable("the homeserver is away");
    fake.fail_next(Call::SetDisplayName, away);
    let own = || bench.agents.register_own(&bench.alice, new("agent:new"));
    assert!(own().await.expect_err("cut off").is_transient());
    own().await.expect("is registered");
}

#[tokio::test]
async fn of_two_who_register_one_agent_the_second_changes_nothing() {
    let bench = Bench::start().await;
    let named = |name: &str| NewAgent {
        display_name: Some(name.into()),
        ..new("agent:sofia")
    };
    let (first, second) = tokio::join!(
        bench.agents.register(named("Перша")),
        bench.agents.register(named("Друга")),
    );
    let first = first.expect("is registered");
    assert!(matches!(second, Err(Error::Conflict(_))), "{second:?}");
    let shown = bench.world.fake.display_name(&first.user).await;
    assert_eq!(shown, Ok(Some("Перша".into())));
    // The name is free again for whoever was only in the way.
    let refused = bench.agents.register(named("Третя")).await;
    let words = refused.expect_err("it exists").to_string();
    assert!(words.contains("exists already"), "{words}");
}

#[tokio::test]
async fn agent_of_another_is_not_taken_for_what_an_earlier_try_has_left() {
    let bench = Bench::start().await;
    let asked = NewAgent {
        owner: Some("user:alice".into()),
        display_name: Some("Софія".into()),
        ..new("agent:sofia")
    };
    let made = bench.agents.register(asked.clone()).await;
    let made = made.expect("is registered");
    assert!(Agents::is_as_asked(&made, &asked));
    let others = [
        NewAgent {
            owner: None,
            ..asked.clone()
        },
        NewAgent {
            display_name: None,
            ..asked.clone()
        },
        NewAgent {
            user: Some("@other:s".into()),
            ..asked
        },
    ];
    for other in others {
        assert!(!Agents::is_as_asked(&made, &other), "{other:?}");
    }
}

#[tokio::test]
async fn service_of_a_former_room_works_in_the_channel() {
    let bench = Bench::start().await;
    let mut moved = Channel::clone(&bench.channel);
    let old = std::mem::replace(&mut moved.room, RoomId::trusted("!new:s"));
    moved.former = vec![old.clone()];
    bench.world.core.directory.put_channel(moved);
    let service = |room: &str| ServiceCaller {
        rights: Rights {
            rooms: Some(vec![room.to_owned()]),
            ..Rights::all()
        },
        ..ServiceCaller::shared()
    };
    let may = |room: &str| {
        let service = service(room);
        bench.agents.require_channel(&service, bench.channel.id)
    };
    assert_eq!(may(old.as_str()), Ok(()));
    assert_eq!(may("!new:s"), Ok(()));
    assert!(matches!(may("!other:s"), Err(Error::Forbidden(_))));
}

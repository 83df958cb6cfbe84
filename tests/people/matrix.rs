//! Who may do what: every route of both listeners, asked by everybody, against one table. A route
//! without a row fails, and a row without a route. The rows stand in `table.txt`, the columns in
//! `callers`, what the operations are about in `targets`.

mod callers;
mod routes;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde_json::Value;

use self::callers::{Credential, Credentials, Holder, PEOPLE};
use self::routes::{Listener, Route};
use self::targets::{Aim, People, Place, lets_in};
use crate::daarion::{Caller, World, shared_world};
use crate::homeserver::http::exchange;
use crate::support::Person;

/// These end what all other rows need, so they come last.
const LAST: [&str; 2] = ["leaveChannel", "logout"];

/// What a cell says.
fn letter((status, body): &(StatusCode, Value)) -> char {
    let words = body["message"]
        .as_str()
        .or(body["detail"].as_str())
        .unwrap_or_default();
    match status.as_u16() {
        100..400 => '+',
        401 => 'u',
        403 => '-',
        404 if words.starts_with("no channel ") || words.starts_with("no city room ") => '.',
        400 | 404 | 409 => '=',
        _ => '!',
    }
}

/// The one operation that takes a file.
async fn upload(caller: &Caller, path: &str) -> (StatusCode, Value) {
    let form = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                content-type: text/plain\r\n\r\n1\r\n--x--\r\n";
    let request = caller.builder(reqwest::Method::POST, path);
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let answer = exchange(request.body(form), None).await;
    answer.expect("daarion answers")
}

struct Matrix {
    world: &'static World,
    people: People,
    credentials: Credentials,
}

impl Matrix {
    async fn ask(&self, route: &Route, caller: &Caller, place: &Place, aim: &Aim) -> char {
        let operation = &route.operation;
        let id = operation.id.as_str();
        let mut path = operation.path(|name| self.people.value(id, name, place, aim));
        if id == "syncEvents" {
            path += "?timeout=0";
        }
        if operation.is_stream {
            return match caller.try_websocket(&path).await {
                Ok(_) => '+',
                Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                    let body = answer.body().as_deref().unwrap_or_default();
                    let body = serde_json::from_slice(body).unwrap_or(Value::Null);
                    letter(&(answer.status(), body))
                }
                Err(error) => panic!("{path}: {error}"),
            };
        }
        if id == "uploadMedia" {
            return letter(&upload(caller, &path).await);
        }
        let sample = operation.body.clone();
        let body = sample.map(|sample| self.people.body(id, sample, place));
        letter(&caller.request(operation.method.clone(), &path, body).await)
    }

    /// The cells of those who are let in or refused before it is asked how they stand to a channel.
    async fn credentials(&self, route: &Route, place: &Place) -> String {
        let aim = place.aim("").await;
        let mut found = String::new();
        for credential in Credential::ALL {
            let caller = self.credentials.caller(route, credential);
            found.push(self.ask(route, &caller, place, &aim).await);
        }
        found
    }

    /// The cells of people, in one channel.
    async fn standings(&self, route: &Route, place: &Place) -> String {
        let id = route.operation.id.as_str();
        let mut aim = place.aim(id).await;
        let mut found = String::new();
        for name in PEOPLE {
            let holder = self.holder(name, id).await;
            let caller = holder.at(route.listener);
            let letter = self.ask(route, caller, place, &aim).await;
            found.push(letter);
            if letter != '+' {
                continue;
            }
            place.renew(id, &mut aim).await;
            if lets_in(id) && ["stranger", "left", "operator"].contains(&name) {
                place.send_out(caller).await;
            }
        }
        found
    }

    /// Who has never been there is somebody new in each row that lets them in.
    async fn holder(&self, name: &str, id: &str) -> Holder {
        let is_used_up = id == "logout" || (lets_in(id) && name == "stranger");
        if !is_used_up || name == "agent" {
            return self.people.holder(name).clone();
        }
        let person = match id {
            "logout" => self.people.person(name).clone(),
            _ => Person::new(self.world, name).await,
        };
        Holder::sign_in(self.world, &person).await
    }
}

/// What a row expects: of credentials, of people in a public channel, and in a private one where that
/// is another thing.
type Cells = [String; 3];

/// The table.
fn rows() -> BTreeMap<(Listener, String), Cells> {
    let mut rows = BTreeMap::new();
    let mut listener = Listener::Public;
    let lines = include_str!("matrix/table.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line {
            "[public]" => listener = Listener::Public,
            "[internal]" => listener = Listener::Internal,
            row => {
                let mut words = row.split_whitespace().map(str::to_owned);
                let name = words.next().expect("a row has a name");
                let cells = [(); 3].map(|()| words.next().unwrap_or_default());
                let twice = rows.insert((listener, name), cells).is_some();
                assert!(!twice, "this stands twice: {row}");
            }
        }
    }
    rows
}

/// How a row looks in the table.
fn shown((listener, name): &(Listener, String), found: &Cells) -> String {
    let row = format!("{name:40}{}", found.join("  "));
    format!("{listener:?}: {}", row.trim_end())
}

impl Matrix {
    /// The cells of some routes, one after the other. Both channels are asked at once.
    async fn ask_all(
        &self,
        routes: &[&Route],
        places: [&Place; 2],
        private: &[bool],
    ) -> Vec<Cells> {
        let [here, there] = places;
        // First those who change nothing, for what others change shows for a moment.
        let mut credentials = Vec::new();
        for (route, is_of_channel) in routes.iter().zip(private) {
            let cells = self.credentials(route, here).await;
            if *is_of_channel {
                let same = self.credentials(route, there).await;
                assert_eq!(cells, same, "{:?} in a private channel", route.name());
            }
            credentials.push(cells);
        }
        let public = async {
            let mut found = Vec::new();
            for route in routes {
                found.push(self.standings(route, here).await);
            }
            found
        };
        let private = async {
            let mut found = Vec::new();
            for (route, is_of_channel) in routes.iter().zip(private) {
                found.push(match is_of_channel {
                    true => self.standings(route, there).await,
                    false => String::new(),
                });
            }
            found
        };
        let (public, private) = tokio::join!(public, private);
        let found = credentials.into_iter().zip(public).zip(private);
        found.map(|((one, two), three)| [one, two, three]).collect()
    }
}

#[tokio::test]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    let routes = routes::all();
    let rows = rows();
    let named: BTreeSet<_> = routes.iter().map(Route::name).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !rows.contains_key(*name))
        .collect();
    assert!(missing.is_empty(), "routes without a row: {missing:?}");
    let gone: Vec<_> = rows.keys().filter(|name| !named.contains(*name)).collect();
    assert!(gone.is_empty(), "rows without a route: {gone:?}");

    let world = shared_world().await;
    let people = People::gather(world).await;
    let owner = people.holder("owner").at(Listener::Public);
    let operator = people.holder("operator").at(Listener::Public);
    let (credentials, public, private) = tokio::join!(
        Credentials::new(world, owner, operator),
        Place::public(&people),
        Place::private(&people),
    );
    let matrix = Matrix {
        world,
        people,
        credentials,
    };
    let mut wrong = Vec::new();
    for is_last in [false, true] {
        let asked = |route: &&Route| LAST.contains(&route.operation.id.as_str()) == is_last;
        let asked: Vec<_> = routes.iter().filter(asked).collect();
        let is_of_channel: Vec<_> = asked
            .iter()
            .map(|it| !rows[&it.name()][2].is_empty())
            .collect();
        let found = matrix
            .ask_all(&asked, [&public, &private], &is_of_channel)
            .await;
        let both = asked.iter().map(|route| route.name()).zip(&found);
        let others = both.filter(|(name, found)| rows[name] != **found);
        wrong.extend(others.map(|(name, found)| shown(&name, found)));
    }
    assert!(
        wrong.is_empty(),
        "not as the table says:\n{}",
        wrong.join("\n")
    );
}

#[tokio::test]
async fn no_route_of_one_listener_is_on_the_other() {
    let daarion = &shared_world().await.daarion;
    let routes = routes::all();
    let place = |route: &Route| (route.operation.method.clone(), route.operation.path.clone());
    let of = |listener| {
        let routes = routes
            .iter()
            .filter(move |route: &&Route| route.listener == listener);
        routes.map(place).collect::<Vec<_>>()
    };
    let (public, internal) = (of(Listener::Public), of(Listener::Internal));
    let outside = daarion.api_as("user:operator");
    let inside = daarion.service().with_header("x-user-id", "user:operator");
    for (there, here, caller) in [
        (&internal, &public, &outside),
        (&public, &internal, &inside),
    ] {
        for (method, path) in there.iter().filter(|it| !here.contains(it)) {
            let path = path.split('?').next().unwrap_or_default();
            let path = path.replace(['{', '}'], "");
            let (status, body) = caller.request(method.clone(), &path, None).await;
            assert_eq!(status, 404, "{method} {path}: {body}");
        }
    }
}

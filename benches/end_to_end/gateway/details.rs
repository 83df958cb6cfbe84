//! Rooms that were looked up before: how many answers a second.

use crate::daarion::Daarion;
use crate::homeserver::path;
use crate::ingest::port;
use crate::lists::load;
use crate::report::{Report, per_second, rate, us};
use crate::story::Story;
use crate::wire::get;

pub async fn measure(report: &mut Report, daarion: &Daarion, rooms: u64, requests: u64) {
    let headers = super::service(daarion);
    let rooms: Vec<_> = (0..rooms)
        .map(|room| {
            let path = path(&["internal", "matrix", "rooms", &Story::room(room)]);
            get(&path, &headers)
        })
        .collect();
    let mut connection = super::internal(daarion).await;
    let path = path(&["internal", "matrix", "rooms", &Story::room(7)]);
    let room = connection.get_json(&path, &headers).await;
    let room = room.expect("the room is shown");
    assert_eq!(room["name"], "Channel 7", "{room}");
    assert!(room["channel_id"].is_string(), "{room}");
    let port = port(&daarion.internal(""));
    let looked = load(daarion, port, &rooms, requests).await;
    let floor = load(daarion, port, &[get("/readyz", "")], requests / 4).await;
    report.against(
        "Get a room, 8 callers that share the cores with daarion",
        rate(requests, looked.time),
        "≥ 20,000/s",
        per_second(requests, looked.time) >= 20_000,
    );
    report.figure("The same: daarion's processor time", us(looked.cpu));
    report.figure(
        "For comparison, `/readyz` there: requests a second, processor time",
        format!("{}, {}", rate(requests / 4, floor.time), us(floor.cpu)),
    );
}

//! `INTERNAL_ERROR`: what nobody has foreseen is told in the document's form, its cause to the log
//! alone, and holds up nothing else.

use redb::TableDefinition;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::caller::Gateway;
use crate::daarion::{Daarion, DaarionOptions};
use crate::support::{answered, items, text};

const WEBHOOKS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("webhooks_v1");
const SUBSCRIBE: &str = "/internal/matrix/webhook/subscribe";

/// Makes a webhook's row one that no daarion has written.
fn damage(daarion: &Daarion, id: &str) {
    let id = id.strip_prefix("sub-").expect("a subscription's id");
    let id = Uuid::try_parse(id).expect("a UUID");
    let file = daarion.data_dir().join("daarion.redb");
    let store = redb::Database::open(file).expect("the store is closed");
    let work = store.begin_write().expect("a transaction");
    let mut webhooks = work.open_table(WEBHOOKS).expect("the table");
    let before = webhooks.insert(id.as_bytes().as_slice(), [99_u8].as_slice());
    assert!(before.expect("written").is_some(), "it was there");
    drop(webhooks);
    work.commit().expect("committed");
}

#[tokio::test]
async fn what_nobody_has_foreseen_is_an_internal_error_whose_cause_the_log_has() {
    let daarion = Daarion::start(&DaarionOptions::default()).await;
    let gateway = Gateway::of(&daarion);
    let mut made = Vec::new();
    for _ in 0..2 {
        let body = json!({ "webhook_url": "https://example.org/" });
        let webhook = answered(200, gateway.post("webhook/subscribe", body).await);
        made.push(text(&webhook["subscription_id"]).to_owned());
    }
    daarion.terminate().await;
    damage(&daarion, &made[0]);
    daarion.launch().await;

    let path = format!("{SUBSCRIBE}/{}", made[0]);
    let (status, body) = gateway.ask(Method::GET, &path, None).await;
    assert_eq!(status, 500);
    let message = text(&body["message"]);
    assert_eq!(
        body,
        json!({ "error": "INTERNAL_ERROR", "message": message }),
        "nothing else"
    );
    let response = gateway.service.builder(Method::GET, &path).send().await;
    let response = response.expect("daarion answers");
    let headers = response.headers();
    assert!(headers.get("retry-after").is_none(), "{headers:?}");
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    let request = headers["x-request-id"].to_str().expect("text").to_owned();
    let said = response.text().await.expect("a body");
    let log = daarion.log();
    let of_request = |line: &&str| line.contains(&request) && line.contains("internal error");
    let logged = log.lines().find(of_request);
    let logged = logged.unwrap_or_else(|| panic!("nothing of {request} in {log}"));
    for cause in ["damaged", "version 99"] {
        assert!(logged.contains(cause), "{logged}");
        assert!(!said.contains(cause), "{said}");
    }

    let listed = answered(200, gateway.ask(Method::GET, SUBSCRIBE, None).await);
    let ids: Vec<&Value> = items(&listed)
        .iter()
        .map(|it| &it["subscription_id"])
        .collect();
    assert_eq!(ids, [&made[1]], "the others are there");
}

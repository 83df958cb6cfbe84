//! Requests whose callers hang up.

use std::sync::Arc;
use std::time::Duration;

use poem::http::Method;
use poem::{Endpoint, Request};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{App, build, config_with};
use crate::consumer::hub::Hub;
use crate::{store, web};

#[tokio::test]
async fn what_goes_on_without_its_caller_is_waited_for_at_the_end() {
    let homeserver = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", homeserver.local_addr().expect("bound"));
    let config = config_with(&[("DAARION_MATRIX__HOMESERVER_URL", &url)]);
    let store = store::in_memory().expect("a store");
    let app = App::assemble(&config, store).await.expect("an app");
    let hub = Arc::new(Hub::new(
        app.core.store.clone(),
        app.core.directory.clone(),
        app.core.indexed.clone(),
    ));
    let parts = build::parts(&app, hub, &config, CancellationToken::new());
    let login = Request::builder()
        .method(Method::POST)
        .uri_str("/api/auth/login")
        .content_type("application/json")
        .body(r#"{ "user": "alice", "password": "secret" }"#);
    let public = web::public(&parts);
    // The homeserver is asked, and takes its time.
    let (held, _) = tokio::select! {
        answer = public.call(login) => panic!("too soon: {answer:?}"),
        asked = homeserver.accept() => asked.expect("a connection"),
    };
    app.tasks.close();
    assert_eq!(app.tasks.len(), 1, "it goes on");
    drop((held, homeserver));
    let ended = tokio::time::timeout(Duration::from_secs(60), app.tasks.wait());
    ended.await.expect("it comes to its end");
}

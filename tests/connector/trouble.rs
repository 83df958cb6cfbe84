//! When the homeserver does not answer, or answers something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use daarion::domain::Error;
use daarion::homeserver::Homeserver as _;
use poem::Response;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};

use crate::world::{Connector, connector_at, user};

type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

/// A homeserver that gives these answers, one after the other, the last for ever. Says how
/// often it was asked.
async fn answering(answers: &'static [Answer]) -> (Connector, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let endpoint = poem::endpoint::make_sync(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let (status, headers, body) = answers[number.min(answers.len() - 1)];
        let status = poem::http::StatusCode::from_u16(status).expect("a status");
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(body)
    });
    let acceptor = TcpListener::bind("127.0.0.1:0")
        .into_acceptor()
        .await
        .expect("a port");
    let address = acceptor.local_addr()[0]
        .as_socket_addr()
        .copied()
        .expect("an address");
    let server = poem::Server::new_with_acceptor(acceptor);
    tokio::spawn(server.run(endpoint));
    (connector_at(&format!("http://{address}"), None), asked)
}

#[tokio::test]
async fn homeserver_that_is_down_is_unavailable_soon() {
    let connector = connector_at("http://127.0.0.1:1", None);
    let begun = Instant::now();
    let failed = connector.matrix.joined_rooms().await.expect_err("is down");
    assert!(
        matches!(failed, Error::HomeserverUnavailable { .. }),
        "{failed:?}"
    );
    assert!(failed.to_string().contains("127.0.0.1:1"), "{failed}");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(connector.matrix.was_away(), "whoever heals is told");
    assert!(!connector.matrix.was_away(), "once");
    let room = connector.new_room(None, None);
    let failed = connector
        .matrix
        .create_room(&room)
        .await
        .expect_err("is down");
    assert!(
        matches!(failed, Error::HomeserverUnavailable { .. }),
        "{failed:?}"
    );
}

#[tokio::test]
async fn server_errors_are_tried_again_a_few_times() {
    let (connector, asked) = answering(&[
        (502, &[], "<html>"),
        (503, &[], r#"{"errcode":"M_UNKNOWN","error":"soon"}"#),
        (200, &[], r#"{"joined_rooms":["!a"]}"#),
    ])
    .await;
    let rooms = connector.matrix.joined_rooms().await.expect("rooms");
    assert_eq!(rooms.len(), 1);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert!(!connector.matrix.was_away(), "it has answered");

    let (connector, asked) = answering(&[(500, &[("retry-after", "120")], "{}")]).await;
    let failed = connector.matrix.joined_rooms().await.expect_err("an error");
    let retry_after = Some(Duration::from_mins(2));
    assert!(
        matches!(&failed, Error::HomeserverUnavailable { retry_after: r, .. } if *r == retry_after),
        "{failed:?}"
    );
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "two minutes are too long to wait"
    );
}

#[tokio::test]
async fn creation_is_never_repeated() {
    let (connector, asked) = answering(&[(502, &[], "")]).await;
    let mut room = connector.new_room(None, None);
    room.room_version = Some("12".into());
    assert!(connector.matrix.create_room(&room).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn limit_is_waited_for_while_it_is_short() {
    let limited = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":150}"#;
    let answers: &'static [Answer] = Box::leak(Box::new([
        (429, &[] as &[_], limited),
        (429, &[], limited),
        (200, &[], r#"{"joined_rooms":[]}"#),
    ]));
    let (connector, asked) = answering(answers).await;
    let begun = Instant::now();
    assert_eq!(connector.matrix.joined_rooms().await, Ok(Vec::new()));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(asked.load(Ordering::SeqCst), 3);

    let long = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":60000}"#;
    let (connector, _) = answering(Box::leak(Box::new([(429, &[] as &[_], long)]))).await;
    let failed = connector
        .matrix
        .joined_rooms()
        .await
        .expect_err("is limited");
    let retry_after = Duration::from_mins(1);
    let message = "slow".to_owned();
    assert_eq!(
        failed,
        Error::HomeserverLimited {
            message,
            retry_after
        }
    );
    // An attempt before may have been carried out: then that is not known.
    let answers: &'static [Answer] =
        Box::leak(Box::new([(502, &[] as &[_], ""), (429, &[], long)]));
    let (connector, asked) = answering(answers).await;
    let failed = connector.matrix.joined_rooms().await;
    let failed = failed.expect_err("is limited");
    assert!(failed.leaves_open(), "{failed:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn refusals_keep_their_code_and_words_and_nonsense_is_told_apart() {
    let (connector, asked) = answering(&[(
        403,
        &[],
        r#"{"errcode":"M_USER_SUSPENDED","error":"You are suspended"}"#,
    )])
    .await;
    let alice = user("@alice:test-1.localhost");
    let refused = connector
        .matrix
        .set_display_name(&alice, "A")
        .await
        .expect_err("is refused");
    let expected = Error::HomeserverRefused {
        status: 403,
        errcode: "M_USER_SUSPENDED".into(),
        message: "You are suspended".into(),
    };
    assert_eq!(refused, expected);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "it is final");

    for (status, body) in [(404, "<html>not found</html>"), (200, "hello"), (302, "")] {
        let answers = Box::leak(Box::new([(status, &[] as &[_], body)]));
        let (connector, _) = answering(answers).await;
        let failed = connector
            .matrix
            .joined_rooms()
            .await
            .expect_err("is nonsense");
        assert!(
            matches!(failed, Error::HomeserverNonsense(_)),
            "{status} {failed:?}"
        );
    }

    let token = r#"{"errcode":"M_UNKNOWN_TOKEN","error":"Invalid access token"}"#;
    let (connector, _) = answering(Box::leak(Box::new([(401, &[] as &[_], token)]))).await;
    let failed = connector
        .matrix
        .joined_rooms()
        .await
        .expect_err("is refused");
    assert!(failed.to_string().contains("registration"), "{failed}");
}

#[tokio::test]
async fn silent_homeserver_does_not_hold_up_a_check() {
    // Connections wait in the queue of a listener that takes none.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let connector = connector_at(&format!("http://{address}"), None);
    let begun = Instant::now();
    let failed = connector.matrix.check().await.expect_err("nobody answers");
    assert!(
        matches!(failed, Error::HomeserverUnavailable { .. }),
        "{failed:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(8));
}

//! Where nothing is ever delivered to, however it is written.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::daarion::DaarionOptions;
use crate::receiver::Receiver;
use crate::support::{Hook, Room, answered, eventually, quick, text, world_with};

/// Hosts that lead to this machine, its network or a cloud's credentials, in all the forms that
/// an address may take.
const HOSTS: &[&str] = &[
    // Loopback.
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.0.0.01",
    "0177.1",
    "017700000001",
    "127.0.0.1.",
    "127.0x0.0.1",
    "0x7f.0.1",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127%2E0%2E0%2E1",
    "localhost",
    "LOCALHOST",
    "LocalHost",
    "localhost.",
    "ｌｏｃａｌｈｏｓｔ",
    "%6c%6f%63alhost",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]",
    "[2001:0:0808:0808:0:0:80ff:fffe]",
    "[2a01:4f8::5efe:127.0.0.1]",
    // Unspecified, which leads to this machine, too.
    "0",
    "0.0.0.0",
    "0x0",
    "00000",
    "0.0",
    "0.1.2.3",
    "[::]",
    "[0:0:0:0:0:0:0:0]",
    "[::ffff:0.0.0.0]",
    "[64:ff9b::]",
    // Private networks.
    "10.0.0.1",
    "10.1",
    "10.255.255.255",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "172.0x10.1",
    "2886729729",
    "0xac100001",
    "192.168.0.1",
    "192.168.1",
    "192.11010049",
    "3232235521",
    "0xc0a80001",
    "0300.0250.0.1",
    "[::ffff:10.0.0.1]",
    "[::ffff:192.168.0.1]",
    "[::ffff:ac10:1]",
    "[64:ff9b::10.0.0.1]",
    "[2002:c0a8:1::]",
    "[2002:a00:1::]",
    "100.64.0.1",
    "100.127.255.255",
    "[fc00::1]",
    "[fd00::1]",
    "[fdff:ffff::1]",
    // Link-local addresses and metadata.
    "169.254.0.1",
    "169.254.169.254",
    "169.254.43518",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "025177524776",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::]",
    "[2001:0:0101:0101:0:0:5601:5601]",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    // What is nobody's.
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "[ff02::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[4000::1]",
    "[5f00::1]",
];

#[tokio::test]
async fn no_form_of_an_inward_address_is_taken() {
    assert!(HOSTS.len() >= 100, "{}", HOSTS.len());
    let world = world_with(DaarionOptions::default()).await;
    let service = world.daarion.service();
    // Whoever is reached after all, on this machine, is seen here.
    let everywhere = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = everywhere.local_addr().expect("an address").port();
    let hosts = HOSTS.iter().map(|host| (*host).to_owned());
    let users = [
        "a@127.0.0.1",
        "a:b@127.0.0.1",
        "example.org@127.0.0.1",
        ":b@127.0.0.1",
    ];
    let schemes = ["ftp", "file", "gopher", "unix", "javascript"];
    let urls = hosts
        .chain(users.map(str::to_owned))
        .flat_map(|host| {
            [
                format!("http://{host}:{port}/"),
                format!("https://{host}:{port}/hook?a=b"),
            ]
        })
        .chain(schemes.map(|scheme| format!("{scheme}://127.0.0.1:{port}/")))
        .chain([
            format!("http:127.0.0.1:{port}"),
            format!("http:\\\\127.0.0.1:{port}\\"),
            format!("http:/127.0.0.1:{port}/"),
            format!("http:///127.0.0.1:{port}/"),
            format!("http://127.0.0.1:{port}/#@example.org/"),
            "http://".to_owned(),
            String::new(),
        ]);
    for url in urls {
        let body = json!({ "webhook_url": url });
        let answer = service
            .post("/internal/matrix/webhook/subscribe", body)
            .await;
        assert_eq!(answer.0, 400, "{url}: {}", answer.1);
        let words = text(&answer.1["message"]);
        assert!(words.starts_with("webhook_url: "), "{url}: {words}");
    }
    let reached = tokio::time::timeout(Duration::from_millis(200), everywhere.accept()).await;
    assert!(reached.is_err(), "{reached:?}");
}

#[tokio::test]
async fn address_is_judged_at_each_connection() {
    let options = quick().set("webhooks.allow", "[\"127.0.0.0/8\", \"::1\"]");
    let world = world_with(options.clone()).await;
    let receiver = Receiver::start().await;
    let room = Room::new(&world).await;
    let mut hooks = Vec::new();
    for host in ["127.0.0.1", "localhost", "2130706433"] {
        let url = format!("http://{host}:{}/hook", receiver.port());
        hooks.push(Hook::to_messages(&world, &room, &url).await);
    }
    room.say("allowed").await;
    receiver.texts(3).await;
    // From here on the same names and addresses lead where nothing may be delivered to.
    world.daarion.terminate().await;
    let narrowed = DaarionOptions {
        homeserver_url: world.homeserver.base_url().to_owned(),
        ..options.set("webhooks.allow", "[]")
    };
    world.daarion.write_configuration(&narrowed);
    world.daarion.launch().await;
    room.say("forbidden").await;
    for hook in &hooks {
        let deliveries = eventually("a refusal", async || {
            let deliveries = hook.deliveries().await;
            Some(deliveries).filter(|all| all[0]["outcome"] != "delivered")
        })
        .await;
        assert_eq!(deliveries[0]["status"], json!(null));
        let error = text(&deliveries[0]["error"]);
        assert!(error.contains("webhooks.allow"), "{error}");
        let tested = answered(
            200,
            hook.service.post(&hook.path(&["test"]), json!({})).await,
        );
        assert_eq!(tested["status"], json!(null), "{tested}");
    }
    assert_eq!(receiver.seen().len(), 3, "nothing came after");
}

#[tokio::test]
async fn own_listeners_are_no_receivers() {
    let world = world_with(quick().set("webhooks.allow", "[\"127.0.0.0/8\"]")).await;
    let service = world.daarion.service();
    for listener in [world.daarion.internal("/"), world.daarion.public("/")] {
        for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
            let url = listener.replace("127.0.0.1", host);
            let body = json!({ "webhook_url": url });
            let subscribe = "/internal/matrix/webhook/subscribe";
            let refused = answered(400, service.post(subscribe, body).await);
            let words = text(&refused["message"]);
            assert!(words.starts_with("webhook_url: "), "{url}: {words}");
            // "localhost" leads to two addresses, and the other one is not allowed.
            let is_said = words.contains("where daarion itself listens");
            assert!(is_said || host == "localhost", "{url}: {words}");
        }
    }
}

//! The way out: signs a delivery and sends it, to addresses that may be connected to alone.
//!
//! Whoever subscribes chooses the address, and we stand where they do not. So there are no
//! redirects and no proxy; a literal address is judged before each request, and a name at each
//! connection, by the very addresses that are connected to: what it led to earlier says nothing.

mod doors;
mod names;
mod resolver;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use url::{Host, Url};

use self::doors::{Closed, Doors};
use self::names::Names;
use self::resolver::Resolver;
use super::payload::Delivery;
use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::network::Reach;
use crate::domain::webhook::{Secrets, Verdict, Webhook};
use crate::domain::{Error, Result};
use crate::store::webhooks::{Attempt, Fate};

/// How much of an answer is kept, in bytes.
const KEPT: usize = 1_024;
/// How many connections to a receiver are kept open.
const IDLE_CONNECTIONS: usize = 8;
/// How long they are kept.
const IDLE: Duration = Duration::from_secs(30);
/// The longest address of a receiver.
const LONGEST_URL: usize = 2_048;
/// How long a name may take to be looked up when somebody subscribes.
const LOOK_UP: Duration = Duration::from_secs(2);

/// Sends.
pub struct Outlet {
    http: reqwest::Client,
    /// For ports at which we listen ourselves: a name is looked up without its port.
    to_our_ports: HashMap<u16, reqwest::Client>,
    names: Names,
    doors: Arc<Doors>,
    timeout: Duration,
    clock: Clock,
}

/// What came of a try.
#[derive(Clone, Debug)]
pub struct Answer {
    at: Millis,
    latency_ms: u64,
    status: Option<u16>,
    error: Option<String>,
    text: String,
    retry_after: Option<Duration>,
}

impl Answer {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.status {
            Some(status) => Verdict::of(status, self.retry_after),
            None => Verdict::Failed { retry_after: None },
        }
    }

    /// What it was, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.error, self.status) {
            (Some(error), _) => error.clone(),
            (None, Some(status)) => format!("the receiver answered {status}"),
            (None, None) => "no answer".to_owned(),
        }
    }

    /// What is kept of it.
    #[must_use]
    pub fn attempt(
        &self,
        delivery: &Delivery,
        next_at: Option<Millis>,
        number: u32,
        fate: Fate,
    ) -> Attempt {
        Attempt {
            at: self.at,
            name: delivery.name.to_owned(),
            seq: delivery.seq,
            delivery_id: delivery.id.clone(),
            event: delivery.event.clone(),
            channel: delivery.channel,
            number,
            latency_ms: self.latency_ms,
            status: self.status,
            error: self.error.clone(),
            answer: self.text.clone(),
            fate,
            next_at,
        }
    }
}

impl Outlet {
    /// `ours` is where daarion listens itself.
    pub fn new(
        reach: Reach,
        ours: Vec<SocketAddr>,
        timeout: Duration,
        clock: Clock,
    ) -> Result<Self> {
        let ports: Vec<_> = ours.iter().map(SocketAddr::port).collect();
        let (names, doors) = (Names::of_the_system(), Arc::new(Doors { reach, ours }));
        let client = |port| {
            let (names, doors) = (names.clone(), doors.clone());
            client(timeout, &Arc::new(Resolver { names, doors, port }))
        };
        let to_our_ports = ports.into_iter().map(|port| Ok((port, client(port)?)));
        Ok(Self {
            http: client(0)?,
            to_our_ports: to_our_ports.collect::<Result<_>>()?,
            names,
            doors,
            timeout,
            clock,
        })
    }

    /// Checks the address of a receiver as somebody gave it. A name that leads nowhere now is
    /// taken; one that leads to what may not be connected to is not.
    pub async fn check(&self, text: &str) -> Result<Url> {
        let wrong = |message: &str| Error::invalid("webhook_url", message);
        if text.len() > LONGEST_URL {
            let message = format!("must be at most {LONGEST_URL} characters");
            return Err(wrong(&message));
        }
        let url = Url::parse(text).map_err(|error| wrong(&format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user name or a password"));
        }
        if url.fragment().is_some() {
            return Err(wrong("must not hold a fragment (#…)"));
        }
        self.judge(&url).map_err(|refusal| wrong(&refusal))?;
        if let Some(Host::Domain(name)) = url.host() {
            let port = port_of(&url);
            let looking = resolver::look_up(&self.names, &self.doors, name, port);
            if let Ok(Err(refused)) = tokio::time::timeout(LOOK_UP, looking).await
                && let Some(words) = refused.refusal()
            {
                return Err(wrong(&words));
            }
        }
        Ok(url)
    }

    /// Judges a literal address, which no resolver is asked for.
    fn judge(&self, url: &Url) -> Result<(), String> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err("has no host".to_owned()),
        };
        match self.doors.judge(address, port_of(url)) {
            Ok(()) => Ok(()),
            Err(Closed::Refused(refusal)) => Err(format!("{address} is {refusal}")),
            Err(ours @ Closed::Ours) => Err(format!("leads to {address}, {ours}")),
        }
    }

    /// Sends once.
    pub async fn send(&self, webhook: &Webhook, delivery: &Delivery) -> Answer {
        let at = self.clock.now();
        let began = self.clock.instant();
        let sending = self.exchange(webhook, delivery, at);
        let sent = tokio::time::timeout(self.timeout, sending).await;
        let late = || {
            let timeout = self.timeout.as_millis();
            Err(format!("no answer within {timeout} ms (webhooks.timeout)"))
        };
        let response = sent.unwrap_or_else(|_| late());
        let mut answer = Answer {
            at,
            latency_ms: 0,
            status: None,
            error: None,
            text: String::new(),
            retry_after: None,
        };
        match response {
            Ok(response) => {
                answer.status = Some(response.status().as_u16());
                answer.retry_after = retry_after(response.headers(), at);
                let rest = self.timeout.saturating_sub(began.elapsed());
                answer.text = beginning(response, rest).await;
            }
            Err(error) => answer.error = Some(error),
        }
        answer.latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        answer
    }

    async fn exchange(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        at: Millis,
    ) -> Result<Response, String> {
        let url = Url::parse(&webhook.url).map_err(|error| error.to_string())?;
        self.judge(&url)?;
        let seconds = i64::try_from(at / 1_000).unwrap_or_default();
        let signature = signature(&webhook.secrets, delivery, seconds, at)?;
        let own = self.to_our_ports.get(&port_of(&url));
        let request = own
            .unwrap_or(&self.http)
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(standardwebhooks::HEADER_WEBHOOK_ID, &delivery.id)
            .header(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, seconds)
            .header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signature)
            .body(delivery.body.clone());
        request.send().await.map_err(words)
    }
}

/// Without redirects and proxies.
fn client(timeout: Duration, resolver: &Arc<Resolver>) -> Result<reqwest::Client> {
    let client = || {
        reqwest::Client::builder()
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .dns_resolver(resolver.clone())
            .user_agent(concat!("daarion/", env!("CARGO_PKG_VERSION")))
    };
    // A machine that knows no authorities (`ca-certificates`) believes no receiver by HTTPS,
    // and does all the rest.
    let http = client().build();
    let http = http.or_else(|_| client().tls_certs_only([]).build());
    http.map_err(|error| Error::internal(format!("cannot make an HTTP client: {error}")))
}

fn port_of(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or_default()
}

/// The signatures of all secrets that count, the current one's first.
fn signature(
    secrets: &Secrets,
    delivery: &Delivery,
    seconds: i64,
    now: Millis,
) -> Result<String, String> {
    let sign = |secret| {
        let signer = standardwebhooks::Webhook::new(secret)?;
        signer.sign(&delivery.id, seconds, &delivery.body)
    };
    let all: Result<Vec<_>, _> = secrets.live(now).map(sign).collect();
    let all = all.map_err(|error| format!("it cannot be signed: {error}"))?;
    Ok(all.join(" "))
}

/// Seconds, or a time (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let time = u64::try_from(time.timestamp_millis()).ok()?;
    Some(Duration::from_millis(time.saturating_sub(now)))
}

/// The beginning of an answer, as far as it comes in time. What the status says stands without it.
async fn beginning(mut response: Response, within: Duration) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < KEPT {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
    };
    let _ = tokio::time::timeout(within, reading).await;
    bytes.truncate(KEPT);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The innermost cause says what happened.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.is_connect() {
        true => format!("no connection: {cause}"),
        false => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_time() {
        let wait = |text: &str, now| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            retry_after(&headers, now)
        };
        assert_eq!(wait("120", 0), Some(Duration::from_secs(120)));
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        let then = 1_445_412_480_000;
        assert_eq!(wait(date, then - 5_000), Some(Duration::from_secs(5)));
        assert_eq!(wait(date, then + 5_000), Some(Duration::ZERO));
        assert_eq!(wait("soon", 0), None);
    }
}

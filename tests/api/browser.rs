//! A browser, as far as signing in goes: it keeps cookies, says from which page a request comes,
//! and reaches daarion through a proxy or on the machine itself.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::daarion::{Caller, World};

pub struct Browser {
    caller: Caller,
    pub cookies: BTreeMap<String, String>,
    /// Further headers of every request.
    pub headers: Vec<(&'static str, String)>,
    /// The `Set-Cookie` headers of the last answer.
    pub set: Vec<String>,
    /// The headers of the last answer.
    pub answer: HeaderMap,
}

impl Browser {
    /// One on the machine itself.
    pub fn on_loopback(world: &World) -> Self {
        Self {
            caller: world.daarion.anonymous(),
            cookies: BTreeMap::new(),
            headers: Vec::new(),
            set: Vec::new(),
            answer: HeaderMap::new(),
        }
    }

    /// One somewhere else, behind a proxy that speaks HTTPS with it.
    pub fn behind_proxy(world: &World, address: &str) -> Self {
        Self::on_loopback(world)
            .with("x-forwarded-for", address)
            .with("x-forwarded-proto", "https")
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(held, _)| *held != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Another page of the same browser.
    pub fn other_tab(&self) -> Self {
        Self {
            caller: self.caller.clone(),
            cookies: self.cookies.clone(),
            headers: self.headers.clone(),
            set: Vec::new(),
            answer: HeaderMap::new(),
        }
    }

    pub async fn get(&mut self, path: &str) -> (StatusCode, Value) {
        self.request(Method::GET, path, None).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> (StatusCode, Value) {
        self.request(Method::POST, path, Some(body)).await
    }

    /// Without a body.
    pub async fn press(&mut self, path: &str) -> (StatusCode, Value) {
        self.request(Method::POST, path, None).await
    }

    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.caller.builder(method, path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter();
            let pairs: Vec<_> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header("cookie", pairs.join("; "));
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.expect("daarion answers");
        let status = response.status();
        self.answer = response.headers().clone();
        self.keep();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    fn keep(&mut self) {
        let set = self.answer.get_all(SET_COOKIE).into_iter();
        self.set = set
            .map(|value| value.to_str().expect("text").to_owned())
            .collect();
        for cookie in &self.set {
            let (pair, attributes) = cookie.split_once("; ").expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The one cookie that the last answer set: its name and its attributes, sorted.
    #[track_caller]
    pub fn last_cookie(&self) -> (String, Vec<String>) {
        let [cookie] = self.set.as_slice() else {
            panic!("{:?} is not one cookie", self.set);
        };
        let mut parts = cookie.split("; ");
        let (name, _) = parts
            .next()
            .and_then(|pair| pair.split_once('='))
            .expect("a pair");
        let mut attributes: Vec<_> = parts.map(str::to_owned).collect();
        attributes.sort();
        (name.to_owned(), attributes)
    }

    /// How long the last answer asks to wait, in seconds.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        let header = self.answer.get("retry-after").expect("a Retry-After");
        header.to_str().expect("text").parse().expect("seconds")
    }
}

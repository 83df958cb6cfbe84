//! The operations of an OpenAPI document, with something that each of them takes: questions that are
//! made of the document forget none that comes later.

use std::path::Path;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::text;

pub const CHANNEL: &str = "{channel_id}";
/// The id of nothing.
pub const NOWHERE: &str = "3b0fd2a1-7b3e-4f0c-9a55-0d3c8c0f4e11";

/// One method of one path.
pub struct Operation {
    pub id: String,
    pub method: Method,
    /// With `{parameters}`, those of the query that are needed included.
    pub path: String,
    pub body: Option<Value>,
    /// The scope that it names.
    pub scope: Option<String>,
    /// Whether it is a WebSocket.
    pub is_stream: bool,
}

/// A document that is committed under `openapi/`; a test of its own holds it against the program.
pub fn document(name: &str) -> Vec<Operation> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("openapi/{name}.json"));
    let document = std::fs::read_to_string(file).expect("the document is committed");
    let document: Value = serde_json::from_str(&document).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(move |(method, described)| (path, method, described))
    });
    operations
        .map(|(path, method, described)| operation(&document, path, method, described))
        .collect()
}

fn operation(document: &Value, path: &str, method: &str, described: &Value) -> Operation {
    let parameters = described["parameters"].as_array();
    let query = parameters
        .into_iter()
        .flatten()
        .filter(|parameter| text(&parameter["in"]) == "query" && parameter["required"] == true);
    let query: Vec<_> = query
        .map(|parameter| {
            let name = text(&parameter["name"]);
            format!("{name}={{{name}}}")
        })
        .collect();
    let query = match query.is_empty() {
        true => String::new(),
        false => format!("?{}", query.join("&")),
    };
    let schema = &described["requestBody"]["content"]["application/json; charset=utf-8"]["schema"];
    let told = described["description"].as_str().unwrap_or_default();
    let scope = told.split("scope").nth(1);
    let scope = scope.and_then(|rest| rest.trim_start().strip_prefix('`')?.split('`').next());
    Operation {
        id: text(&described["operationId"]).to_owned(),
        method: method.to_uppercase().parse().expect("a method"),
        path: format!("{path}{query}"),
        body: (!schema.is_null()).then(|| sample(document, schema)),
        scope: scope.map(str::to_owned),
        is_stream: described["responses"]["101"].is_object(),
    }
}

/// Something that fits a schema.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().expect("a name");
        return sample(document, &document["components"]["schemas"][name]);
    }
    if let Some(part) = schema["allOf"].get(0) {
        return sample(document, part);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("string"), Some("uuid")) => json!(NOWHERE),
        (Some("string"), Some("date-time")) => json!("2026-01-01T00:00:00Z"),
        (Some("string"), _) => json!("x"),
        (Some("integer" | "number"), _) => json!(1),
        (Some("boolean"), _) => json!(true),
        (Some("array"), _) => json!([sample(document, &schema["items"])]),
        _ => {
            let required = schema["required"].as_array();
            let names = required.into_iter().flatten().map(text);
            let field = |name: &str| {
                let schema = &schema["properties"][name];
                (name.to_owned(), sample(document, schema))
            };
            names.map(field).collect::<Map<_, _>>().into()
        }
    }
}

impl Operation {
    /// The path with `value` for each parameter, encoded already.
    pub fn path(&self, value: impl Fn(&str) -> String) -> String {
        let mut path = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("a parameter ends");
            path += before;
            path += &value(name);
            rest = after;
        }
        path + rest
    }

    /// Whether it is about one channel, by its path.
    pub fn is_of_channel(&self) -> bool {
        self.path.contains(CHANNEL)
    }
}

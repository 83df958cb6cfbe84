//! The operations of an OpenAPI document, with a good request for each: tests spoil one thing of
//! it at a time, so a new operation is covered as soon as it is documented.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::homeserver::unique;
use crate::support::text;

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    pub method: Method,
    /// With `{parameters}`.
    pub template: String,
    pub parameters: Vec<Parameter>,
    /// What the body must be; `None` when there is none, or one that is no JSON.
    pub body: Option<Schema>,
    pub is_body_required: bool,
    /// Whether callers must say who they are.
    pub is_guarded: bool,
    /// What is answered, by status.
    pub answers: BTreeMap<String, Schema>,
}

#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    /// `path`, `query` or `header`.
    pub place: String,
    pub is_required: bool,
    pub schema: Schema,
}

/// A schema with its references resolved.
#[derive(Clone, Debug)]
pub struct Schema(pub Value);

/// A document that is committed under `openapi/`.
pub fn document(name: &str) -> Vec<Operation> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("openapi/{name}.json"));
    let document = std::fs::read_to_string(&file).expect("the document is committed");
    let document: Value = serde_json::from_str(&document).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (template, methods) in paths {
        for (method, described) in methods.as_object().expect("methods") {
            // A handshake is refused as such before anything of it is looked at; `live` tries it.
            if described["responses"]["101"].is_object() {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes());
            operations.push(operation(
                &document,
                template,
                method.expect("a method"),
                described,
            ));
        }
    }
    assert!(!operations.is_empty(), "{name} has operations");
    operations
}

fn operation(document: &Value, template: &str, method: Method, described: &Value) -> Operation {
    let list = described["parameters"].as_array().into_iter().flatten();
    let parameters = list.map(|parameter| Parameter {
        name: text(&parameter["name"]).to_owned(),
        place: text(&parameter["in"]).to_owned(),
        is_required: parameter["required"] == true,
        schema: Schema(resolve(document, &parameter["schema"])),
    });
    let content = described["requestBody"]["content"].as_object();
    let is_json = |(kind, _): &(&String, &Value)| kind.starts_with("application/json");
    let body = content.and_then(|content| content.iter().find(is_json));
    let answers = described["responses"].as_object().into_iter().flatten();
    let answers = answers.filter_map(|(status, answer)| {
        let content = answer["content"].as_object()?.values().next()?;
        Some((
            status.clone(),
            Schema(resolve(document, &content["schema"])),
        ))
    });
    Operation {
        method,
        template: template.to_owned(),
        parameters: parameters.collect(),
        body: body.map(|(_, body)| Schema(resolve(document, &body["schema"]))),
        is_body_required: described["requestBody"]["required"] == true,
        is_guarded: described["security"]
            .as_array()
            .is_some_and(|schemes| !schemes.is_empty()),
        answers: answers.collect(),
    }
}

/// A copy without `$ref` and `allOf`.
fn resolve(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let target = document.pointer(pointer);
        return resolve(document, target.expect("a reference leads somewhere"));
    }
    match schema {
        Value::Object(fields) => {
            let mut resolved: Map<_, _> = fields
                .iter()
                .map(|(key, value)| (key.clone(), resolve(document, value)))
                .collect();
            let parts = resolved.remove("allOf");
            for part in parts.iter().flat_map(|parts| parts.as_array()).flatten() {
                resolved.extend(part.as_object().cloned().unwrap_or_default());
            }
            Value::Object(resolved)
        }
        Value::Array(items) => items.iter().map(|item| resolve(document, item)).collect(),
        other => other.clone(),
    }
}

impl Operation {
    /// `POST /api/city/rooms`, for messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    pub fn path_parameters(&self) -> Vec<&Parameter> {
        self.parameters_in("path")
    }

    pub fn query_parameters(&self) -> Vec<&Parameter> {
        self.parameters_in("query")
    }

    fn parameters_in(&self, place: &str) -> Vec<&Parameter> {
        let here = |parameter: &&Parameter| parameter.place == place;
        self.parameters.iter().filter(here).collect()
    }

    /// The path with something else for one parameter of the query.
    pub fn path_asking(&self, name: &str, asked: &str, value: impl Fn(&str) -> String) -> String {
        let path = self.path(&value);
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let others = query.split('&').filter(|pair| {
            let of = pair.split_once('=').map_or("", |(of, _)| of);
            !of.is_empty() && of != name
        });
        let pairs = others.map(str::to_owned).chain([format!("{name}={asked}")]);
        format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    /// The path with `value` for each parameter, encoded already.
    pub fn path(&self, value: impl Fn(&str) -> String) -> String {
        let mut path = self.template.clone();
        for parameter in self.path_parameters() {
            let hole = format!("{{{}}}", parameter.name);
            path = path.replace(&hole, &value(&parameter.name));
        }
        let query: Vec<_> = self
            .query_parameters()
            .into_iter()
            .filter(|parameter| parameter.is_required)
            .map(|parameter| format!("{}={}", parameter.name, value(&parameter.name)))
            .collect();
        match query.is_empty() {
            true => path,
            false => format!("{path}?{}", query.join("&")),
        }
    }
}

impl Schema {
    pub fn kind(&self) -> &str {
        self.0["type"].as_str().unwrap_or("string")
    }

    pub fn is_uuid(&self) -> bool {
        self.0["format"] == "uuid"
    }

    pub fn is_enum(&self) -> bool {
        self.0["enum"].is_array()
    }

    pub fn items(&self) -> Self {
        Self(self.0["items"].clone())
    }

    /// The fields of an object.
    pub fn fields(&self) -> Vec<(String, Self)> {
        let fields = self.0["properties"].as_object().into_iter().flatten();
        let fields = fields.map(|(name, schema)| (name.clone(), Self(schema.clone())));
        fields.collect()
    }

    pub fn required(&self) -> Vec<String> {
        let names = self.0["required"].as_array().into_iter().flatten();
        names.map(|name| text(name).to_owned()).collect()
    }

    /// A value that fits; `known` has those that a schema cannot tell.
    pub fn example(&self, name: &str, known: &impl Fn(&str) -> Option<String>) -> Value {
        match self.kind() {
            "object" => {
                let fields = self.fields().into_iter();
                let fields = fields.filter(|(name, _)| self.required().contains(name));
                fields
                    .map(|(name, schema)| {
                        let value = schema.example(&name, known);
                        (name, value)
                    })
                    .collect::<Map<_, _>>()
                    .into()
            }
            "array" => json!([self.items().example(name, known)]),
            "boolean" => json!(true),
            "integer" | "number" => json!(1),
            _ if self.is_enum() => self.0["enum"][0].clone(),
            _ => json!(known(name).unwrap_or_else(|| unique("text"))),
        }
    }

    /// Values of other types than this one.
    pub fn other_types(&self) -> Vec<Value> {
        let all = [
            json!("ґанок"),
            json!(7),
            json!(true),
            json!([1]),
            json!({"a": 1}),
            json!(1.5),
        ];
        let fits = |value: &Value| match self.kind() {
            "string" => value.is_string() && !self.is_uuid() && !self.is_enum(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            _ => value.is_object(),
        };
        all.into_iter().filter(|value| !fits(value)).collect()
    }
}

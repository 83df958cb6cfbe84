//! The committed OpenAPI document, and whether an answer is what it promises: the status, every
//! field that must be there, no other field, each of its type.

use std::path::Path;

use reqwest::Method;
use serde_json::Value;

/// What has more fields than are named, as their texts say: they are the homeserver's own.
const OPEN: [&str; 6] = [
    "MatrixEvent",
    "WebhookEvent",
    "SyncAnswer",
    "SyncRooms",
    "SyncRoom",
    "SyncTimeline",
];

/// `openapi/internal.json`.
#[derive(Debug)]
pub struct Document(Value);

impl Document {
    pub fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/internal.json");
        let text = std::fs::read_to_string(file).expect("the document is committed");
        Self(serde_json::from_str(&text).expect("the document is JSON"))
    }

    /// Method and path of every operation below a path.
    pub fn operations(&self, below: &str) -> Vec<(String, String)> {
        let paths = self.0["paths"].as_object().expect("paths");
        let below = paths.iter().filter(|(path, _)| path.starts_with(below));
        let operations = below.flat_map(|(path, operations)| {
            let methods = operations.as_object().expect("operations").keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        });
        operations.collect()
    }

    /// Panics when the answer is not one that the document promises.
    #[track_caller]
    pub fn check(&self, method: &Method, path: &str, status: u16, body: &Value) {
        let place = format!("{method} {path} {status}");
        let operation = self
            .operation(method, path)
            .unwrap_or_else(|| panic!("{place}: the document has no such operation"));
        let response = &operation["responses"][status.to_string()];
        assert!(response.is_object(), "{place}: no such answer: {body}");
        let content = response["content"].as_object().expect("a content");
        let schema = &content.values().next().expect("a type of content")["schema"];
        self.fits(schema, body, &place);
    }

    /// Panics unless a value is what the document calls so.
    #[track_caller]
    pub fn check_schema(&self, name: &str, value: &Value) {
        let schema = serde_json::json!({ "$ref": format!("#/components/schemas/{name}") });
        self.fits(&schema, value, name);
    }

    /// Of several that fit the one with the fewest parameters.
    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let given: Vec<_> = path.split('/').collect();
        let is_hole = |part: &str| part.starts_with('{');
        let fits = |template: &str| {
            let parts: Vec<_> = template.split('/').collect();
            let mut pairs = parts.iter().zip(&given);
            parts.len() == given.len() && pairs.all(|(part, it)| is_hole(part) || part == it)
        };
        let paths = self.0["paths"].as_object().expect("paths");
        let fitting = paths.iter().filter(|(template, _)| fits(template));
        let best = fitting.min_by_key(|(template, _)| template.matches('{').count());
        best?.1.get(method.as_str().to_lowercase())
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let found = self.0.pointer(reference.trim_start_matches('#'));
                self.resolve(found.expect("a reference leads somewhere"))
            }
            None => schema,
        }
    }

    #[track_caller]
    fn fits(&self, schema: &Value, value: &Value, place: &str) {
        let name = schema["$ref"].as_str().unwrap_or_default();
        let is_open = OPEN.iter().any(|it| name.ends_with(&format!("/{it}")));
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            // Beside a reference stands its description.
            if part.get("$ref").is_some() || part.get("type").is_some() {
                self.fits(part, value, place);
            }
        }
        if let Some(words) = schema["enum"].as_array() {
            assert!(
                words.contains(value),
                "{place}: {value} is none of {words:?}"
            );
        }
        let is_right = match schema["type"].as_str() {
            Some("object") => return self.fits_object(schema, value, is_open, place),
            Some("array") => {
                let list = value.as_array();
                let list = list.unwrap_or_else(|| panic!("{place}: {value} is no list"));
                list.iter()
                    .for_each(|item| self.fits(&schema["items"], item, place));
                true
            }
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        assert!(is_right, "{place}: {value} is not {schema}");
    }

    #[track_caller]
    fn fits_object(&self, schema: &Value, value: &Value, is_open: bool, place: &str) {
        let object = value.as_object();
        let object = object.unwrap_or_else(|| panic!("{place}: {value} is no object"));
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("a name");
            assert!(object.contains_key(name), "{place}: {value} has no {name}");
        }
        for (name, field) in object {
            let place = format!("{place}: {name}");
            let Some(known) = properties.get(name) else {
                assert!(is_open, "{place} is not documented");
                continue;
            };
            let is_required = schema["required"]
                .as_array()
                .is_some_and(|names| names.iter().any(|it| it == name));
            if !field.is_null() || is_required {
                self.fits(known, field, &place);
            }
        }
    }
}

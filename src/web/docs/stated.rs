//! What poem-openapi does not say of operations that take a body or are answered elsewhere.

use serde_json::{Map, Value, json};

use crate::domain::page;

/// The operation that makes a webhook, and where it says to whom events go (OpenAPI 3.0, Callback
/// Object).
const SUBSCRIBE: &str = "subscribeWebhook";
const RECEIVER: &str = "{$request.body#/webhook_url}";

/// Every operation that takes a body refuses one of another type, in the shape of its other
/// refusals, before anything else of it is looked at.
pub fn content_types(document: &mut Value) {
    for operation in operations(document) {
        if !operation.contains_key("requestBody") {
            continue;
        }
        let answers = operation.get_mut("responses");
        let Some(answers) = answers.and_then(Value::as_object_mut) else {
            continue;
        };
        let Some(mut refusal) = answers.get("400").cloned() else {
            continue;
        };
        refusal["description"] = "The body is of another type, or does not say of which.".into();
        answers.insert("415".to_owned(), refusal);
        answers.sort_keys();
    }
}

/// How much a page holds: a bound that the list itself keeps, and says in its own words.
pub fn page_sizes(document: &mut Value) {
    for operation in operations(document) {
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if parameter["name"] == "limit" && parameter["in"] == "query" {
                parameter["schema"]["minimum"] = 1.into();
                parameter["schema"]["maximum"] = page::MAX_LIMIT.into();
            }
        }
    }
}

/// What webhooks are sent is a callback of the operation that makes them: a list of webhooks of
/// their own is for OpenAPI 3.1 and no document of 3.0, which poem-openapi writes.
pub fn callbacks(document: &mut Value) {
    let webhooks = document
        .as_object_mut()
        .and_then(|document| document.shift_remove("webhooks"));
    let Some(Value::Object(webhooks)) = webhooks else {
        return;
    };
    let callbacks = webhooks.into_iter().map(|(name, mut methods)| {
        for request in methods
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
        {
            // Receivers know us by the signature.
            request["security"] = json!([]);
        }
        (name, json!({ RECEIVER: methods }))
    });
    let callbacks: Map<_, _> = callbacks.collect();
    for operation in operations(document) {
        if operation["operationId"] == SUBSCRIBE {
            operation.insert("callbacks".to_owned(), callbacks.into());
            return;
        }
    }
}

/// A field that is of a named type stands for that type alone. poem-openapi gives it a second part,
/// with the description that stands beside it already and with its default, and makers of clients
/// cannot make one type of two. Nor can they give an object a default, which says nothing in an
/// answer.
pub fn references(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas");
    let schemas = schemas.and_then(Value::as_object_mut).into_iter();
    for schema in schemas.flat_map(Map::values_mut) {
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
        let fields = fields.into_iter().flat_map(Map::values_mut);
        for field in fields.filter_map(Value::as_object_mut) {
            if let Some(default) = take_second_part(field) {
                field.insert("default".to_owned(), default);
            }
            if field.get("default") == Some(&json!({})) {
                field.shift_remove("default");
            }
        }
    }
}

/// Takes what stands beside a reference to a named type; answers the default.
fn take_second_part(field: &mut Map<String, Value>) -> Option<Value> {
    let parts = field.get_mut("allOf")?.as_array_mut()?;
    let second = parts.pop_if(|part| part.get("$ref").is_none())?;
    second.get("default").cloned()
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flat_map(Map::values_mut);
    let operations = operations.filter_map(Value::as_object_mut);
    operations
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_body_may_refuse_its_type() {
        let refusal = json!({ "description": "Bad", "content": { "application/json": 7 } });
        let mut document = json!({ "paths": { "/a": {
            "post": { "requestBody": {}, "responses": { "200": {}, "400": refusal, "500": {} } },
            "get": { "responses": { "400": refusal } },
        } } });
        content_types(&mut document);
        let answers = &document["paths"]["/a"]["post"]["responses"];
        let names: Vec<_> = answers.as_object().expect("answers").keys().collect();
        assert_eq!(names, ["200", "400", "415", "500"]);
        assert_eq!(answers["415"]["content"], refusal["content"]);
        assert!(document["paths"]["/a"]["get"]["responses"]["415"].is_null());
    }

    #[test]
    fn webhooks_are_callbacks_of_the_operation_that_makes_them() {
        let mut document = json!({
            "webhooks": { "event": { "post": { "operationId": "receive" } } },
            "paths": { "/a": { "post": { "operationId": SUBSCRIBE } } },
        });
        callbacks(&mut document);
        assert!(document.get("webhooks").is_none());
        let event = &document["paths"]["/a"]["post"]["callbacks"]["event"][RECEIVER]["post"];
        assert_eq!(*event, json!({ "operationId": "receive", "security": [] }));
    }
}

//! The OpenAPI documents and the page that shows them, which loads nothing from outside.

mod stated;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use poem::http::header;
use poem::web::Data;
use poem::{EndpointExt, IntoResponse, Response, Route, get, handler};
use poem_openapi::{OpenApi, OpenApiService, Webhook};
use serde_json::{Map, Value, json};

use super::problems::Names;
use crate::api::scopes::{self, Needs};

/// A listener's document. Its forms are made when they are first asked for, which may be never:
/// the page alone has more bytes than the whole of an idle daemon's other strings.
#[derive(Clone)]
pub struct Documents {
    /// As poem-openapi writes it.
    generated: Arc<str>,
    made: Arc<Made>,
}

/// The forms that have been asked for.
#[derive(Default)]
struct Made {
    page: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    yaml: OnceLock<Bytes>,
}

impl Documents {
    /// The document of a set of operations.
    pub fn of<T: OpenApi, W: Webhook>(service: &OpenApiService<T, W>) -> Self {
        Self {
            generated: service.spec().into(),
            made: Arc::default(),
        }
    }

    /// The document as it is committed.
    #[must_use]
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(&self.document());
        json.expect("a JSON value is JSON") + "\n"
    }

    /// What the parameters of its paths are called.
    #[must_use]
    pub fn names(&self) -> Names {
        Names::of(&self.generated)
    }

    /// The same for people.
    #[must_use]
    pub fn yaml(&self) -> String {
        serde_yaml::to_string(&self.document()).expect("a JSON value is YAML")
    }

    /// The page that shows it.
    #[must_use]
    pub fn page(&self) -> String {
        // The page of a document without operations, which ours takes the place of.
        let empty = OpenApiService::new((), "", "");
        empty
            .swagger_ui_html()
            .replacen(&empty.spec(), &self.json(), 1)
    }

    fn document(&self) -> Value {
        let mut document = serde_json::from_str(&self.generated).expect("poem-openapi writes JSON");
        state_scopes(&mut document);
        state_security(&mut document);
        stated::content_types(&mut document);
        stated::page_sizes(&mut document);
        stated::callbacks(&mut document);
        drop_unused_tags(&mut document);
        stated::references(&mut document);
        state_nulls(&mut document);
        document
    }
}

/// What belongs together of the ways to say who is calling.
const TOGETHER: [&[&str]; 5] = [
    &["AccessToken"],
    &["ApiKey"],
    &["AgentToken"],
    &["OperatorSession", "CsrfToken"],
    &["ServiceToken", "UserId"],
];

/// What a key needs stands in one table; here it is told with each operation, and what is for no
/// key does not list it.
fn state_scopes(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, operations) in paths.into_iter().flatten() {
        for operation in operations
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
        {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let needs = scopes::needs(id, path);
            let lists_key = |schemes: &Vec<Value>| schemes.iter().any(is_key);
            if !operation["security"].as_array().is_some_and(lists_key) {
                continue;
            }
            match needs.and_then(wanted) {
                Some(words) => {
                    let told = operation["description"].as_str();
                    let told = told.map(|told| format!("{told}\n\n")).unwrap_or_default();
                    operation["description"] = json!(told + &words);
                }
                None => {
                    let schemes = operation["security"].as_array_mut();
                    schemes
                        .into_iter()
                        .for_each(|it| it.retain(|one| !is_key(one) && !is_agents(one)));
                }
            }
        }
    }
}

fn is_key(scheme: &Value) -> bool {
    scheme.get("ApiKey").is_some()
}

/// An agent's token is a key, too.
fn is_agents(scheme: &Value) -> bool {
    scheme.get("AgentToken").is_some()
}

/// What a key needs, in words; `None` when none is let in.
fn wanted(needs: Needs) -> Option<String> {
    match needs {
        Needs::Nothing | Needs::NoKey => None,
        Needs::AnyKey => Some("Any API key will do.".to_owned()),
        Needs::Scope(scope) => {
            let scope = scope.as_str();
            Some(format!("An API key needs the scope `{scope}`."))
        }
        Needs::Everywhere(scope) => {
            let scope = scope.as_str();
            Some(format!(
                "An API key needs the scope `{scope}`, and must be for all channels."
            ))
        }
    }
}

/// A service that acts for a person needs both headers, an operator's cookie its proof unless
/// it only reads, and health needs nothing. poem-openapi can only say "one of these" and
/// nothing, so that is put right here, before anybody reads it.
fn state_security(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flatten();
    for (method, operation) in operations {
        let Some(operation) = operation.as_object_mut() else {
            continue;
        };
        let listed = operation.get("security").and_then(Value::as_array);
        let listed: HashSet<_> = listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flat_map(Map::keys)
            .filter(|name| *name != "CsrfToken" || method != "get")
            .cloned()
            .collect();
        operation.insert("security".to_owned(), ways(&listed));
    }
}

/// The ways to say who is calling, made of what an operation lists.
fn ways(listed: &HashSet<String>) -> Value {
    let ways = TOGETHER.iter().map(|names| {
        let names = names.iter().filter(|name| listed.contains(**name));
        names
            .map(|name| ((*name).to_owned(), json!([])))
            .collect::<Map<_, _>>()
    });
    let ways = ways.filter(|way| !way.is_empty()).map(Value::Object);
    Value::Array(ways.collect())
}

/// One list of tags serves both listeners; each document names those of its own operations.
fn drop_unused_tags(document: &mut Value) {
    let paths = document["paths"].as_object();
    let operations = paths.into_iter().flat_map(|paths| paths.values());
    let operations = operations
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    let used: HashSet<_> = operations
        .filter_map(|operation| operation["tags"].as_array())
        .flatten()
        .cloned()
        .collect();
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.retain(|tag| used.contains(&tag["name"]));
    }
}

/// A field that may be absent is null in our answers, and null in a request is as good as absent.
/// poem-openapi says neither, so that a client that validates would refuse ordinary answers.
fn state_nulls(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas");
    let schemas = schemas.and_then(Value::as_object_mut);
    let types: HashMap<_, _> = schemas
        .iter()
        .flat_map(|schemas| schemas.iter())
        .map(|(name, schema)| {
            let reference = format!("#/components/schemas/{name}");
            (reference, schema["type"].clone())
        })
        .collect();
    for schema in schemas.into_iter().flat_map(|it| it.values_mut()) {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, field) in fields.into_iter().flatten() {
            let is_required = required.iter().any(|needed| needed == name.as_str());
            let Some(field) = field.as_object_mut().filter(|_| !is_required) else {
                continue;
            };
            match named_type(field) {
                Some(reference) => {
                    let nothing = null_of(types.get(&reference).cloned());
                    field.shift_remove("$ref");
                    field.shift_remove("allOf");
                    field.insert("anyOf".to_owned(), json!([{ "$ref": reference }, nothing]));
                }
                None => drop(field.insert("nullable".to_owned(), json!(true))),
            }
        }
    }
}

/// The named type that a field is of.
fn named_type(field: &Map<String, Value>) -> Option<String> {
    let beside = || field.get("allOf")?.pointer("/0/$ref");
    let reference = field.get("$ref").or_else(beside)?;
    Some(reference.as_str()?.to_owned())
}

/// Null and nothing else: a named type has no null, and null is added to a type only where that is
/// stated (OpenAPI 3.0, Schema Object).
fn null_of(of: Option<Value>) -> Value {
    let of = of.unwrap_or_else(|| "object".into());
    json!({ "type": of, "nullable": true, "enum": [null] })
}

/// `/docs`, `/openapi.json` and `/openapi.yaml`.
pub fn mount(routes: Route, documents: Documents) -> Route {
    routes
        .at("/docs", get(page).data(documents.clone()))
        .at("/openapi.json", get(as_json).data(documents.clone()))
        .at("/openapi.yaml", get(as_yaml).data(documents))
}

/// What the page may do: it is one file with its scripts inside, and asks its own server alone.
const POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; \
                      style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";

#[handler]
fn page(documents: Data<&Documents>) -> Response {
    let page = documents.made.page.get_or_init(|| documents.page().into());
    answer(page, "text/html; charset=utf-8")
        .with_header(header::CONTENT_SECURITY_POLICY, POLICY)
        .with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .into_response()
}

#[handler]
fn as_json(documents: Data<&Documents>) -> Response {
    let json = documents.made.json.get_or_init(|| documents.json().into());
    answer(json, "application/json")
}

#[handler]
fn as_yaml(documents: Data<&Documents>) -> Response {
    let yaml = documents.made.yaml.get_or_init(|| documents.yaml().into());
    answer(yaml, "application/yaml")
}

fn answer(form: &Bytes, content_type: &str) -> Response {
    form.clone().with_content_type(content_type).into_response()
}

#[cfg(test)]
mod tests {
    use poem::{Endpoint, Request};

    use super::*;

    #[tokio::test]
    async fn forms_are_made_once_and_not_copied() {
        let service = OpenApiService::new((), "a", "1");
        let endpoint = mount(Route::new(), Documents::of(&service));
        let get = async |path: &str| {
            let request = Request::builder().uri_str(path).finish();
            let response = endpoint.get_response(request).await;
            let body = response.into_body().into_bytes().await;
            body.expect("a body of ours").as_ptr()
        };
        for path in ["/docs", "/openapi.json", "/openapi.yaml"] {
            assert_eq!(get(path).await, get(path).await, "{path}");
        }
    }
}

//! The OpenAPI documents and the page that shows them, which loads nothing from outside.

use poem::web::Data;
use poem::web::Html;
use poem::{EndpointExt, IntoResponse, Response, Route, get, handler};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};

use super::problems::Names;

/// A listener's document in its forms.
#[derive(Clone)]
pub struct Documents {
    pub json: String,
    /// What the parameters of its paths are called.
    pub names: Names,
    pub yaml: String,
    pub page: String,
}

impl Documents {
    /// The document of a set of operations.
    pub fn of<T: OpenApi>(service: &OpenApiService<T, ()>) -> Self {
        let generated = service.spec();
        let mut document: Value =
            serde_json::from_str(&generated).expect("poem-openapi writes JSON");
        state_security(&mut document);
        let json = serde_json::to_string_pretty(&document).expect("a JSON value is JSON");
        let shown = service.swagger_ui_html();
        Self {
            yaml: serde_yaml::to_string(&document).expect("a JSON value is YAML"),
            page: shown.replace(&generated, &json),
            names: Names::of(&document),
            json: json + "\n",
        }
    }
}

/// A person's operations need both headers, and health needs none. poem-openapi can only say
/// "either" and nothing, so that is put right here, before anybody reads it.
fn state_security(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flat_map(|path| path.values_mut());
    for operation in operations.filter_map(Value::as_object_mut) {
        let schemes = operation.get("security").and_then(Value::as_array);
        match schemes.map_or(0, Vec::len) {
            0 => operation.insert("security".to_owned(), json!([])),
            1 => None,
            _ => operation.insert(
                "security".to_owned(),
                json!([{"ServiceToken": [], "UserId": []}]),
            ),
        };
    }
}

/// `/docs`, `/openapi.json` and `/openapi.yaml`.
pub fn mount(routes: Route, documents: Documents) -> Route {
    routes
        .at("/docs", get(page).data(documents.clone()))
        .at("/openapi.json", get(as_json).data(documents.clone()))
        .at("/openapi.yaml", get(as_yaml).data(documents))
}

#[handler]
fn page(documents: Data<&Documents>) -> Html<String> {
    Html(documents.page.clone())
}

#[handler]
fn as_json(documents: Data<&Documents>) -> Response {
    documents
        .json
        .clone()
        .with_content_type("application/json")
        .into_response()
}

#[handler]
fn as_yaml(documents: Data<&Documents>) -> Response {
    documents
        .yaml
        .clone()
        .with_content_type("application/yaml")
        .into_response()
}

//! Request bodies: JSON that is held against its own documented schema, so that a refusal names
//! the field. poem-openapi's `Json` names only the type, and takes numbers for strings.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use poem::http::StatusCode;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::error::ContentTypeError;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::auth::Rejected;
use super::error::Problem;
use crate::acts;
use crate::payload::Rfc3339;

/// What a body that turns out too large while it is read is called. It is known by this text, since
/// poem wraps it as the I/O error that it comes as.
pub const TOO_LARGE: &str = "request body is larger than the limit";

/// Whether a body cannot be read because it is too large.
#[must_use]
pub fn is_excess(error: &impl std::fmt::Display) -> bool {
    error.to_string().contains(TOO_LARGE)
}

/// A body in JSON; `Body<Option<T>>` may be left out.
pub struct Body<T>(pub T);

impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: Json::<T>::CONTENT_TYPE,
                schema: T::schema_ref(),
            }],
            required: T::IS_REQUIRED,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let kind = request.content_type();
        if let Some(kind) = kind.filter(|kind| !Json::<T>::check_content_type(kind)) {
            let content_type = kind.to_owned();
            return Err(ContentTypeError::NotSupported { content_type }.into());
        }
        // Nothing is done before it is whole, however long that takes.
        acts::close();
        let data = <Vec<u8> as FromRequest>::from_request(request, body).await;
        acts::open();
        let data = data?;
        if kind.is_none() && (T::IS_REQUIRED || !data.is_empty()) {
            return Err(ContentTypeError::ExpectContentType.into());
        }
        Ok(Self(parse(&data)?))
    }
}

fn parse<T: ParseFromJSON + 'static>(data: &[u8]) -> Result<T, Rejected> {
    let value = match data {
        [] => Value::Null,
        _ => serde_json::from_slice(data)
            .map_err(|error| refuse("M_NOT_JSON", format!("body: {error}")))?,
    };
    let is_left_out = value.is_null() && !T::IS_REQUIRED;
    if let Some(fault) = fault::<T>(&value).filter(|_| !is_left_out) {
        return Err(refuse("M_BAD_JSON", fault));
    }
    T::parse_from_json(Some(value)).map_err(|error| refuse("M_BAD_JSON", error.into_message()))
}

fn refuse(code: &str, message: String) -> Rejected {
    Rejected(Problem::new(StatusCode::BAD_REQUEST, code, message))
}

thread_local! {
    /// The schemas of the bodies that were met, made once a thread and not for each request.
    static SCHEMAS: RefCell<HashMap<TypeId, Rc<Registry>>> = RefCell::default();
}

/// Where a value does not fit the schema of `T`, and what was expected there.
fn fault<T: Type + 'static>(value: &Value) -> Option<String> {
    let registry = SCHEMAS.with_borrow_mut(|schemas| {
        let made = schemas.entry(TypeId::of::<T>()).or_insert_with(|| {
            let mut registry = Registry::new();
            T::register(&mut registry);
            Rc::new(registry)
        });
        made.clone()
    });
    find(&registry, &T::schema_ref(), "", value)
}

fn find(registry: &Registry, schema: &MetaSchemaRef, path: &str, value: &Value) -> Option<String> {
    let schema: &MetaSchema = match schema {
        MetaSchemaRef::Inline(schema) => schema,
        MetaSchemaRef::Reference(name) => registry.schemas.get(name)?,
    };
    let mut parts = schema.all_of.iter();
    if let Some(found) = parts.find_map(|part| find(registry, part, path, value)) {
        return Some(found);
    }
    if let Some(expected) = mismatch(schema, value) {
        let path = if path.is_empty() { "body" } else { path };
        return Some(format!("{path}: must be {expected}"));
    }
    match (value, &schema.items) {
        (Value::Object(object), _) => fields(registry, schema, path, object),
        (Value::Array(list), Some(items)) => {
            let mut list = list.iter().enumerate();
            list.find_map(|(at, item)| find(registry, items, &format!("{path}[{at}]"), item))
        }
        _ => None,
    }
}

fn fields(
    registry: &Registry,
    schema: &MetaSchema,
    path: &str,
    object: &Map<String, Value>,
) -> Option<String> {
    schema.properties.iter().find_map(|(name, field)| {
        let path = match path {
            "" => (*name).to_owned(),
            path => format!("{path}.{name}"),
        };
        match object.get(*name) {
            None | Some(Value::Null) if schema.required.contains(name) => {
                Some(format!("{path}: is needed"))
            }
            None | Some(Value::Null) => None,
            Some(value) => find(registry, field, &path, value),
        }
    })
}

/// What was expected, when the value is something else.
fn mismatch(schema: &MetaSchema, value: &Value) -> Option<String> {
    if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
        let items: Vec<_> = schema.enum_items.iter().map(Value::to_string).collect();
        return Some(format!("one of {}", items.join(", ")));
    }
    let (fits, expected) = match (schema.ty, schema.format) {
        ("object", _) => (value.is_object(), "an object"),
        ("array", _) => (value.is_array(), "an array"),
        ("boolean", _) => (value.is_boolean(), "true or false"),
        ("integer", _) => (value.is_i64() || value.is_u64(), "a whole number"),
        ("number", _) => (value.is_number(), "a number"),
        ("string", Some("uuid")) => {
            let text = value.as_str();
            (text.is_some_and(|it| Uuid::parse_str(it).is_ok()), "a UUID")
        }
        ("string", Some("date-time")) => (
            serde_json::from_value::<Rfc3339>(value.clone()).is_ok(),
            "a time like 2025-11-24T10:30:00Z",
        ),
        ("string", _) => (value.is_string(), "a string"),
        _ => (true, ""),
    };
    (!fits).then(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::bridge::BackfillRequest;
    use crate::api::schema::{NewChannel, NewMessage};

    fn refusal<T: ParseFromJSON + 'static>(body: &str) -> String {
        match parse::<T>(body.as_bytes()) {
            Ok(_) => panic!("{body} was taken"),
            Err(Rejected(problem)) => format!("{} {}", problem.code, problem.message),
        }
    }

    #[test]
    fn fault_is_named_with_its_place() {
        for (body, words) in [
            ("7", "M_BAD_JSON body: must be an object"),
            ("", "M_BAD_JSON body: must be an object"),
            ("{}", "M_BAD_JSON text: is needed"),
            (r#"{"text":null}"#, "M_BAD_JSON text: is needed"),
            (r#"{"text":7}"#, "M_BAD_JSON text: must be a string"),
            (
                r#"{"text":"a","mentions":7}"#,
                "M_BAD_JSON mentions: must be an array",
            ),
            (
                r#"{"text":"a","mentions":["b",7]}"#,
                "M_BAD_JSON mentions[1]: must be a string",
            ),
            (
                r#"{"text":"a","reply_to":"b"}"#,
                "M_BAD_JSON reply_to: must be a UUID",
            ),
            (
                r#"{"text":"a","format":"html"}"#,
                r#"M_BAD_JSON format: must be one of "plain", "markdown""#,
            ),
        ] {
            assert_eq!(refusal::<NewMessage>(body), words, "{body}");
        }
        let confidential = r#"{"name":"a","confidential":"no"}"#;
        let words = "M_BAD_JSON confidential: must be true or false";
        assert_eq!(refusal::<NewChannel>(confidential), words);
        let nested = r#"{"rooms":[{"slug":"a","name":"b"},{"slug":"c"}]}"#;
        let words = "M_BAD_JSON rooms[1].name: is needed";
        assert_eq!(refusal::<BackfillRequest>(nested), words);
        assert!(refusal::<NewMessage>("{").starts_with("M_NOT_JSON body: "));
    }

    #[test]
    fn optional_body_may_be_empty() {
        let empty = parse::<Option<BackfillRequest>>(b"").expect("nothing is fine");
        assert!(empty.is_none());
    }
}

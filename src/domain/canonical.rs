//! Canonical JSON (Matrix specification, appendix "Canonical JSON"): what the content of an event
//! may hold. A homeserver refuses the rest in words that name no field.

use serde_json::{Map, Value};

use super::error::{Error, Result};

/// The largest integer.
pub const LARGEST: u64 = (1 << 53) - 1;
/// The same, and without its sign the smallest.
const MAX_INTEGER: i64 = (1 << 53) - 1;
/// How deep objects and lists may stand in each other. Matrix says nothing; nobody needs more.
const MAX_DEPTH: usize = 64;

/// Checks an object that goes into an event; `field` is what the caller knows it by.
pub fn check(field: &'static str, object: &Map<String, Value>) -> Result<()> {
    check_object(object, "", 0).map_err(|fault| Error::invalid(field, fault))
}

fn check_object(object: &Map<String, Value>, path: &str, depth: usize) -> Result<(), String> {
    object.iter().try_for_each(|(name, value)| {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        if name.contains('\0') {
            return Err(format!("{path}: must not hold NUL"));
        }
        check_value(value, &path, depth)
    })
}

fn check_value(value: &Value, path: &str, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("is nested too deeply".to_owned());
    }
    match value {
        Value::Number(number) => {
            let is_fine = number
                .as_i64()
                .is_some_and(|it| (-MAX_INTEGER..=MAX_INTEGER).contains(&it));
            if is_fine {
                return Ok(());
            }
            Err(format!(
                "{path}: must be a whole number from -(2^53-1) to 2^53-1; Matrix events hold no others"
            ))
        }
        Value::String(text) if text.contains('\0') => Err(format!("{path}: must not hold NUL")),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| check_value(item, &format!("{path}[{at}]"), depth + 1)),
        Value::Object(object) => check_object(object, path, depth + 1),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(value: Value) -> Option<String> {
        let object = value.as_object().expect("an object").clone();
        check("info", &object).err().map(|error| error.to_string())
    }

    #[test]
    fn integers_of_matrix_pass() {
        let fine = json!({ "w": 640, "min": -9_007_199_254_740_991_i64, "a": [null, true, "ї"] });
        assert_eq!(fault(fine), None);
    }

    #[test]
    fn other_numbers_are_named_with_their_place() {
        let words = "must be a whole number from -(2^53-1) to 2^53-1; Matrix events hold no others";
        for (value, place) in [
            (json!({ "w": 1.5 }), "w"),
            (json!({ "w": 1.0 }), "w"),
            (
                json!({ "a": { "b": [1, 9_007_199_254_740_992_i64] } }),
                "a.b[1]",
            ),
            (json!({ "a": u64::MAX }), "a"),
        ] {
            assert_eq!(fault(value), Some(format!("info: {place}: {words}")));
        }
    }

    #[test]
    fn nul_and_depth_are_refused() {
        assert!(fault(json!({ "a": "\0" })).is_some());
        assert!(fault(json!({ "\0": 1 })).is_some());
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        assert!(fault(json!({ "a": deep })).is_some());
    }
}

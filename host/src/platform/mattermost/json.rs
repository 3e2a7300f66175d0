//! JSON and Go's interface values, both ways.

use std::collections::BTreeMap;

use parley_goplugin::gob::Any;
use serde_json::{Map, Number, Value};

/// As an interface value of the few types that every server knows.
pub(crate) fn to_any(value: Value) -> Any {
    match value {
        Value::Null => Any::Nil,
        Value::Bool(value) => Any::Bool(value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Any::Int(whole),
            None => Any::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Any::String(text),
        Value::Array(list) => Any::List(list.into_iter().map(to_any).collect()),
        Value::Object(object) => Any::Map(to_map(object)),
    }
}

/// As `map[string]any`.
pub(crate) fn to_map(object: Map<String, Value>) -> BTreeMap<String, Any> {
    let entries = object.into_iter();
    entries.map(|(key, value)| (key, to_any(value))).collect()
}

/// Bytes become a list of numbers: JSON has no better word.
pub(crate) fn from_any(any: Any) -> Value {
    match any {
        Any::Nil | Any::Registered(_) => Value::Null,
        Any::Bool(value) => Value::Bool(value),
        Any::Int(value) => value.into(),
        Any::Uint(value) => value.into(),
        Any::Float(value) => from_float(value),
        Any::String(text) => Value::String(text),
        Any::Bytes(bytes) => bytes.into(),
        Any::List(list) => list.into_iter().map(from_any).collect(),
        Any::Map(map) => Value::Object(from_map(map)),
    }
}

/// Go reads every number of a JSON text as a float: a whole one was most likely written without a point, and
/// whoever reads an integer takes no other.
fn from_float(value: f64) -> Value {
    /// Up to here every whole number is one of its own.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole, and small enough for an i64"
        )]
        return (value as i64).into();
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// A JSON object.
pub(crate) fn from_map(map: BTreeMap<String, Any>) -> Map<String, Value> {
    let entries = map.into_iter();
    entries.map(|(key, any)| (key, from_any(any))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_comes_back() {
        let value = json!({
            "text": "x", "whole": 5, "part": 1.5, "yes": true, "nothing": null,
            "list": [1, "a", {"b": []}],
        });
        assert_eq!(from_any(to_any(value.clone())), value);
    }

    #[test]
    fn whole_numbers_are_whole() {
        for (float, wanted) in [
            (5.0, json!(5)),
            (-0.0, json!(0)),
            (1_795_288_602_654.0, json!(1_795_288_602_654_i64)),
            (0.5, json!(0.5)),
            (1e300, json!(1e300)),
            (f64::NAN, Value::Null),
        ] {
            assert_eq!(from_any(Any::Float(float)), wanted, "{float}");
        }
    }
}

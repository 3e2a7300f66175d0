//! Client messages: JSON text or msgpack binary, into one shape.

use serde_json::Value as Json;

use crate::hooks::Value;

/// Nesting of a binary message: each level takes stack. (JSON's parser has its own limit, 128.)
const DEPTH_MAX: usize = 16;

/// A message as parsed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) action: String,
    /// 0 = absent.
    pub(crate) seq: i64,
    pub(crate) data: Vec<(String, Value)>,
}

impl Frame {
    /// Text of a field; empty = absent.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.data
            .iter()
            .find_map(|(k, v)| match v {
                Value::Text(text) if k == key => Some(text.as_str()),
                _ => None,
            })
            .unwrap_or_default()
    }
}

/// A text frame.
pub(crate) fn parse_json(text: &str) -> Option<Frame> {
    let Json::Object(map) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let action = map.get("action")?.as_str()?.to_owned();
    let seq = map.get("seq").and_then(|seq| {
        #[allow(clippy::cast_possible_truncation)]
        seq.as_i64().or_else(|| seq.as_f64().map(|seq| seq as i64))
    });
    let data = match map.get("data") {
        Some(Json::Object(data)) => data
            .iter()
            .map(|(key, value)| (key.clone(), from_json(value)))
            .collect(),
        _ => Vec::new(),
    };
    Some(Frame {
        action,
        seq: seq.unwrap_or(0),
        data,
    })
}

fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(value) => value.as_f64().map_or(Value::Null, Value::Number),
        Json::String(value) => Value::Text(value.clone()),
        Json::Array(_) | Json::Object(_) => Value::Json(value.to_string()),
    }
}

/// A binary frame.
pub(crate) fn parse_msgpack(mut bytes: &[u8]) -> Option<Frame> {
    let rmpv::Value::Map(map) =
        rmpv::decode::read_value_with_max_depth(&mut bytes, DEPTH_MAX).ok()?
    else {
        return None;
    };
    let field = |name: &str| {
        map.iter()
            .find(|(k, _)| k.as_str() == Some(name))
            .map(|(_, v)| v)
    };
    let action = field("action")?.as_str()?.to_owned();
    #[allow(clippy::cast_possible_truncation)]
    let seq = field("seq").and_then(|seq| seq.as_i64().or_else(|| seq.as_f64().map(|s| s as i64)));
    let data = match field("data") {
        Some(rmpv::Value::Map(data)) => data
            .iter()
            .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), from_msgpack(value))))
            .collect(),
        _ => Vec::new(),
    };
    Some(Frame {
        action,
        seq: seq.unwrap_or(0),
        data,
    })
}

fn from_msgpack(value: &rmpv::Value) -> Value {
    match value {
        rmpv::Value::Nil | rmpv::Value::Ext(..) => Value::Null,
        rmpv::Value::Boolean(value) => Value::Boolean(*value),
        rmpv::Value::Integer(_) | rmpv::Value::F32(_) | rmpv::Value::F64(_) => {
            value.as_f64().map_or(Value::Null, Value::Number)
        }
        rmpv::Value::String(value) => value
            .as_str()
            .map_or(Value::Null, |text| Value::Text(text.to_owned())),
        rmpv::Value::Binary(bytes) => Value::Bytes(bytes.clone()),
        rmpv::Value::Array(_) | rmpv::Value::Map(_) => Value::Json(to_json(value).to_string()),
    }
}

/// Nested values; bytes become arrays of numbers, as JSON has no bytes.
fn to_json(value: &rmpv::Value) -> Json {
    match value {
        rmpv::Value::Nil | rmpv::Value::Ext(..) => Json::Null,
        rmpv::Value::Boolean(value) => Json::Bool(*value),
        rmpv::Value::Integer(value) => value
            .as_i64()
            .map(Json::from)
            .or_else(|| value.as_u64().map(Json::from))
            .unwrap_or(Json::Null),
        rmpv::Value::F32(value) => Json::from(*value),
        rmpv::Value::F64(value) => Json::from(*value),
        rmpv::Value::String(value) => Json::from(value.as_str().unwrap_or_default()),
        rmpv::Value::Binary(bytes) => Json::from(bytes.clone()),
        rmpv::Value::Array(list) => list.iter().map(to_json).collect(),
        rmpv::Value::Map(map) => map
            .iter()
            .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), to_json(value))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_give_the_same_message() {
        let text =
            r#"{"action":"custom_x_join","seq":3,"data":{"a":"b","n":1.5,"t":true,"o":{"k":[1]}}}"#;
        let json = parse_json(text).unwrap();
        let as_msgpack = rmpv::Value::Map(vec![
            ("action".into(), "custom_x_join".into()),
            ("seq".into(), 3.into()),
            (
                "data".into(),
                rmpv::Value::Map(vec![
                    ("a".into(), "b".into()),
                    ("n".into(), 1.5.into()),
                    (
                        "o".into(),
                        rmpv::Value::Map(vec![("k".into(), rmpv::Value::Array(vec![1.into()]))]),
                    ),
                    ("t".into(), true.into()),
                ]),
            ),
        ]);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &as_msgpack).unwrap();
        assert_eq!(parse_msgpack(&bytes).unwrap(), json);
        assert_eq!(json.text("a"), "b");
        assert_eq!(
            json.data[2],
            ("o".into(), Value::Json(r#"{"k":[1]}"#.into()))
        );
    }

    #[test]
    fn bytes_stay_bytes() {
        let map = rmpv::Value::Map(vec![
            ("action".into(), "sdp".into()),
            (
                "data".into(),
                rmpv::Value::Map(vec![("data".into(), rmpv::Value::Binary(vec![0, 255]))]),
            ),
        ]);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &map).unwrap();
        let frame = parse_msgpack(&bytes).unwrap();
        assert_eq!(
            frame.data,
            [("data".to_owned(), Value::Bytes(vec![0, 255]))]
        );
        assert_eq!(frame.seq, 0);
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..512)) {
            let _ = parse_msgpack(&bytes);
            let _ = parse_json(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn a_cut_message_is_no_message(cut in 0usize..40) {
            let map = rmpv::Value::Map(vec![
                ("action".into(), "sdp".into()),
                ("seq".into(), 1.into()),
                ("data".into(), rmpv::Value::Map(vec![("data".into(), "0123456789".into())])),
            ]);
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, &map).unwrap();
            let whole = parse_msgpack(&bytes);
            bytes.truncate(cut.min(bytes.len() - 1));
            proptest::prop_assert!(whole.is_some());
            proptest::prop_assert!(parse_msgpack(&bytes).is_none());
        }
    }

    #[test]
    fn garbage_is_no_message() {
        assert_eq!(parse_json("[]"), None);
        assert_eq!(parse_json("{\"seq\":1}"), None);
        assert_eq!(parse_msgpack(&[0xc1, 0, 1]), None);
        assert_eq!(parse_msgpack(&[0xdf, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(parse_msgpack(&vec![0x91; 60_000]), None);
    }
}

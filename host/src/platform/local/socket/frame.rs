//! Client messages: JSON text or msgpack binary, into one shape.

use serde_json::Value as Json;

use crate::hooks::Value;

/// Nesting of a binary message: each level takes stack. (JSON's parser has its own limit, 128.)
const DEPTH_MAX: usize = 16;
/// Values in a message. Each costs far more memory than the byte it may be written in; the largest that
/// clients send has some twenty.
const VALUES_MAX: usize = 256;

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

/// A text frame. Allocates little more than the text's size, like [`parse_msgpack`].
pub(crate) fn parse_json(text: &str) -> Option<Frame> {
    if json_values(text) > VALUES_MAX {
        return None;
    }
    let Json::Object(mut map) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let Json::String(action) = map.remove("action")? else {
        return None;
    };
    let seq = map.get("seq").and_then(|seq| {
        #[allow(clippy::cast_possible_truncation)]
        seq.as_i64().or_else(|| seq.as_f64().map(|seq| seq as i64))
    });
    let data = match map.remove("data") {
        Some(Json::Object(data)) => data
            .into_iter()
            .map(|(key, value)| (key, from_json(value)))
            .collect(),
        _ => Vec::new(),
    };
    Some(Frame {
        action,
        seq: seq.unwrap_or(0),
        data,
    })
}

/// At least as many values as the text has, keys included: each but the first follows one of these.
fn json_values(text: &str) -> usize {
    let (mut values, mut in_text, mut escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b',' | b':' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values
}

fn from_json(value: Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(value),
        Json::Number(value) => value.as_f64().map_or(Value::Null, Value::Number),
        Json::String(value) => Value::Text(value),
        Json::Array(_) | Json::Object(_) => Value::Json(value.to_string()),
    }
}

/// A binary frame.
pub(crate) fn parse_msgpack(mut bytes: &[u8]) -> Option<Frame> {
    if msgpack_values(bytes)? > VALUES_MAX {
        return None;
    }
    let rmpv::Value::Map(mut map) =
        rmpv::decode::read_value_with_max_depth(&mut bytes, DEPTH_MAX).ok()?
    else {
        return None;
    };
    let mut field = |name: &str| {
        let found = map.iter_mut().find(|(k, _)| k.as_str() == Some(name));
        found.map(|(_, value)| std::mem::replace(value, rmpv::Value::Nil))
    };
    let action = into_text(field("action")?)?;
    #[allow(clippy::cast_possible_truncation)]
    let seq = field("seq").and_then(|seq| seq.as_i64().or_else(|| seq.as_f64().map(|s| s as i64)));
    let data = match field("data") {
        Some(rmpv::Value::Map(data)) => data
            .into_iter()
            .filter_map(|(key, value)| Some((into_text(key)?, from_msgpack(value))))
            .collect(),
        _ => Vec::new(),
    };
    Some(Frame {
        action,
        seq: seq.unwrap_or(0),
        data,
    })
}

/// How many values there are, keys included; at most one more than are allowed. `None`: cut short.
fn msgpack_values(mut bytes: &[u8]) -> Option<usize> {
    let (mut values, mut announced) = (0, 1_u64);
    while announced > 0 && values <= VALUES_MAX {
        announced -= 1;
        values += 1;
        let (marker, rest) = bytes.split_first()?;
        bytes = rest;
        let number = |length: usize| {
            let digits = bytes.get(..length)?.iter();
            Some(digits.fold(0_u64, |number, digit| number << 8 | u64::from(*digit)))
        };
        // What follows the marker in bytes: a length and what that says, and values within (the msgpack
        // specification, "Formats").
        let (header, payload, within) = match marker {
            0x80..=0x8f => (0, 0, u64::from(marker & 0x0f) * 2),
            0x90..=0x9f => (0, 0, u64::from(marker & 0x0f)),
            0xa0..=0xbf => (0, u64::from(marker & 0x1f), 0),
            0xc4 | 0xd9 => (1, number(1)?, 0),
            0xc5 | 0xda => (2, number(2)?, 0),
            0xc6 | 0xdb => (4, number(4)?, 0),
            0xc7 => (2, number(1)?, 0),
            0xc8 => (3, number(2)?, 0),
            0xc9 => (5, number(4)?, 0),
            0xcc | 0xd0 => (1, 0, 0),
            0xcd | 0xd1 => (2, 0, 0),
            0xca | 0xce | 0xd2 => (4, 0, 0),
            0xcb | 0xcf | 0xd3 => (8, 0, 0),
            0xd4..=0xd8 => (1 + (1 << (marker - 0xd4)), 0, 0),
            0xdc => (2, 0, number(2)?),
            0xdd => (4, 0, number(4)?),
            0xde => (2, 0, number(2)? * 2),
            0xdf => (4, 0, number(4)? * 2),
            _ => (0, 0, 0),
        };
        announced += within;
        bytes = bytes.get(header + usize::try_from(payload).ok()?..)?;
    }
    Some(values)
}

fn from_msgpack(value: rmpv::Value) -> Value {
    match value {
        rmpv::Value::Nil | rmpv::Value::Ext(..) => Value::Null,
        rmpv::Value::Boolean(value) => Value::Boolean(value),
        rmpv::Value::Integer(_) | rmpv::Value::F32(_) | rmpv::Value::F64(_) => {
            value.as_f64().map_or(Value::Null, Value::Number)
        }
        rmpv::Value::String(value) => value.into_str().map_or(Value::Null, Value::Text),
        rmpv::Value::Binary(bytes) => Value::Bytes(bytes),
        rmpv::Value::Array(_) | rmpv::Value::Map(_) => Value::Json(to_json(&value).to_string()),
    }
}

fn into_text(value: rmpv::Value) -> Option<String> {
    match value {
        rmpv::Value::String(text) => text.into_str(),
        _ => None,
    }
}

/// Nested values. Bytes are lost, as JSON has none: a list of their numbers would take 32 times as much,
/// and clients send bytes as a field of their own.
fn to_json(value: &rmpv::Value) -> Json {
    match value {
        rmpv::Value::Nil | rmpv::Value::Ext(..) | rmpv::Value::Binary(_) => Json::Null,
        rmpv::Value::Boolean(value) => Json::Bool(*value),
        rmpv::Value::Integer(value) => value
            .as_i64()
            .map(Json::from)
            .or_else(|| value.as_u64().map(Json::from))
            .unwrap_or(Json::Null),
        rmpv::Value::F32(value) => Json::from(*value),
        rmpv::Value::F64(value) => Json::from(*value),
        rmpv::Value::String(value) => Json::from(value.as_str().unwrap_or_default()),
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

    fn allocated<T>(work: impl FnOnce() -> T) -> usize {
        let before = crate::test_memory::allocated();
        std::hint::black_box(work());
        crate::test_memory::allocated() - before
    }

    /// Four times the input, and what the values allowed may cost.
    fn check_memory(bytes: &[u8]) {
        let most = bytes.len() * 4 + VALUES_MAX * VALUE_COST_MAX;
        let used = allocated(|| parse_msgpack(bytes));
        assert!(used <= most, "{used} bytes for {}", bytes.len());
        let text = String::from_utf8_lossy(bytes);
        let most = text.len() * 4 + VALUES_MAX * VALUE_COST_MAX;
        let used = allocated(|| parse_json(&text));
        assert!(used <= most, "{used} bytes for {}", text.len());
    }

    /// A map of one entry in JSON: a node of a B-tree.
    const VALUE_COST_MAX: usize = 1_024;

    #[test]
    fn memory_stays_in_proportion() {
        const SIZE: usize = 64 * 1024;
        let start = |text: &str| format!(r#"{{"action":"a","seq":1,"data":{{"d":{text}"#);
        let filled = |part: &str| {
            let parts = part.repeat(SIZE / part.len() - 20);
            format!("{}{parts}", start("["))
        };
        for text in [
            filled("0,"),
            filled("[],"),
            filled(r#"{"":0},"#),
            filled(r#""","#),
            filled("[["),
            format!("{}[{}0]}}}}", start(""), "0,".repeat(100)),
            format!("{}\"{}\"}}}}", start(""), "x".repeat(SIZE)),
            format!("{}\"{}\"}}}}", start(""), "\\n".repeat(SIZE / 2)),
            format!("{}[\"{}\"]}}}}", start(""), "\\u0001".repeat(SIZE / 6)),
        ] {
            check_memory(text.as_bytes());
        }
        let head = b"\x82\xa6action\xa1a\xa4data";
        let parts: [&[u8]; 12] = [
            b"\x81\xa1d\xdd\xff\xff\xff\xff",
            b"\x81\xa1d\xdf\xff\xff\xff\xff",
            b"\x81\xa1d\xc6\xff\xff\xff\xff",
            b"\x81\xa1d\xdb\xff\xff\xff\xff",
            b"\x81\xa1d\xc9\xff\xff\xff\xff\x01",
            b"\xdf\xff\xff\xff\xff",
            b"\xdf\x00\x00\xff\x00",
            b"\x81\xa1d\xdc\xff\x00",
            b"\x81\xa1d\xdc\x00\xf0",
            b"\x81\xa1d\xc5\xff\x00",
            b"\x81\xa1d\xda\xff\x00",
            b"\x81\xa1d\x91\xc5\xff\x00",
        ];
        for part in parts {
            for filling in [0xc0, 0x90, 0x80, 0xa0, 0x01, 0x81, 0x91] {
                check_memory(&[head, part, &vec![filling; SIZE]].concat());
                check_memory(&[head, part].concat());
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn values_are_counted_as_they_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let mut rest = &bytes[..];
            let read = rmpv::decode::read_value(&mut rest);
            if let Ok(value) = read {
                proptest::prop_assert_eq!(msgpack_values(&bytes), Some(count(&value)));
            }
        }

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

    fn count(value: &rmpv::Value) -> usize {
        match value {
            rmpv::Value::Array(list) => 1 + list.iter().map(count).sum::<usize>(),
            rmpv::Value::Map(map) => {
                1 + map.iter().map(|(k, v)| count(k) + count(v)).sum::<usize>()
            }
            _ => 1,
        }
    }

    #[test]
    fn more_values_than_anybody_needs_are_refused() {
        let with = |count: usize| {
            let list = vec!["0"; count].join(",");
            format!(r#"{{"action":"a","data":{{"d":[{list}]}}}}"#)
        };
        assert!(parse_json(&with(200)).is_some());
        assert_eq!(parse_json(&with(300)), None);
        // What is in a text is no value.
        let text = format!(
            r#"{{"action":"a","data":{{"d":"{}\""}}}}"#,
            ",[{".repeat(300)
        );
        assert!(parse_json(&text).is_some());
        let packed = |count: u8| {
            let head = b"\x82\xa6action\xa1a\xa4data\x81\xa1d\xdc\x01";
            [&head[..], &[count], &vec![0xc0; 256 + usize::from(count)]].concat()
        };
        assert_eq!(parse_msgpack(&packed(44)), None);
        let fewer = [
            &b"\x82\xa6action\xa1a\xa4data\x81\xa1d\xdc\x00\xc8"[..],
            &[0xc0; 200],
        ]
        .concat();
        assert!(parse_msgpack(&fewer).is_some());
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

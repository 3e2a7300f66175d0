//! Reading loosely typed settings: the shape of each value comes from the defaults, so that there is no
//! second list of keys to keep in step.

use serde_json::{Map, Value};

use crate::{SettingError, Settings};

/// The JSON object in `json`; nothing and `null` are an empty one.
pub(crate) fn object(json: &str) -> Result<Map<String, Value>, SettingError> {
    if json.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(json) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(whole("a JSON object is expected")),
        Err(error) => Err(whole(&error.to_string())),
    }
}

/// Reads settings without checking ranges.
pub(crate) fn read(json: &str) -> Result<Settings, SettingError> {
    let given = object(json)?;
    let Ok(Value::Object(mut wanted)) = serde_json::to_value(Settings::default()) else {
        return Ok(Settings::default());
    };
    for (key, default) in &mut wanted {
        // The exact key wins over another spelling of it.
        let value = given.get(key).or_else(|| {
            given
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(key))
                .map(|(_, value)| value)
        });
        let Some(value) = value else { continue };
        if let Some(value) = convert(value, default).map_err(|reason| SettingError {
            key: key.clone(),
            reason: reason.to_owned(),
        })? {
            let single = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
            serde_json::from_value::<Settings>(single).map_err(|_| SettingError {
                key: key.clone(),
                reason: match value.as_i64() {
                    Some(..0) => format!("{value} is below 0"),
                    _ => format!("{value} is too large"),
                },
            })?;
            *default = value;
        }
    }
    serde_json::from_value(Value::Object(wanted)).map_err(|error| whole(&error.to_string()))
}

/// `value` in the type of `like`; `None` = not set.
fn convert(value: &Value, like: &Value) -> Result<Option<Value>, &'static str> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => Some(text.trim()),
        _ => None,
    };
    let converted = match (like, text) {
        (Value::Bool(_), Some("true")) => Value::Bool(true),
        (Value::Bool(_), Some("false")) => Value::Bool(false),
        (Value::Bool(_), _) if value.is_boolean() => value.clone(),
        (Value::Bool(_), _) => return Err("true or false is expected"),
        (Value::Number(_), Some(text)) => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| "a whole number is expected")?,
        (Value::Number(_), None) if value.is_i64() || value.is_u64() => value.clone(),
        // JavaScript knows no integers: 8443.0 is one.
        (Value::Number(_), None) => match value.as_f64() {
            Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                Value::from(number as i64)
            }
            _ => return Err("a whole number is expected"),
        },
        // The value may be a secret: it is not repeated.
        (Value::String(_), None) => return Err("a text is expected"),
        _ => value.clone(),
    };
    Ok(Some(converted))
}

/// `max_call_participants` -> `MaxCallParticipants`.
pub(crate) fn pascal_case(snake: &str) -> String {
    snake
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect::<String>()
            })
        })
        .collect()
}

fn whole(reason: &str) -> SettingError {
    SettingError {
        key: String::new(),
        reason: reason.to_owned(),
    }
}

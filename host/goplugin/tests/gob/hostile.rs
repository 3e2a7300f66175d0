//! Streams that claim too much, contradict themselves or end early: an error, at a bounded cost.

use parley_goplugin::gob::{Any, Decode, Decoder, Malformed, Mismatch, Value};
use parley_goplugin::gob_struct;

use super::{bytes, stream, values};

gob_struct! {
    struct Signed = "Signed" { x: i64 = "X" }
}

/// The definition of `[]bool`, id 64.
const SLICE_OF_BOOL: &str = "7f 02 01 02 ff80 00 01 02 00 00";

/// What becomes of messages.
fn outcome(messages: &[&str]) -> Result<Vec<Value>, Malformed> {
    let messages: Vec<_> = messages.iter().map(|text| bytes(text)).collect();
    values(&stream(&messages))
}

#[test]
fn a_count_beyond_the_message_reserves_nothing() {
    // 2^63 elements, of which two come.
    let found = outcome(&[SLICE_OF_BOOL, "ff80 00 f8 8000000000000000 01 01"]);
    assert_eq!(found, Err(Malformed::Short));
}

#[test]
fn a_length_beyond_the_message_is_refused() {
    let found = outcome(&["0a 00 f8 7fffffffffffffff 01"]);
    assert_eq!(found, Err(Malformed::Short));
}

#[test]
fn a_type_that_contains_itself_ends_at_the_depth_limit() {
    // type T []T, and a list in a list in a list ...
    let value = format!("ff80 00 {}", "01".repeat(100));
    let found = outcome(&["7f 02 01 02 ff80 00 01 ff80 00 00", &value]);
    assert_eq!(found, Err(Malformed::Limit("depth")));
}

#[test]
fn more_values_than_allowed_are_refused() {
    let value = format!("ff80 00 fd 0493e0 {}", "01".repeat(300_000));
    let found = outcome(&[SLICE_OF_BOOL, &value]);
    assert_eq!(found, Err(Malformed::Limit("number of values")));
}

#[test]
fn a_second_definition_is_refused() {
    let found = outcome(&[SLICE_OF_BOOL, SLICE_OF_BOOL]);
    assert_eq!(found, Err(Malformed::Definition));
}

#[test]
fn a_stream_of_definitions_ends_at_their_limit() {
    let definitions: Vec<_> = (64..64 + 1100)
        .map(|id| {
            let (negative, positive) = (id * 2 - 1, id * 2);
            bytes(&format!(
                "fe {negative:04x} 02 01 02 fe {positive:04x} 00 01 02 00 00"
            ))
        })
        .collect();
    assert_eq!(
        values(&stream(&definitions)),
        Err(Malformed::Limit("types"))
    );
}

#[test]
fn a_value_in_endless_parts_is_given_up() {
    // An interface in an interface in ...: a new message may begin where each one's type stands.
    let mut decoder = Decoder::default();
    let mut outcome = decoder.push(bytes(r#"10 00 01 "x""#));
    for _ in 0..200 {
        if outcome != Ok(None) {
            break;
        }
        // The id of an interface, a length, the zero of what is no struct, and the name of the next one.
        outcome = decoder.push(bytes(r#"10 00 00 01 "x""#));
    }
    assert!(matches!(outcome, Err(Malformed::Limit(_))), "{outcome:?}");
}

#[test]
fn an_undefined_type_is_refused() {
    assert_eq!(outcome(&["ff82 00"]), Err(Malformed::Undefined(65)));
}

#[test]
fn signed_and_unsigned_do_not_mix() {
    // struct { X uint }
    let definition = r#"7f 03 01 02 ff80 00 01 01 01 01 "X" 01 06 00 00 00"#;
    let found = outcome(&[definition, "ff80 01 07 00"]).unwrap();
    let text = |error: Mismatch| error.to_string();
    assert_eq!(
        Signed::decode(found[0].clone()).map_err(text),
        Err("gob: X: a signed number wanted, an unsigned number received".to_owned())
    );
}

#[test]
fn after_a_spoilt_value_the_next_one_is_read() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.push(bytes("02 00 05")), Err(Malformed::Value));
    assert_eq!(decoder.push(bytes("02 00 01")), Ok(Some(Value::Bool(true))));
}

#[test]
fn a_nil_among_interfaces_is_an_element() {
    // map[string]interface{}{"a": nil, "b": true}
    let found = outcome(&[
        "7f 04 01 02 ff80 00 01 0c 01 10 00 00",
        r#"ff80 00 02 01 "a" 00 01 "b" 04 "bool" 02 02 00 01"#,
    ]);
    let Ok(Any::Map(map)) = Any::decode(found.unwrap().remove(0)) else {
        panic!("no map")
    };
    assert_eq!(map["a"], Any::Nil);
    assert_eq!(map["b"], Any::Bool(true));
}

//! Bytes that Go's encoder made, for the plain types and the messages of net/rpc.

use parley_goplugin::gob::{Any, Decode, Encoder, Value};
use parley_goplugin::gob_struct;
use parley_goplugin::rpc::Empty;

use super::{bytes, encoded, stream, values};

gob_struct! {
    struct Request = "Request" {
        service_method: String = "ServiceMethod",
        seq: u64 = "Seq",
    }
    struct Response = "Response" {
        service_method: String = "ServiceMethod",
        seq: u64 = "Seq",
        error: String = "Error",
    }
    struct Ids = "Z_OnActivateArgs" {
        api: u32 = "APIMuxId",
        driver: u32 = "DriverMuxId",
    }
    struct Outcome = "Z_OnActivateReturns" {
        a: Any = "A",
    }
    struct First = "First" { a: bool = "A" }
    struct Second = "Second" { a: bool = "A" }
}

/// An encoder whose next own type gets the id 64 + `used`.
fn encoder_after(used: usize) -> Encoder {
    let mut encoder = Encoder::default();
    if used > 0 {
        encoded(&mut encoder, &First::default());
    }
    if used > 1 {
        encoded(&mut encoder, &Second::default());
    }
    encoder
}

#[test]
fn plain_values() {
    let mut encoder = Encoder::default();
    for (text, value, made) in [
        (
            "03 02 00 01",
            Value::Bool(true),
            encoded(&mut encoder, &true),
        ),
        ("03 06 00 01", Value::Uint(1), encoded(&mut encoder, &1u32)),
        (
            "05 04 00 fe 01 90",
            Value::Int(200),
            encoded(&mut encoder, &200i64),
        ),
        (
            r#"08 0c 00 05 "hooks""#,
            Value::String(b"hooks".to_vec()),
            encoded(&mut encoder, &"hooks".to_owned()),
        ),
        (
            r#"05 0a 00 02 "hi""#,
            Value::Bytes(b"hi".to_vec()),
            encoded(&mut encoder, &b"hi".to_vec()),
        ),
    ] {
        assert_eq!(values(&bytes(text)).unwrap(), [value], "{text}");
        assert_eq!(made, bytes(text), "{text}");
    }
}

#[test]
fn an_empty_struct_is_defined_once() {
    let mut encoder = Encoder::default();
    let first = bytes("09 7f 03 01 02 ff80 00 00 00 03 ff80 00");
    assert_eq!(encoded(&mut encoder, &Empty {}), first);
    assert_eq!(encoded(&mut encoder, &Empty {}), bytes("03 ff80 00"));
    assert_eq!(values(&first).unwrap(), [Value::Struct(vec![])]);
}

#[test]
fn a_request_and_its_arguments() {
    let request = bytes(
        r#"2f ff83 03 01 01 07 "Request" 01 ff84 00 01 02 01 0d "ServiceMethod" 01 0c 00
           01 03 "Seq" 01 06 00 00 00 18 ff84 01 11 "Plugin.OnActivate" 01 01 00"#,
    );
    let value = Request {
        service_method: "Plugin.OnActivate".into(),
        seq: 1,
    };
    let mut encoder = encoder_after(2);
    assert_eq!(encoded(&mut encoder, &value), request);
    let found = values(&request).unwrap();
    assert_eq!(Request::decode(found[0].clone()).unwrap(), value);

    let args = bytes(
        r#"3b ff85 03 01 01 10 "Z_OnActivateArgs" 01 ff86 00 01 02 01 08 "APIMuxId" 01 06 00
           01 0b "DriverMuxId" 01 06 00 00 00 07 ff86 01 01 01 02 00"#,
    );
    let value = Ids { api: 1, driver: 2 };
    assert_eq!(encoded(&mut encoder, &value), args);
    let found = values(&args).unwrap();
    assert_eq!(Ids::decode(found[0].clone()).unwrap(), value);
}

#[test]
fn a_good_reply() {
    let reply = bytes(
        r#"39 7f 03 01 01 08 "Response" 01 ff80 00 01 03 01 0d "ServiceMethod" 01 0c 00
           01 03 "Seq" 01 06 00 01 05 "Error" 01 0c 00 00 00
           18 ff80 01 11 "Plugin.OnActivate" 01 01 00
           27 ff81 03 01 01 13 "Z_OnActivateReturns" 01 ff82 00 01 01 01 01 "A" 01 10 00 00 00
           03 ff82 00"#,
    );
    let response = Response {
        service_method: "Plugin.OnActivate".into(),
        seq: 1,
        error: String::new(),
    };
    let mut encoder = Encoder::default();
    let mut made = encoded(&mut encoder, &response);
    made.extend(encoded(&mut encoder, &Outcome::default()));
    assert_eq!(made, reply);
    let found = values(&reply).unwrap();
    assert_eq!(Response::decode(found[0].clone()).unwrap(), response);
    assert_eq!(
        Outcome::decode(found[1].clone()).unwrap(),
        Outcome::default()
    );
}

/// Go defines a type in the middle of the value that needs it, and goes on in the next message.
#[test]
fn a_value_split_by_a_definition() {
    let stream = stream(&[
        bytes(
            r#"ff89 03 01 01 13 "Z_OnActivateReturns" 01 ff8a 00 01 01 01 01 "A" 01 10 00 00 00"#,
        ),
        bytes(
            r#"ff8a 01 13 "*plugin.ErrorString" ff8b 03 01 01 0b "ErrorString" 01 ff8c 00
               01 02 01 04 "Code" 01 04 00 01 03 "Err" 01 0c 00 00 00"#,
        ),
        bytes(r#"ff8c 07 02 04 "boom" 00 00"#),
    ]);
    let [value] = values(&stream).unwrap().try_into().unwrap();
    let Any::Map(error) = Outcome::decode(value).unwrap().a else {
        panic!("no error")
    };
    assert_eq!(error["Err"], Any::String("boom".into()));
}

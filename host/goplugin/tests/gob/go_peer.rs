//! Against Go's own encoding/gob: what we encode, Go decodes and encodes again, and we get the same value.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use parley_goplugin::gob::{Any, Decode, Decoder, Encoder, Registered, Time, Url};
use parley_goplugin::gob_struct;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::encoded;

gob_struct! {
    struct Inner = "Inner" {
        name: String = "Name",
        count: i64 = "Count",
        more: Vec<Inner> = "More",
    }

    struct ErrorString = "ErrorString" {
        code: i64 = "Code",
        err: String = "Err",
    }

    /// Fields in another order than there, one that Go does not have, and without some that Go has.
    struct Everything = "Everything" {
        nested: Option<Box<Everything>> = "Nested",
        only_here: BTreeMap<String, Vec<String>> = "OnlyHere",
        bool_: bool = "Bool",
        int: i32 = "Int",
        int64: i64 = "Int64",
        uint32: u32 = "Uint32",
        uint64: u64 = "Uint64",
        float: f64 = "Float",
        text: String = "Text",
        bytes: Vec<u8> = "Bytes",
        strings: Vec<String> = "Strings",
        labels: Option<BTreeMap<String, String>> = "Labels",
        headers: Option<BTreeMap<String, Vec<String>>> = "Headers",
        flags: BTreeMap<String, bool> = "Flags",
        any: Any = "Any",
        props: Option<BTreeMap<String, Any>> = "Props",
        list: Vec<Any> = "List",
        pointer: Option<Inner> = "Pointer",
        value: Inner = "Value",
        inners: Vec<Inner> = "Inners",
        flag_ptr: Option<bool> = "FlagPtr",
        text_ptr: Option<String> = "TextPtr",
        bytes_ptr: Option<Vec<u8>> = "BytesPtr",
        time: Time = "Time",
        url: Option<Url> = "URL",
    }
}

/// A struct none of whose fields Go has, but one that is registered.
fn error(text: &str) -> Any {
    let value = ErrorString {
        code: 1,
        err: text.into(),
    };
    Any::Registered(Registered::new("*plugin.ErrorString", value))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z]{1,12}",
        "\\PC{0,40}",
        Just("x".repeat(300))
    ]
}

fn any() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        Just(Any::Nil),
        proptest::bool::ANY.prop_map(Any::Bool),
        proptest::num::i64::ANY.prop_map(Any::Int),
        proptest::num::u64::ANY.prop_map(Any::Uint),
        (-1e9..1e9f64).prop_map(Any::Float),
        text().prop_map(Any::String),
        proptest::collection::vec(proptest::num::u8::ANY, 0..20).prop_map(Any::Bytes),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
            proptest::collection::btree_map(text(), inner, 0..4).prop_map(Any::Map),
        ]
    })
}

fn inner() -> impl Strategy<Value = Inner> {
    let leaf = (text(), proptest::num::i64::ANY).prop_map(|(name, count)| Inner {
        name,
        count,
        more: vec![],
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        (text(), proptest::collection::vec(inner, 0..3)).prop_map(|(name, more)| Inner {
            name,
            count: 0,
            more,
        })
    })
}

/// `None` and a pointer to a zero value are the same on the wire.
fn pointer<T: std::fmt::Debug + PartialEq + Default>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(value).prop_map(|value| value.filter(|value| *value != T::default()))
}

fn everything() -> impl Strategy<Value = Everything> {
    let numbers = (
        proptest::bool::ANY,
        proptest::num::i32::ANY,
        proptest::num::i64::ANY,
        proptest::num::u32::ANY,
        proptest::num::u64::ANY,
        proptest::num::f64::NORMAL | proptest::num::f64::ZERO,
    );
    let map = |value| proptest::collection::btree_map(text(), value, 0..4);
    let strings = || proptest::collection::vec(text(), 0..4);
    let plain = (
        text(),
        proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        strings(),
        proptest::option::of(map(text().boxed())),
        proptest::option::of(proptest::collection::btree_map(text(), strings(), 0..3)),
        proptest::collection::btree_map(text(), proptest::bool::ANY, 0..3),
    );
    let rich = (
        any(),
        proptest::option::of(proptest::collection::btree_map(text(), any(), 0..4)),
        proptest::collection::vec(any(), 0..4),
        proptest::option::of(inner()),
        inner(),
        proptest::collection::vec(inner(), 0..3),
    );
    let rest = (
        pointer(proptest::bool::ANY),
        pointer(text()),
        pointer(proptest::collection::vec(proptest::num::u8::ANY, 0..4)),
        (-60_000_000_000i64..200_000_000_000, 0..1_000_000_000u32),
        proptest::option::of(-720..840i16),
        proptest::option::of("https://[a-z]{1,9}/[a-z/]{0,9}\\?q=[a-z]{1,9}"),
    );
    (numbers, plain, rich, rest).prop_map(|(numbers, plain, rich, rest)| Everything {
        nested: None,
        only_here: BTreeMap::from([("skip".into(), vec!["me".into()])]),
        bool_: numbers.0,
        int: numbers.1,
        int64: numbers.2,
        uint32: numbers.3,
        uint64: numbers.4,
        float: numbers.5,
        text: plain.0,
        bytes: plain.1,
        strings: plain.2,
        labels: plain.3,
        headers: plain.4,
        flags: plain.5,
        any: rich.0,
        props: rich.1,
        list: rich.2,
        pointer: rich.3,
        value: rich.4,
        inners: rich.5,
        flag_ptr: rest.0,
        text_ptr: rest.1,
        bytes_ptr: rest.2,
        time: Time {
            unix_s: rest.3.0,
            nanos: rest.3.1,
            // A minute west of UTC is how Go writes UTC itself.
            zone_minutes: rest.4.filter(|&minutes| minutes != -1),
        },
        url: rest.5.map(Url),
    })
}

/// One `gob-peer`, with one stream each way for all values.
struct Peer {
    child: Child,
    encoder: Encoder,
    decoder: Decoder,
}

impl Peer {
    /// `None` = there is no Go on this machine (`cargo xtask test` calls such a run incomplete).
    fn start() -> Option<Self> {
        let without = std::env::var_os("PARLEY_WITHOUT_GO").is_some();
        if without || Command::new("go").arg("version").output().is_err() {
            eprintln!("incomplete: Go is missing");
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/gob-peer");
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("gob-peer");
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(source)
            .status()
            .unwrap();
        assert!(built.success(), "go build");
        let child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Self {
            child,
            encoder: Encoder::default(),
            decoder: Decoder::default(),
        })
    }

    /// The value as Go gives it back.
    fn turn(&mut self, value: &Everything) -> Everything {
        let bytes = encoded(&mut self.encoder, value);
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(&bytes).unwrap();
        stdin.flush().unwrap();
        loop {
            let message = self.message();
            if let Some(value) = self.decoder.push(message).unwrap() {
                return Everything::decode(value).unwrap();
            }
        }
    }

    fn message(&mut self) -> Vec<u8> {
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut first = [0];
        stdout.read_exact(&mut first).expect("Go refused the value");
        let length = if first[0] < 128 {
            u64::from(first[0])
        } else {
            let mut bytes = [0; 8];
            let count = 256 - usize::from(first[0]);
            stdout.read_exact(&mut bytes[8 - count..]).unwrap();
            u64::from_be_bytes(bytes)
        };
        let mut message = vec![0; usize::try_from(length).unwrap()];
        stdout.read_exact(&mut message).unwrap();
        message
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn go_gives_back_what_we_send() {
    let Some(peer) = Peer::start() else { return };
    let peer = std::cell::RefCell::new(peer);
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 400,
            failure_persistence: None,
            // Go ends at the first refusal, so that a smaller case cannot be tried.
            max_shrink_iters: 0,
            ..Config::default()
        },
        seed,
    );
    let strategy = (everything(), proptest::option::of(everything()));
    let outcome = runner.run(&strategy, |(mut value, nested)| {
        value.nested = nested.map(Box::new);
        let mut back = peer.borrow_mut().turn(&value);
        // Go skips what it does not have.
        back.only_here.clone_from(&value.only_here);
        if let (Some(back), Some(sent)) = (&mut back.nested, &value.nested) {
            back.only_here.clone_from(&sent.only_here);
        }
        prop_assert_eq!(back, value);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn go_knows_a_registered_error() {
    let Some(mut peer) = Peer::start() else {
        return;
    };
    let value = Everything {
        any: error("boom"),
        ..Everything::default()
    };
    let back = peer.turn(&value);
    let Any::Map(fields) = back.any else {
        panic!("{:?}", back.any)
    };
    assert_eq!(fields["Err"], Any::String("boom".into()));
}

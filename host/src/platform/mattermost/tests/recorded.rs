//! One recorded life of a plugin written in Go, under Mattermost's own plugin host: what either side sent, we
//! read to the end; what we answer has the same bytes where Go's numbering of types is not its process' own.

use std::path::PathBuf;
use std::sync::Arc;

use parley_goplugin::gob::{Any, Decode, Decoder, Value};
use parley_goplugin::gob_struct;
use parley_goplugin::rpc::{self, Args, Reply, ReplyFuture, Service, no_method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::platform::mattermost::fault::Fault;
use crate::platform::mattermost::positional::Positional;
use crate::platform::mattermost::wire::{
    Broadcast, Command, CommandArgs, CommandResponse, OnActivateArgs, PluginClusterEvent,
    ServeHttpArgs,
};

gob_struct! {
    struct Request = "Request" {
        method: String = "ServiceMethod",
        seq: u64 = "Seq",
    }
    struct Response = "Response" {
        method: String = "ServiceMethod",
        seq: u64 = "Seq",
        error: String = "Error",
    }
}

fn recording(file: &str) -> Vec<u8> {
    let folder = "../tests/mattermost-host/captures/tiny";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Streams but the first begin with the broker's number.
    let begin = if file.starts_with("stream1.") { 0 } else { 4 };
    bytes[begin..].to_vec()
}

/// All values of a stream, to its last byte.
fn values(mut stream: &[u8]) -> Vec<Value> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    while let Some((&first, rest)) = stream.split_first() {
        let (length, rest) = if first < 128 {
            (usize::from(first), rest)
        } else {
            let (number, rest) = rest.split_at(256 - usize::from(first));
            let length = number
                .iter()
                .fold(0, |sum, &byte| (sum << 8) | usize::from(byte));
            (length, rest)
        };
        let (message, rest) = rest.split_at(length);
        stream = rest;
        found.extend(decoder.push(message.to_vec()).unwrap());
    }
    found
}

/// Header and body of each call or reply.
fn pairs<H: Decode>(file: &str) -> Vec<(H, Value)> {
    let mut values = values(&recording(file)).into_iter();
    let mut found = Vec::new();
    while let Some(header) = values.next() {
        let body = values.next().expect("a body for each header");
        found.push((H::decode(header).unwrap(), body));
    }
    found
}

fn body<T: Decode>(calls: &[(Request, Value)], method: &str) -> T {
    let (_, body) = calls
        .iter()
        .find(|(head, _)| head.method == method)
        .unwrap();
    T::decode(body.clone()).unwrap()
}

#[test]
fn the_hooks_that_a_server_called() {
    let calls = pairs::<Request>("stream7.conn1.host2plugin.bin");
    let methods: Vec<_> = calls
        .iter()
        .map(|(head, _)| (head.seq, &*head.method))
        .collect();
    assert_eq!(
        methods,
        [
            (0, "Plugin.Implemented"),
            (1, "Plugin.OnActivate"),
            (2, "Plugin.ExecuteCommand"),
            (3, "Plugin.ServeHTTP"),
        ]
    );
    let ids: OnActivateArgs = body(&calls, "Plugin.OnActivate");
    assert_eq!((ids.api, ids.driver), (1, 2));
    let command: Positional<(Any, CommandArgs)> = body(&calls, "Plugin.ExecuteCommand");
    let (_, command) = command.0;
    assert_eq!(command.command, "/tiny hello");
    assert_eq!(command.user_id, "useruseruseruseruseruser01");
    assert_eq!(command.channel_id, "chanchanchanchanchanchan01");
    let http: ServeHttpArgs = body(&calls, "Plugin.ServeHTTP");
    assert_eq!((http.response_writer, http.request_body), (3, 4));
    assert_eq!(http.request.method, "GET");
    assert_eq!(http.request.url.unwrap().0, "/x/y");
    assert_eq!(
        http.request.header["Mattermost-User-Id"],
        ["useruseruseruseruseruser01"]
    );
}

#[test]
fn the_calls_that_a_plugin_made() {
    let calls = pairs::<Request>("stream2.conn1.plugin2host.bin");
    let command: Positional<(Command,)> = body(&calls, "Plugin.RegisterCommand");
    assert_eq!(command.0.0.trigger, "tiny");
    let event: Positional<(String, Any, Broadcast)> = body(&calls, "Plugin.PublishWebSocketEvent");
    let (name, data, to) = event.0;
    assert_eq!(name, "ran");
    let Any::Map(data) = data else {
        panic!("{data:?}")
    };
    assert_eq!(data["command"], Any::String("/tiny hello".into()));
    assert_eq!(to.channel_id, "chanchanchanchanchanchan01");
}

#[test]
fn the_answers_of_a_server() {
    let answers = pairs::<Response>("stream2.conn1.host2plugin.bin");
    assert_eq!(answers.len(), 4);
    for (head, body) in answers {
        assert_eq!(head.error, "", "{}", head.method);
        let outcome = Positional::<(Fault,)>::decode(body).unwrap().0.0;
        assert_eq!(outcome.check(), Ok(()), "{}", head.method);
    }
}

#[test]
fn the_answers_of_a_plugin() {
    let answers = pairs::<Response>("stream7.conn1.plugin2host.bin");
    let (_, answer) = &answers[2];
    let answer: Positional<(CommandResponse, Fault)> = Decode::decode(answer.clone()).unwrap();
    assert_eq!(answer.0.0.text, "tiny: /tiny hello");
    for file in [
        "stream1.conn1.plugin2host.bin",
        "stream6.conn1.host2plugin.bin",
    ] {
        assert_eq!(pairs::<Response>(file).len(), 2, "{file}");
    }
    for file in [
        "stream1.conn1.host2plugin.bin",
        "stream6.conn1.plugin2host.bin",
    ] {
        assert_eq!(pairs::<Request>(file).len(), 2, "{file}");
    }
}

/// As Go's encoding/gob wrote it: context, then the event `moved` with bytes that are no text.
const CLUSTER_EVENT: &str = "357f0301011a5a5f4f6e506c7567696e436c75737465724576656e744172677301ff80000102\
    01014101ff820001014201ff8400000071ff8103010107436f6e7465787401ff82000106010953657373696f6e4964010c00010c\
    436f6e6e656374696f6e4964010c000109526571756573744964010c000109495041646472657373010c00010e41636365707\
    44c616e6775616765010c000109557365724167656e74010c00000030ff8303010112506c7567696e436c7573746572457665\
    6e7401ff8400010201024964010c00010444617461010a00000017ff800103027231000101056d6f76656401036869ff0000";

#[test]
fn the_word_of_another_node() {
    let digits: Vec<u8> = CLUSTER_EVENT
        .bytes()
        .filter_map(|digit| (digit as char).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect();
    let [args] = &values(&bytes)[..] else {
        panic!("not one value");
    };
    let args: Positional<(Any, PluginClusterEvent)> = Decode::decode(args.clone()).unwrap();
    let event = args.0.1;
    assert_eq!((&*event.id, &event.data[..]), ("moved", &b"hi\xff"[..]));
}

/// Answers as the recorded plugin did.
struct Recorded;

impl Service for Recorded {
    fn call<'a>(&'a self, method: &'a str, _: Args) -> ReplyFuture<'a> {
        Box::pin(async move {
            match method {
                "Dispenser.Dispense" => Ok(Reply::new(1u32)),
                "Plugin.Implemented" => {
                    let names = ["ExecuteCommand", "OnActivate", "ServeHTTP"];
                    Ok(Reply::new(names.map(str::to_owned).to_vec()))
                }
                _ => Err(no_method(method)),
            }
        })
    }
}

#[tokio::test]
async fn our_answers_have_the_same_bytes() {
    for (stream, asked, answered) in [(1, 80, 86), (7, 86, 136)] {
        let asked = &recording(&format!("stream{stream}.conn1.host2plugin.bin"))[..asked];
        let answered = &recording(&format!("stream{stream}.conn1.plugin2host.bin"))[..answered];
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(rpc::serve(near, Arc::new(Recorded)));
        far.write_all(asked).await.unwrap();
        far.shutdown().await.unwrap();
        let mut made = Vec::new();
        far.read_to_end(&mut made).await.unwrap();
        serving.await.unwrap();
        assert_eq!(made, answered, "stream {stream}");
    }
}

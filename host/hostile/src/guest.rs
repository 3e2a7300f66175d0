//! The exports. Each takes its orders from the text it is given: `loop`, `grow`, `recurse`, `trap`, …
#![allow(unsafe_code, missing_docs, clippy::all)]

wit_bindgen::generate!({ path: "../../plugin/wit", world: "plugin" });

mod dice;

use dice::Dice;
use exports_of::*;
use parley::plugin::{clock, grpc, kv, log, platform, random, types};

mod exports_of {
    pub use super::parley::plugin::types::{
        ClientMessage, CommandArgs, CommandResponse, Context, HttpRequest, HttpResponse,
        PlatformEvent, RecordingError, RecordingPost, SettingError,
    };
}

struct Hostile;

/// Carries out one order; the answer is what the order asked for.
fn obey(order: &str) -> String {
    let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
    match verb {
        "echo" => rest.to_owned(),
        "loop" => loop {
            core::hint::black_box(0);
        },
        "grow" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
                core::hint::black_box(&hoard);
            }
        }
        "recurse" => recurse(0).to_string(),
        "trap" => core::arch::wasm32::unreachable(),
        "panic" => panic!("asked to panic: {rest}"),
        "giant" => "x".repeat(rest.parse().unwrap_or(0)),
        "calls" => {
            let count: u32 = rest.parse().unwrap_or(0);
            let mut last = 0;
            for _ in 0..count {
                last = clock::now_ms();
            }
            last.to_string()
        }
        "kv" => kv_order(rest),
        "grpc" => grpc_order(rest),
        "publish" => match platform::publish_event(
            rest,
            "{}",
            &types::Broadcast {
                connection_id: String::new(),
                user_id: String::new(),
                channel_id: "channel".into(),
                omit_user_ids: Vec::new(),
            },
        ) {
            Ok(()) => "published".to_owned(),
            Err(error) => format!("{error:?}"),
        },
        "user" => match platform::get_user(rest) {
            Ok(user) => user.username,
            Err(error) => format!("{error:?}"),
        },
        "random" => random::bytes(rest.parse().unwrap_or(0)).len().to_string(),
        "log" => {
            log::write(log::Level::Warn, "hostile", rest);
            "logged".to_owned()
        }
        "logs" => {
            for _ in 0..rest.parse::<u32>().unwrap_or(0) {
                log::write(log::Level::Warn, "hostile", "again");
            }
            "logged".to_owned()
        }
        "env" => std::env::vars().count().to_string(),
        "exit" => std::process::exit(3),
        "print" => {
            println!("{rest}");
            "printed".to_owned()
        }
        "now" => clock::now_ms().to_string(),
        _ => format!("unknown order {verb}"),
    }
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = core::hint::black_box([depth; 64]);
    recurse(frame[0] + 1) + frame[63]
}

fn kv_order(rest: &str) -> String {
    let words: Vec<&str> = rest.split(' ').collect();
    let outcome = match words.as_slice() {
        ["get", key] => kv::get(key).map(|value| match value {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => "none".to_owned(),
        }),
        ["set", key, value] => {
            kv::compare_and_set(key, None, Some(value.as_bytes()), 0).map(|won| won.to_string())
        }
        ["big", key, size] => {
            let value = vec![0; size.parse().unwrap_or(0)];
            kv::compare_and_set(key, None, Some(&value), 0).map(|won| won.to_string())
        }
        ["list", prefix, limit] => {
            kv::list_keys(prefix, "", limit.parse().unwrap_or(0)).map(|keys| keys.join(","))
        }
        _ => Ok("unknown kv order".to_owned()),
    };
    outcome.unwrap_or_else(|error| format!("{error:?}"))
}

fn grpc_order(rest: &str) -> String {
    let (path, timeout_ms) = rest.split_once(' ').unwrap_or((rest, "1000"));
    let size: usize = timeout_ms
        .split_once(' ')
        .map_or(0, |(_, size)| size.parse().unwrap_or(0));
    let timeout_ms = timeout_ms
        .split(' ')
        .next()
        .unwrap_or("1000")
        .parse()
        .unwrap_or(1000);
    match grpc::unary(path, &[], &vec![0; size], timeout_ms) {
        Ok(reply) => format!("ok {}", reply.message.len()),
        Err(status) => format!("{} {}", status.code, status.message),
    }
}

impl Guest for Hostile {
    fn on_command(ctx: Context, args: CommandArgs) -> CommandResponse {
        if args.command == "trace" {
            return CommandResponse {
                text: ctx.trace_id,
                goto_location: String::new(),
            };
        }
        if let Some(hex) = args.command.strip_prefix("dice ") {
            let bytes = dice::from_hex(hex);
            let mut dice = Dice::new(&bytes, &args.root_id);
            dice.calls();
            let (text, goto_location) = dice.texts();
            return CommandResponse {
                text,
                goto_location,
            };
        }
        std::panic::set_hook(Box::new(|info| {
            log::write(log::Level::Error, "panic", &info.to_string());
        }));
        CommandResponse {
            text: obey(&args.command),
            goto_location: String::new(),
        }
    }

    fn on_client_message(_: Context, message: ClientMessage) {
        obey(&message.action);
    }

    fn on_http(_: Context, request: HttpRequest) -> HttpResponse {
        if request.path == "/dice" {
            let mut dice = Dice::new(&request.body, &request.query);
            dice.calls();
            return dice.response();
        }
        if let Some(count) = request.query.strip_prefix("headers=") {
            // One shared text many times over: cheap here, costly for a host that copies each.
            let text = "y".repeat(1 << 16);
            let headers = (0..count.parse().unwrap_or(0)).map(|_| ("x".into(), text.clone()));
            return HttpResponse {
                status: 200,
                headers: headers.collect(),
                body: Vec::new(),
            };
        }
        let text = obey(&request.path);
        HttpResponse {
            status: 200,
            headers: Vec::new(),
            body: text.into_bytes(),
        }
    }

    fn on_media_event(_: Context, event: Vec<u8>) -> Result<(), String> {
        if let Some(bytes) = event.strip_prefix(b"dice ") {
            return Err(Dice::new(bytes, "").texts().0);
        }
        let text = String::from_utf8_lossy(&event).into_owned();
        match obey(&text) {
            answer if text.starts_with("echo fail") => Err(answer),
            _ => Ok(()),
        }
    }

    fn on_media_restart(_: Context, start_id: String) -> Result<(), String> {
        obey(&start_id);
        Ok(())
    }

    fn on_recording(_: Context, recording: Vec<u8>) -> Result<RecordingPost, RecordingError> {
        if let Some(bytes) = recording.strip_prefix(b"dice ") {
            let (post_id, reason) = Dice::new(bytes, "").texts();
            return match bytes.len() % 3 {
                0 => Ok(RecordingPost { post_id }),
                1 => Err(RecordingError::Later(reason)),
                _ => Err(RecordingError::Parked(reason)),
            };
        }
        let text = String::from_utf8_lossy(&recording).into_owned();
        let answer = obey(&text);
        match answer.as_str() {
            "later" => Err(RecordingError::Later(answer)),
            "parked" => Err(RecordingError::Parked(answer)),
            _ => Ok(RecordingPost { post_id: answer }),
        }
    }

    fn on_platform_event(_: Context, event: PlatformEvent) {
        if let PlatformEvent::UserDeactivated(order) = event {
            obey(&order);
        }
    }

    fn on_config(_: Context, settings_json: String) -> Result<(), SettingError> {
        if let Some(hex) = settings_json.strip_prefix("dice ") {
            let (key, reason) = Dice::new(&dice::from_hex(hex), "").texts();
            return Err(SettingError { key, reason });
        }
        obey(&settings_json);
        Ok(())
    }

    fn on_tick(_: Context) {
        if let Ok(Some(order)) = kv::get("tick") {
            obey(&String::from_utf8_lossy(&order));
        }
    }
}

export!(Hostile);

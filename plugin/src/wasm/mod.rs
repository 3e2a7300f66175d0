//! The sandbox's side of the guest: all generated bindings, and nothing else. Here its exports.
//!
//! Imports are synchronous, so every future of the guest is ready on its first poll: [`run`] needs no
//! executor worth the name.

mod env;
mod grpc;
mod translate;

use std::future::Future;
use std::pin::pin;
use std::sync::Once;
use std::task::{Poll, Waker};

use env::HostEnv;
use grpc::HostGrpc;
use translate::{read_event, read_value};

use crate::{
    ChannelId, ClientMessage, CommandArgs, CommandResponse, ConnectionId, Context, GrpcService,
    Guest, HttpRequest, HttpResponse, PostId, RecordingError, UserId,
};

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "plugin" });
    export!(Component with_types_in self);
    use super::Component;
}

use bindings::parley::plugin as wit;
use wit::types as t;

struct Component;

impl bindings::Guest for Component {
    fn on_command(ctx: t::Context, args: t::CommandArgs) -> t::CommandResponse {
        let args = CommandArgs {
            command: args.command,
            user_id: UserId::new(args.user_id),
            channel_id: ChannelId::new(args.channel_id),
            root_id: PostId::new(args.root_id),
        };
        let CommandResponse {
            text,
            goto_location,
        } = run(ctx, async |guest| guest.on_command(args).await);
        t::CommandResponse {
            text,
            goto_location,
        }
    }

    fn on_client_message(ctx: t::Context, message: t::ClientMessage) {
        let message = ClientMessage {
            action: message.action,
            connection_id: ConnectionId::new(message.connection_id),
            user_id: UserId::new(message.user_id),
            login_session_id: message.login_session_id,
            is_mobile: message.is_mobile,
            data: message
                .data
                .into_iter()
                .map(|(key, value)| (key, read_value(value)))
                .collect(),
        };
        run(ctx, async |guest| guest.on_client_message(message).await);
    }

    fn on_http(ctx: t::Context, request: t::HttpRequest) -> t::HttpResponse {
        let request = HttpRequest {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body,
            user_id: UserId::new(request.user_id),
        };
        let HttpResponse {
            status,
            headers,
            body,
        } = run(ctx, async |guest| guest.on_http(request).await);
        t::HttpResponse {
            status,
            headers,
            body,
        }
    }

    fn on_media_event(ctx: t::Context, event: Vec<u8>) -> Result<(), String> {
        run(ctx, async |guest| guest.on_media_event(&event).await)
    }

    fn on_media_restart(ctx: t::Context, start_id: String) -> Result<(), String> {
        run(ctx, async |guest| guest.on_media_restart(&start_id).await)
    }

    fn on_recording(
        ctx: t::Context,
        recording: Vec<u8>,
    ) -> Result<t::RecordingPost, t::RecordingError> {
        let outcome = run(ctx, async |guest| guest.on_recording(&recording).await);
        match outcome {
            Ok(post_id) => Ok(t::RecordingPost {
                post_id: post_id.to_string(),
            }),
            Err(RecordingError::Later(reason)) => Err(t::RecordingError::Later(reason)),
            Err(RecordingError::Parked(reason)) => Err(t::RecordingError::Parked(reason)),
        }
    }

    fn on_platform_event(ctx: t::Context, event: t::PlatformEvent) {
        let event = read_event(event);
        run(ctx, async |guest| guest.on_platform_event(event).await);
    }

    fn on_config(_ctx: t::Context, settings_json: String) -> Result<(), t::SettingError> {
        install_panic_hook();
        Guest::on_config(&settings_json).map_err(|error| t::SettingError {
            key: error.key,
            reason: error.reason,
        })
    }

    fn on_tick(ctx: t::Context) {
        run(ctx, async |guest| guest.on_tick().await);
    }
}

/// Runs one request to its end.
fn run<T>(ctx: t::Context, work: impl AsyncFnOnce(Guest<'_>) -> T) -> T {
    install_panic_hook();
    let env = HostEnv;
    let grpc = GrpcService::new(HostGrpc);
    let guest = Guest::new(
        &env,
        grpc,
        &Context {
            trace_id: ctx.trace_id,
        },
    );
    let future = pin!(work(guest));
    match future.poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        // Nothing in the guest waits for anything but imports, and those return when they are done.
        Poll::Pending => panic!("a future of the guest was not ready"),
    }
}

/// A panic's text would be lost with the instance: it goes to the host's log.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            wit::log::write(wit::log::Level::Error, "panic", &info.to_string());
        }));
    });
}

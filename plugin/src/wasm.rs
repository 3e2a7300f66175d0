//! The sandbox's side of the guest: all generated bindings, and nothing else.
//!
//! Imports are synchronous, so every future of the guest is ready on its first poll: [`run`] needs no
//! executor worth the name.

use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::sync::Once;
use std::task::{Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;

use crate::media::BoxError;
use crate::{
    Broadcast, CallPush, Channel, ChannelId, ChannelKind, ChannelPermission, ClientMessage,
    CommandArgs, CommandResponse, ConnectionId, Context, Env, File, GrpcService, Guest,
    HttpRequest, HttpResponse, Level, PlatformError, PlatformEvent, Post, PostId, Presence, Team,
    User, UserId, Value,
};

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "plugin" });
    export!(Component with_types_in self);
    use super::Component;
}

use bindings::parley::plugin as wit;
use wit::types as t;

/// Deadline of a call to the media server.
const GRPC_TIMEOUT_MS: u32 = 3_000;
/// A gRPC message's prefix: compression flag and length (gRPC over HTTP/2, "Length-Prefixed-Message").
const FRAME_HEADER: usize = 5;

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

/// The host's `grpc.unary` as the service under the generated clients.
#[derive(Clone, Copy)]
struct HostGrpc;

impl tower::Service<http::Request<Body>> for HostGrpc {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send + 'static>,
    >;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let frame = body.collect().await?.to_bytes();
            let message = frame.get(FRAME_HEADER..).unwrap_or_default();
            // Only our own metadata: the rest describes HTTP/2, which is the host's business.
            let metadata: Vec<(String, String)> = parts
                .headers
                .get(crate::TRACE_METADATA)
                .and_then(|value| value.to_str().ok())
                .map(|value| (crate::TRACE_METADATA.to_owned(), value.to_owned()))
                .into_iter()
                .collect();
            Ok(
                match wit::grpc::unary(parts.uri.path(), &metadata, message, GRPC_TIMEOUT_MS) {
                    Ok(reply) => answer(&reply.message),
                    Err(status) => {
                        tonic::Status::new(status.code.into(), status.message).into_http()
                    }
                },
            )
        })
    }
}

/// A message as the HTTP response that a gRPC client expects.
fn answer(message: &[u8]) -> http::Response<Body> {
    let mut frame = BytesMut::with_capacity(FRAME_HEADER + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let trailers: Ready<Option<Result<_, std::convert::Infallible>>> = ready(Some(Ok(trailers)));
    let body = Full::<Bytes>::new(frame.freeze()).with_trailers(trailers);
    let mut response = http::Response::new(Body::new(body));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}

/// The host's imports as the guest's environment.
struct HostEnv;

type Answer<T> = Result<T, PlatformError>;

impl Env for HostEnv {
    fn user(&self, id: &UserId) -> Answer<User> {
        wit::platform::get_user(id.as_str())
            .map(read_user)
            .map_err(read_error)
    }

    fn channel(&self, id: &ChannelId) -> Answer<Channel> {
        wit::platform::get_channel(id.as_str())
            .map(read_channel)
            .map_err(read_error)
    }

    fn is_member(&self, channel: &ChannelId, user: &UserId) -> Answer<bool> {
        let member = wit::platform::get_member(channel.as_str(), user.as_str());
        member.map(|member| member.is_some()).map_err(read_error)
    }

    fn is_channel_admin(&self, channel: &ChannelId, user: &UserId) -> Answer<bool> {
        let member = wit::platform::get_member(channel.as_str(), user.as_str());
        let is_admin = |member: t::Member| {
            let mut roles = member.roles.split_whitespace();
            roles.any(|role| role == "channel_admin")
        };
        member
            .map(|member| member.is_some_and(is_admin))
            .map_err(read_error)
    }

    fn has_permission(
        &self,
        user: &UserId,
        channel: &ChannelId,
        permission: ChannelPermission,
    ) -> Answer<bool> {
        let permission = match permission {
            ChannelPermission::ReadChannel => t::ChannelPermission::ReadChannel,
            ChannelPermission::CreatePost => t::ChannelPermission::CreatePost,
        };
        wit::platform::has_channel_permission(user.as_str(), channel.as_str(), permission)
            .map_err(read_error)
    }

    fn members(&self, channel: &ChannelId, limit: u32) -> Answer<Vec<User>> {
        let found = wit::platform::get_members(channel.as_str(), limit).map_err(read_error)?;
        Ok(found.into_iter().map(read_user).collect())
    }

    fn presence(&self, user: &UserId) -> Answer<Presence> {
        let found = wit::platform::get_presence(user.as_str()).map_err(read_error)?;
        Ok(match found {
            t::Presence::Online => Presence::Online,
            t::Presence::Away => Presence::Away,
            t::Presence::DoNotDisturb => Presence::DoNotDisturb,
            t::Presence::OutOfOffice => Presence::OutOfOffice,
            t::Presence::Offline => Presence::Offline,
        })
    }

    fn push_call(&self, push: &CallPush) -> Answer<()> {
        wit::platform::push_call(&t::CallPush {
            user_id: push.user_id.to_string(),
            channel_id: push.channel_id.to_string(),
            channel_kind: match push.channel_kind {
                ChannelKind::Open => t::ChannelKind::Open,
                ChannelKind::Private => t::ChannelKind::Private,
                ChannelKind::Direct => t::ChannelKind::Direct,
                ChannelKind::Group => t::ChannelKind::Group,
            },
            channel_name: push.channel_name.clone(),
            post_id: push.post_id.to_string(),
            root_id: push.root_id.to_string(),
            sender_id: push.sender_id.to_string(),
            sender_name: push.sender_name.clone(),
            message: push.message.clone(),
            discreet_message: push.discreet_message.clone(),
        })
        .map_err(read_error)
    }

    fn team(&self, id: &str) -> Answer<Team> {
        let team = wit::platform::get_team(id).map_err(read_error)?;
        Ok(Team {
            id: team.id,
            name: team.name,
        })
    }

    fn teams_of_user(&self, id: &UserId) -> Answer<Vec<Team>> {
        let teams = wit::platform::get_teams_of_user(id.as_str()).map_err(read_error)?;
        Ok(teams
            .into_iter()
            .map(|team| Team {
                id: team.id,
                name: team.name,
            })
            .collect())
    }

    fn channels_of_user(&self, id: &UserId) -> Answer<Vec<Channel>> {
        let channels = wit::platform::get_channels_of_user(id.as_str()).map_err(read_error)?;
        Ok(channels.into_iter().map(read_channel).collect())
    }

    fn post(&self, id: &PostId) -> Answer<Post> {
        wit::platform::get_post(id.as_str())
            .map(read_post)
            .map_err(read_error)
    }

    fn create_post(&self, post: Post) -> Answer<Post> {
        wit::platform::create_post(&write_post(post))
            .map(read_post)
            .map_err(read_error)
    }

    fn update_post(&self, post: Post) -> Answer<Post> {
        wit::platform::update_post(&write_post(post))
            .map(read_post)
            .map_err(read_error)
    }

    fn send_file(&self, to: &UserId, message: &str, file: File) -> Answer<()> {
        let file = t::File {
            name: file.name,
            data: file.data,
        };
        wit::platform::send_file(to.as_str(), message, &file)
            .map(|_| ())
            .map_err(read_error)
    }

    fn publish(&self, name: &str, data_json: &str, to: &Broadcast) -> Answer<()> {
        let to = t::Broadcast {
            connection_id: to.connection_id.to_string(),
            user_id: to.user_id.to_string(),
            channel_id: to.channel_id.to_string(),
            omit_user_ids: to.omit_user_ids.iter().map(ToString::to_string).collect(),
        };
        wit::platform::publish_event(name, data_json, &to).map_err(read_error)
    }

    fn plugin_id(&self) -> String {
        wit::platform::plugin_id()
    }

    fn plugin_version(&self) -> String {
        wit::platform::plugin_version()
    }

    fn site_url(&self) -> String {
        wit::platform::site_url()
    }

    fn settings_json(&self) -> String {
        wit::platform::settings()
    }

    fn kv_get(&self, key: &str) -> Answer<Option<Vec<u8>>> {
        wit::kv::get(key).map_err(read_error)
    }

    fn kv_compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        expires_in_s: u32,
    ) -> Answer<bool> {
        wit::kv::compare_and_set(key, old, new, expires_in_s).map_err(read_error)
    }

    fn kv_list(&self, prefix: &str, after: &str, limit: u32) -> Answer<Vec<String>> {
        wit::kv::list_keys(prefix, after, limit).map_err(read_error)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(wit::clock::now_ms()).unwrap_or(i64::MAX)
    }

    fn random(&self, len: u32) -> Vec<u8> {
        wit::random::bytes(len)
    }

    fn log(&self, level: Level, target: &str, message: &str) {
        let level = match level {
            Level::Error => wit::log::Level::Error,
            Level::Warn => wit::log::Level::Warn,
            Level::Info => wit::log::Level::Info,
            Level::Debug => wit::log::Level::Debug,
        };
        wit::log::write(level, target, message);
    }
}

fn read_error(error: t::PlatformError) -> PlatformError {
    match error {
        t::PlatformError::NotFound => PlatformError::NotFound,
        t::PlatformError::Denied(text) => PlatformError::Denied(text),
        t::PlatformError::Invalid(text) => PlatformError::Invalid(text),
        t::PlatformError::Unavailable(text) => PlatformError::Unavailable(text),
    }
}

fn read_user(user: t::User) -> User {
    User {
        id: UserId::new(user.id),
        username: user.username,
        display_name: user.display_name,
        roles: user.roles,
        is_bot: user.is_bot,
        delete_at: user.delete_at,
        locale: user.locale,
    }
}

fn read_channel(channel: t::Channel) -> Channel {
    Channel {
        id: ChannelId::new(channel.id),
        kind: match channel.kind {
            t::ChannelKind::Open => ChannelKind::Open,
            t::ChannelKind::Private => ChannelKind::Private,
            t::ChannelKind::Direct => ChannelKind::Direct,
            t::ChannelKind::Group => ChannelKind::Group,
        },
        team_id: channel.team_id,
        name: channel.name,
        display_name: channel.display_name,
        delete_at: channel.delete_at,
    }
}

fn read_post(post: t::Post) -> Post {
    Post {
        id: PostId::new(post.id),
        user_id: UserId::new(post.user_id),
        channel_id: ChannelId::new(post.channel_id),
        root_id: PostId::new(post.root_id),
        kind: post.kind,
        message: post.message,
        props_json: post.props_json,
        create_at: post.create_at,
        delete_at: post.delete_at,
    }
}

fn write_post(post: Post) -> t::Post {
    t::Post {
        id: post.id.to_string(),
        user_id: post.user_id.to_string(),
        channel_id: post.channel_id.to_string(),
        root_id: post.root_id.to_string(),
        kind: post.kind,
        message: post.message,
        props_json: post.props_json,
        create_at: post.create_at,
        delete_at: post.delete_at,
    }
}

fn read_value(value: t::Value) -> Value {
    match value {
        t::Value::Null => Value::Null,
        t::Value::Boolean(value) => Value::Boolean(value),
        t::Value::Number(value) => Value::Number(value),
        t::Value::Text(value) => Value::Text(value),
        t::Value::Bytes(value) => Value::Bytes(value),
        t::Value::Json(value) => Value::Json(value),
    }
}

fn read_event(event: t::PlatformEvent) -> PlatformEvent {
    let connection =
        |(connection, user): (String, String)| (ConnectionId::new(connection), UserId::new(user));
    let member = |(channel, user): (String, String)| (ChannelId::new(channel), UserId::new(user));
    match event {
        t::PlatformEvent::Connected(pair) => {
            let (connection_id, user_id) = connection(pair);
            PlatformEvent::Connected {
                connection_id,
                user_id,
            }
        }
        t::PlatformEvent::Disconnected(pair) => {
            let (connection_id, user_id) = connection(pair);
            PlatformEvent::Disconnected {
                connection_id,
                user_id,
            }
        }
        t::PlatformEvent::JoinedChannel(pair) => {
            let (channel_id, user_id) = member(pair);
            PlatformEvent::JoinedChannel {
                channel_id,
                user_id,
            }
        }
        t::PlatformEvent::LeftChannel(pair) => {
            let (channel_id, user_id) = member(pair);
            PlatformEvent::LeftChannel {
                channel_id,
                user_id,
            }
        }
        t::PlatformEvent::UserDeactivated(user) => PlatformEvent::UserDeactivated {
            user_id: UserId::new(user),
        },
        t::PlatformEvent::ChannelArchived(channel) => PlatformEvent::ChannelArchived {
            channel_id: ChannelId::new(channel),
        },
        t::PlatformEvent::LoginRevoked((session, user)) => PlatformEvent::LoginRevoked {
            login_session_id: session,
            user_id: UserId::new(user),
        },
    }
}

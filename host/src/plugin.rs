//! The plugin as the host's other parts see it: hooks of the platform, events of the sidecar, the clock's
//! tick. Each becomes one call of a fresh guest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;

use crate::hooks::{
    ClientMessage, CommandArgs, CommandResponse, HookFuture, Hooks, HttpRequest, HttpResponse,
    PlatformEvent, SettingError, Value,
};
use crate::media::pump::{EventHandler, HandlerFuture, NotHandled};
use crate::media::recordings::{NotPosted, PostFuture, RecordingHandler};
use crate::sandbox::{
    CallError, Counters, Limits, LoadError, ReplyInvalid, ReplyTooLarge, Sandbox, Services, grant,
    one_line, wit,
};
use crate::trace::{self, TraceId};

/// An event of the platform is tried again for so long while all instances are taken: it may take a right
/// away, and nobody tells of it twice.
const EVENT_PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const EVENT_AGAIN: Duration = Duration::from_millis(100);

/// Why the guest made no post of a recording; its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// It may work later.
    #[error("later: {0}")]
    Later(String),
    /// It never will.
    #[error("parked: {0}")]
    Parked(String),
}

/// The sandboxed plugin. Cheap to clone; all clones are one sandbox.
#[derive(Clone)]
pub struct Plugin {
    sandbox: Arc<Sandbox>,
}

impl Plugin {
    /// Loads a component.
    pub fn new(component: &[u8], services: Services, limits: Limits) -> Result<Self, LoadError> {
        Ok(Self {
            sandbox: Arc::new(Sandbox::new(component, services, limits)?),
        })
    }

    /// Calls so far, and how many had no result.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.sandbox.counters()
    }

    /// Runs a slash command.
    pub async fn on_command(&self, args: CommandArgs) -> Result<CommandResponse, CallError> {
        let args = wit::CommandArgs {
            command: args.command,
            user_id: args.user_id,
            channel_id: args.channel_id,
            team_id: args.team_id,
            root_id: args.root_id,
        };
        self.sandbox
            .run("on-command", |i| {
                Box::pin(async move {
                    let answer = i.guest.call_on_command(i.store, i.context, &args).await?;
                    within("text", answer.text.len(), grant::COMMAND_TEXT_BYTES_MAX)?;
                    within(
                        "goto-location",
                        answer.goto_location.len(),
                        grant::GOTO_BYTES_MAX,
                    )?;
                    Ok(CommandResponse {
                        text: answer.text,
                        goto_location: answer.goto_location,
                    })
                })
            })
            .await
    }

    /// Handles a client's message.
    pub async fn on_client_message(&self, message: ClientMessage) -> Result<(), CallError> {
        let data = message
            .data
            .into_iter()
            .map(|(name, value)| (name, value.into()));
        let message = wit::ClientMessage {
            action: message.action,
            connection_id: message.connection_id,
            user_id: message.user_id,
            login_session_id: message.login_session_id,
            is_mobile: message.is_mobile,
            data: data.collect(),
        };
        self.sandbox
            .run("on-client-message", |i| {
                Box::pin(async move {
                    i.guest
                        .call_on_client_message(i.store, i.context, &message)
                        .await
                })
            })
            .await
    }

    /// Answers a request under `/plugins/<id>`.
    pub async fn on_http(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let request = wit::HttpRequest {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body,
            user_id: request.user_id,
        };
        self.sandbox
            .run("on-http", |i| {
                Box::pin(async move {
                    let answer = i.guest.call_on_http(i.store, i.context, &request).await?;
                    // Not 1xx: the connection would go on as what nobody asked for (RFC 9110 section 15.2).
                    if !(200..=599).contains(&answer.status) {
                        return Err(ReplyInvalid("status").into());
                    }
                    within("body", answer.body.len(), grant::HTTP_BODY_BYTES_MAX)?;
                    within("headers", answer.headers.len(), grant::HTTP_HEADERS_MAX)?;
                    for (name, value) in &answer.headers {
                        let bytes = name.len() + value.len();
                        within("header", bytes, grant::HTTP_HEADER_BYTES_MAX)?;
                    }
                    Ok(HttpResponse {
                        status: answer.status,
                        headers: answer.headers,
                        body: answer.body,
                    })
                })
            })
            .await
    }

    /// Handles an event of the sidecar, encoded. The inner error is the guest's own wish for a repeat.
    pub async fn on_media_event(&self, event: &[u8]) -> Result<Result<(), String>, CallError> {
        let event = event.to_vec();
        self.sandbox
            .run_in_background("on-media-event", |i| {
                Box::pin(async move {
                    let done = i.guest.call_on_media_event(i.store, i.context, &event);
                    Ok(done.await?.map_err(|reason| loggable(&reason)))
                })
            })
            .await
    }

    /// Tells that the sidecar is new.
    pub async fn on_media_restart(&self, start_id: &str) -> Result<Result<(), String>, CallError> {
        let start_id = start_id.to_owned();
        self.sandbox
            .run_in_background("on-media-restart", |i| {
                Box::pin(async move {
                    let done = i.guest.call_on_media_restart(i.store, i.context, &start_id);
                    Ok(done.await?.map_err(|reason| loggable(&reason)))
                })
            })
            .await
    }

    /// Has the post of a recording (encoded) made or found; its id.
    pub async fn on_recording(
        &self,
        recording: &[u8],
    ) -> Result<Result<String, RecordingError>, CallError> {
        let recording = recording.to_vec();
        self.sandbox
            .run_in_background("on-recording", |i| {
                Box::pin(async move {
                    let done = i.guest.call_on_recording(i.store, i.context, &recording);
                    match done.await? {
                        Ok(post) => {
                            within("post-id", post.post_id.len(), grant::ID_BYTES_MAX)?;
                            Ok(Ok(post.post_id))
                        }
                        Err(wit::RecordingError::Later(reason)) => {
                            Ok(Err(RecordingError::Later(loggable(&reason))))
                        }
                        Err(wit::RecordingError::Parked(reason)) => {
                            Ok(Err(RecordingError::Parked(loggable(&reason))))
                        }
                    }
                })
            })
            .await
    }

    /// Handles an event of the platform.
    pub async fn on_platform_event(&self, event: PlatformEvent) -> Result<(), CallError> {
        let event = wit::PlatformEvent::from(event);
        self.sandbox
            .run("on-platform-event", |i| {
                Box::pin(async move {
                    i.guest
                        .call_on_platform_event(i.store, i.context, &event)
                        .await
                })
            })
            .await
    }

    /// Checks settings before they are stored.
    pub async fn on_config(
        &self,
        settings_json: &str,
    ) -> Result<Result<(), SettingError>, CallError> {
        let settings_json = settings_json.to_owned();
        let verdict = self
            .sandbox
            .run("on-config", |i| {
                Box::pin(async move {
                    i.guest
                        .call_on_config(i.store, i.context, &settings_json)
                        .await
                })
            })
            .await?;
        Ok(verdict.map_err(|error| SettingError {
            key: one_line(&error.key, grant::ID_BYTES_MAX),
            reason: loggable(&error.reason),
        }))
    }

    /// The clock's tick.
    pub async fn on_tick(&self) -> Result<(), CallError> {
        self.sandbox
            .run_in_background("on-tick", |i| {
                Box::pin(async move { i.guest.call_on_tick(i.store, i.context).await })
            })
            .await
    }
}

impl Hooks for Plugin {
    fn command(&self, args: CommandArgs) -> HookFuture<'_, CommandResponse> {
        Box::pin(traced(move |trace| async move {
            self.on_command(args)
                .await
                .unwrap_or_else(|error| CommandResponse {
                    text: apology(&error, trace),
                    goto_location: String::new(),
                })
        }))
    }

    fn client_message(&self, message: ClientMessage) -> HookFuture<'_, ()> {
        // Failures are logged by the sandbox; the client's own timeout tells the user.
        Box::pin(traced(move |_| async move {
            self.on_client_message(message).await.unwrap_or(())
        }))
    }

    fn http(&self, request: HttpRequest) -> HookFuture<'_, HttpResponse> {
        Box::pin(traced(move |trace| async move {
            self.on_http(request).await.unwrap_or_else(|error| {
                let status = if matches!(error, CallError::Busy) {
                    503
                } else {
                    500
                };
                let message = apology(&error, trace);
                let body = serde_json::json!({"message": message, "status_code": status});
                HttpResponse {
                    status,
                    headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                    body: body.to_string().into_bytes(),
                }
            })
        }))
    }

    fn platform_event(&self, event: PlatformEvent) -> HookFuture<'_, ()> {
        Box::pin(traced(move |_| async move {
            let given_up = Instant::now() + EVENT_PATIENCE;
            while let Err(CallError::Busy) = self.on_platform_event(event.clone()).await {
                if Instant::now() >= given_up {
                    tracing::error!("all instances are busy: an event of the platform is given up");
                    return;
                }
                tokio::time::sleep(EVENT_AGAIN).await;
            }
        }))
    }

    fn check_settings<'a>(
        &'a self,
        settings_json: &'a str,
    ) -> HookFuture<'a, Result<(), SettingError>> {
        Box::pin(traced(move |trace| async move {
            let settings_json =
                crate::settings::check(settings_json).map_err(|error| SettingError {
                    key: error.key,
                    reason: error.reason,
                })?;
            self.on_config(&settings_json)
                .await
                .unwrap_or_else(|error| {
                    Err(SettingError {
                        key: String::new(),
                        reason: apology(&error, trace),
                    })
                })
        }))
    }
}

impl EventHandler for Plugin {
    fn media_event<'a>(&'a self, event: &'a parley_proto::v1::Event) -> HandlerFuture<'a> {
        Box::pin(async move {
            let outcome = self.on_media_event(&event.encode_to_vec()).await;
            as_handled(outcome)
        })
    }

    fn media_restart<'a>(&'a self, start_id: &'a str) -> HandlerFuture<'a> {
        Box::pin(async move { as_handled(self.on_media_restart(start_id).await) })
    }

    fn tick(&self) -> HandlerFuture<'_> {
        Box::pin(async move { as_handled(self.on_tick().await.map(Ok)) })
    }
}

impl RecordingHandler for Plugin {
    fn post_recording<'a>(&'a self, recording: &'a parley_proto::v1::Recording) -> PostFuture<'a> {
        Box::pin(async move {
            match self.on_recording(&recording.encode_to_vec()).await {
                Ok(Ok(post_id)) => Ok(post_id),
                Ok(Err(RecordingError::Later(reason))) => Err(NotPosted::Later(reason)),
                Ok(Err(RecordingError::Parked(reason))) => Err(NotPosted::Parked(reason)),
                // A later version of the plugin may do better: never for good.
                Err(error) => {
                    tracing::debug!(%error, "a recording is not posted");
                    Err(NotPosted::Later("the plugin failed".to_owned()))
                }
            }
        })
    }
}

fn as_handled(outcome: Result<Result<(), String>, CallError>) -> Result<(), NotHandled> {
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(NotHandled::Later(reason)),
        // No fault of the event's: too much to do, or a platform that stalls.
        Err(error @ (CallError::Busy | CallError::Timeout(_))) => {
            Err(NotHandled::Later(error.to_string()))
        }
        Err(error) => Err(NotHandled::Broken(error.to_string())),
    }
}

/// Runs a hook under its trace id: the adapter's, or a new one.
async fn traced<F: Future>(hook: impl FnOnce(TraceId) -> F) -> F::Output {
    let id = TraceId::current_or_random();
    trace::scope(id, hook(id)).await
}

/// What a user reads when there is no answer: no detail, but the id under which the log has it.
fn apology(error: &CallError, trace: TraceId) -> String {
    match error {
        CallError::Busy => {
            "Calls are very busy right now. Please try again in a moment.".to_owned()
        }
        _ => format!("Something went wrong in the calls plugin (trace {trace}). Please try again."),
    }
}

/// The guest's words as they may go into a line of a log.
fn loggable(reason: &str) -> String {
    one_line(reason, grant::REASON_BYTES_MAX)
}

fn within(part: &'static str, length: usize, max: usize) -> wasmtime::Result<()> {
    if length > max {
        return Err(ReplyTooLarge(part).into());
    }
    Ok(())
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Boolean(value),
            Value::Number(value) => Self::Number(value),
            Value::Text(value) => Self::Text(value),
            Value::Bytes(value) => Self::Bytes(value),
            Value::Json(value) => Self::Json(value),
        }
    }
}

impl From<PlatformEvent> for wit::PlatformEvent {
    fn from(event: PlatformEvent) -> Self {
        match event {
            PlatformEvent::Connected {
                connection_id,
                user_id,
            } => Self::Connected((connection_id, user_id)),
            PlatformEvent::Disconnected {
                connection_id,
                user_id,
            } => Self::Disconnected((connection_id, user_id)),
            PlatformEvent::JoinedChannel {
                channel_id,
                user_id,
            } => Self::JoinedChannel((channel_id, user_id)),
            PlatformEvent::LeftChannel {
                channel_id,
                user_id,
            } => Self::LeftChannel((channel_id, user_id)),
            PlatformEvent::UserDeactivated { user_id } => Self::UserDeactivated(user_id),
            PlatformEvent::ChannelArchived { channel_id } => Self::ChannelArchived(channel_id),
            PlatformEvent::LoginRevoked {
                login_session_id,
                user_id,
            } => Self::LoginRevoked((login_session_id, user_id)),
        }
    }
}

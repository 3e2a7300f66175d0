//! Configuration, licence, ping, plugins.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::super::auth::{Auth, Body};
use super::super::error::{ApiError, ApiResult};
use super::super::{Local, SERVER_BUILD, SERVER_VERSION, access, limits, web};
use super::{Json, ok, reply};

pub(super) async fn ping() -> Json {
    reply(json!({
        "status": "OK",
        "AndroidLatestVersion": "",
        "AndroidMinVersion": "",
        "IosLatestVersion": "",
        "IosMinVersion": "",
        "ActiveSearchBackend": "none",
        "ServerVersion": SERVER_VERSION,
    }))
}

pub(super) async fn license() -> Json {
    reply(json!({"IsLicensed": "false"}))
}

/// String values only.
pub(super) async fn client_config(
    State(local): State<Arc<Local>>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Json> {
    let flag = |on: bool| if on { "true" } else { "false" };
    let mut map = json!({
        "Version": SERVER_VERSION,
        "BuildNumber": SERVER_BUILD,
        "BuildEnterpriseReady": "false",
        "SiteName": "Parley",
        "SiteURL": local.site.url,
        "WebsocketURL": "",
        "PluginsEnabled": "true",
        "DefaultClientLocale": "en",
        "AvailableLocales": "",
        "EnableOpenServer": flag(local.open_signup),
        "EnableUserCreation": flag(local.open_signup),
        "EnableSignInWithEmail": "true",
        "EnableSignInWithUsername": "true",
        "EnableSignUpWithEmail": flag(local.open_signup),
        // Ours: microphone and camera need https or a loopback address; the page says so.
        "ParleyPlainHTTP": flag(local.plain_http),
        "ParleyPluginId": local.plugin_id,
    });
    let signed_in = Auth::find(&local, &method, &headers).await?.is_some();
    if signed_in && let Value::Object(map) = &mut map {
        let more = json!({
            "TeammateNameDisplay": "nickname_full_name",
            "MaxFileSize": limits::FILE_BYTES_MAX.to_string(),
            "MaxPostSize": limits::MESSAGE_CHARS_MAX.to_string(),
            "EnableFileAttachments": "true",
            "CollapsedThreads": "default_off",
            "EnableDeveloper": "false",
            "EnableTesting": "false",
            "EnableReliableWebSockets": "true",
            "EnableUserTypingMessages": "true",
            "TimeBetweenUserTypingUpdatesMilliseconds": "5000",
            "EnableConfirmNotificationsToChannel": "false",
            "ExperimentalViewArchivedChannels": "true",
            "PasswordMinimumLength": limits::PASSWORD_BYTES.start().to_string(),
        });
        if let Value::Object(more) = more {
            map.extend(more);
        }
    }
    Ok(reply(map))
}

/// Client manifests; asked for without a session too.
pub(super) async fn webapp_plugins(State(local): State<Arc<Local>>) -> Json {
    match web::bundle_path(&local).await {
        Some(path) => reply(json!([{
            "id": local.plugin_id,
            "name": "Calls",
            "version": local.plugin_version,
            "min_server_version": "10.11.0",
            "webapp": {"bundle_path": path},
        }])),
        None => reply(json!([])),
    }
}

/// The plugin is always on here; clients are told as if it had been switched.
pub(super) async fn switch_plugin(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((id, action)): Path<(String, String)>,
) -> ApiResult<Json> {
    access::admin(&auth.user)?;
    if id != local.plugin_id {
        return Err(ApiError::not_found(
            "app.plugin.not_installed.app_error",
            "plugin",
        ));
    }
    match action.as_str() {
        "enable" => Ok(ok()),
        "disable" => Err(ApiError::bad(
            "app.plugin.deactivate.app_error",
            "This server exists for the plugin: it can not be disabled.",
        )),
        _ => Err(ApiError::no_route()),
    }
}

pub(super) async fn config(State(local): State<Arc<Local>>, auth: Auth) -> ApiResult<Json> {
    access::admin(&auth.user)?;
    Ok(reply(local.whole_config().await?))
}

/// Stores the configuration; the plugin's part is checked by the plugin first.
pub(super) async fn put_config(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(new): Body<serde_json::Map<String, Value>>,
) -> ApiResult<Json> {
    access::admin(&auth.user)?;
    local.put_config(Value::Object(new)).await?;
    Ok(reply(local.whole_config().await?))
}

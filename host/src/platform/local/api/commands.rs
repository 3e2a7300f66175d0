//! Slash commands: they run in the plugin; autocomplete comes from its data.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{self, Action};
use super::super::auth::{Auth, Body};
use super::super::error::{ApiError, ApiResult};
use super::super::ids::new_id;
use super::super::store::posts;
use super::super::{Local, ephemeral, limits};
use super::{Json, id, reply};
use crate::hooks::CommandArgs;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Execute {
    command: String,
    channel_id: String,
    team_id: String,
    root_id: String,
}

pub(super) async fn execute(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(body): Body<Execute>,
) -> ApiResult<Json> {
    let command = body.command.trim().to_owned();
    if command.len() < 2 || !command.starts_with('/') || command.len() > limits::COMMAND_BYTES_MAX {
        return Err(ApiError::body("command"));
    }
    id(&body.channel_id, "channel_id").map_err(|_| ApiError::body("channel_id"))?;
    let (asking, channel_id, root_id) = (
        auth.user.clone(),
        body.channel_id.clone(),
        body.root_id.clone(),
    );
    let channel = local
        .db
        .run(move |tx| {
            // Archived channels pass: the plugin has a better text for them than we have.
            let channel = access::channel(tx, &asking, &channel_id, Action::Read)?;
            if channel.delete_at == 0 {
                access::channel(tx, &asking, &channel_id, Action::Post)?;
            }
            if !root_id.is_empty() && posts::get_live(tx, &root_id)?.channel_id != channel_id {
                return Err(ApiError::body("root_id"));
            }
            Ok(channel)
        })
        .await?;
    let trigger = command[1..]
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let hooks = local.hooks().filter(|_| trigger == local.trigger);
    let Some(hooks) = hooks else {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "api.command.execute_command.not_found.app_error",
            format!(
                "Command with a trigger of '/{trigger}' not found. To send a message beginning \
                 with \"/\" try adding an empty space at the beginning of the message."
            ),
        ));
    };
    let team_id = if channel.team_id.is_empty() {
        body.team_id
    } else {
        channel.team_id
    };
    let turn = local.turns.of(&auth.user.id).await;
    let answer = hooks
        .command(CommandArgs {
            command,
            user_id: auth.user.id.clone(),
            channel_id: body.channel_id.clone(),
            team_id,
            root_id: body.root_id.clone(),
        })
        .await;
    drop(turn);
    if !answer.text.is_empty() {
        let post = ephemeral::post(
            local.clock.now_ms(),
            &auth.user.id,
            &body.channel_id,
            &body.root_id,
            &answer.text,
            &json!({}),
        );
        ephemeral::send(&local, &auth.user.id, &body.channel_id, &post).await?;
    }
    Ok(reply(json!({
        "response_type": "ephemeral",
        "text": answer.text,
        "username": "",
        "channel_id": body.channel_id,
        "icon_url": "",
        "type": "",
        "props": {},
        "goto_location": answer.goto_location,
        "trigger_id": new_id(),
        "skip_slack_parsing": false,
        "attachments": null,
        "extra_responses": null,
    })))
}

pub(super) async fn autocomplete(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(team): Path<String>,
) -> ApiResult<Json> {
    let data = (local.autocomplete)(&auth.user.locale);
    in_team(&local, auth, team).await?;
    if !data.is_object() {
        return Ok(reply(json!([])));
    }
    let text = |key: &str| data[key].as_str().unwrap_or_default();
    Ok(reply(json!([{
        "id": "",
        "create_at": 0,
        "update_at": 0,
        "delete_at": 0,
        "creator_id": "",
        "team_id": "",
        "trigger": local.trigger,
        "method": "",
        "username": "",
        "icon_url": "",
        "auto_complete": true,
        "auto_complete_desc": text("HelpText"),
        "auto_complete_hint": text("Hint"),
        "display_name": local.trigger,
        "description": text("HelpText"),
        "url": "",
        "plugin_id": local.plugin_id,
        "autocomplete_data": data,
    }])))
}

#[derive(Deserialize)]
pub(super) struct SuggestQuery {
    #[serde(default)]
    user_input: String,
}

pub(super) async fn suggestions(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(team): Path<String>,
    Query(query): Query<SuggestQuery>,
) -> ApiResult<Json> {
    let admin = auth.user.is_admin();
    let data = (local.autocomplete)(&auth.user.locale);
    in_team(&local, auth, team).await?;
    if query.user_input.is_empty() || query.user_input.len() > limits::COMMAND_BYTES_MAX {
        return Err(ApiError::url("user_input"));
    }
    let input = query
        .user_input
        .strip_prefix('/')
        .unwrap_or(&query.user_input);
    let roots = std::slice::from_ref(&data);
    let mut found = suggest(roots, "", input, admin);
    found.truncate(limits::SUGGESTIONS_MAX);
    Ok(reply(found))
}

async fn in_team(local: &Local, auth: Auth, team: String) -> ApiResult<()> {
    id(&team, "team_id")?;
    local
        .db
        .run(move |tx| access::team(tx, &auth.user, &team))
        .await
}

/// Mattermost's way: words that are complete descend, the last one is a prefix.
fn suggest(commands: &[Value], parsed: &str, rest: &str, admin: bool) -> Vec<Value> {
    let text = |data: &Value, key: &str| data[key].as_str().unwrap_or_default().to_owned();
    let visible = |data: &&Value| data["RoleID"] != "system_admin" || admin;
    let Some((word, after)) = rest.split_once(' ') else {
        return commands
            .iter()
            .filter(visible)
            .filter(|data| {
                let trigger = text(data, "Trigger");
                !trigger.is_empty() && trigger.starts_with(&rest.to_lowercase())
            })
            .map(|data| {
                let trigger = text(data, "Trigger");
                json!({
                    "Complete": format!("{parsed}{trigger}"),
                    "Suggestion": trigger,
                    "Hint": text(data, "Hint"),
                    "Description": text(data, "HelpText"),
                    "IconData": "",
                })
            })
            .collect();
    };
    let Some(command) = commands
        .iter()
        .filter(visible)
        .find(|data| text(data, "Trigger") == word.to_lowercase())
    else {
        return Vec::new();
    };
    let parsed = format!("{parsed}{word} ");
    if let Some(children) = command["SubCommands"]
        .as_array()
        .filter(|list| !list.is_empty())
    {
        return suggest(children, &parsed, after.trim_start(), admin);
    }
    arguments(command, &parsed, after)
}

/// A hint for the free text that follows, or the values of a list.
fn arguments(command: &Value, parsed: &str, typed: &str) -> Vec<Value> {
    let Some(argument) = command["Arguments"]
        .as_array()
        .and_then(|list| list.first())
    else {
        return Vec::new();
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if argument["Type"] == "StaticList" {
        let items = argument["Data"]["PossibleArguments"].as_array();
        return items
            .into_iter()
            .flatten()
            .filter(|item| text(&item["Item"]).starts_with(typed))
            .map(|item| {
                let value = text(&item["Item"]);
                json!({
                    "Complete": format!("{parsed}{value}"),
                    "Suggestion": value,
                    "Hint": text(&item["Hint"]),
                    "Description": text(&item["HelpText"]),
                    "IconData": "",
                })
            })
            .collect();
    }
    vec![json!({
        "Complete": format!("{parsed}{typed}"),
        "Suggestion": "",
        "Hint": text(&argument["Data"]["Hint"]),
        "Description": text(&argument["HelpText"]),
        "IconData": "",
    })]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Value {
        json!({
            "Trigger": "call", "Hint": "[command]", "HelpText": "Calls", "RoleID": "",
            "Arguments": [],
            "SubCommands": [
                {"Trigger": "start", "Hint": "[title]", "HelpText": "Start", "SubCommands": [],
                 "Arguments": [{"Type": "TextInput", "HelpText": "Title", "Data": {"Hint": "title"}}]},
                {"Trigger": "stats", "Hint": "", "HelpText": "Stats", "SubCommands": []},
                {"Trigger": "secret", "Hint": "", "HelpText": "", "RoleID": "system_admin"},
            ],
        })
    }

    fn complete(input: &str, admin: bool) -> Vec<String> {
        suggest(&[data()], "", input, admin)
            .iter()
            .map(|s| s["Complete"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn words_descend_and_the_last_is_a_prefix() {
        assert_eq!(complete("ca", false), ["call"]);
        assert_eq!(complete("call", false), ["call"]);
        assert_eq!(complete("call st", false), ["call start", "call stats"]);
        assert_eq!(
            complete("call ", true),
            ["call start", "call stats", "call secret"]
        );
        assert_eq!(complete("call se", false), Vec::<String>::new());
        assert_eq!(complete("call start We", false), ["call start We"]);
        assert_eq!(complete("other ", false), Vec::<String>::new());
    }
}

//! What the platform suggests while somebody types `/call`, in Mattermost's AutocompleteData shape.

use serde_json::{Value, json};

/// The autocomplete tree of `/call`.
pub fn autocomplete() -> Value {
    let commands = [
        ("start", "[title]", "Start a call in this channel or thread"),
        ("join", "", "Join the call of this channel"),
        ("leave", "", "Leave the call of this channel"),
        (
            "end",
            "",
            "End the call for everyone (host or system admin)",
        ),
        ("link", "", "Show the link to the calls of this channel"),
        ("stats", "", "Show the statistics of your last call"),
        ("help", "", "Show what the call commands do"),
    ];
    let children: Vec<Value> = commands
        .iter()
        .map(|(trigger, hint, help)| {
            let arguments = if hint.is_empty() {
                json!([])
            } else {
                json!([{
                    "Name": "",
                    "HelpText": "Title of the call",
                    "Type": "TextInput",
                    "Required": false,
                    "Data": { "Hint": hint, "Pattern": "" },
                }])
            };
            node(trigger, hint, help, arguments, json!([]))
        })
        .collect();
    node(
        "call",
        "[command]",
        "Voice, video and screen sharing",
        json!([]),
        Value::Array(children),
    )
}

fn node(trigger: &str, hint: &str, help: &str, arguments: Value, children: Value) -> Value {
    json!({
        "Trigger": trigger,
        "Hint": hint,
        "HelpText": help,
        "RoleID": "system_user",
        "Arguments": arguments,
        "SubCommands": children,
    })
}

//! What the platform suggests while somebody types `/call`, in Mattermost's AutocompleteData shape.

use serde_json::{Value, json};

use crate::text::{Lang, Text};

/// The autocomplete tree of `/call` for readers of this locale: the user's where the platform asks for each
/// user, else the server's.
pub fn autocomplete(locale: &str) -> Value {
    let lang = Lang::of(locale);
    let commands = [
        (
            "start",
            Some((Text::SuggestStartHint, Text::SuggestTitle)),
            Text::SuggestStart,
        ),
        ("join", None, Text::SuggestJoin),
        ("leave", None, Text::SuggestLeave),
        ("end", None, Text::SuggestEnd),
        (
            "host",
            Some((Text::SuggestHostHint, Text::SuggestHostWho)),
            Text::SuggestHost,
        ),
        ("recording", None, Text::SuggestRecording),
        ("link", None, Text::SuggestLink),
        ("stats", None, Text::SuggestStats),
        ("logs", None, Text::SuggestLogs),
        ("help", None, Text::SuggestHelp),
    ];
    let children: Vec<Value> = commands
        .into_iter()
        .map(|(trigger, argument, help)| {
            let (hint, arguments) = match argument {
                None => ("", json!([])),
                Some((hint, what)) => {
                    let hint = hint.get(lang);
                    let argument = json!([{
                        "Name": "",
                        "HelpText": what.get(lang),
                        "Type": "TextInput",
                        "Required": false,
                        "Data": { "Hint": hint, "Pattern": "" },
                    }]);
                    (hint, argument)
                }
            };
            let (hint, below) = match trigger {
                "recording" => (Text::SuggestRecordingHint.get(lang), recording(lang)),
                _ => (hint, json!([])),
            };
            node(trigger, hint, help.get(lang), arguments, below)
        })
        .collect();
    node(
        "call",
        Text::SuggestCallHint.get(lang),
        Text::SuggestCall.get(lang),
        json!([]),
        Value::Array(children),
    )
}

fn recording(lang: Lang) -> Value {
    let verbs = [
        ("start", Text::SuggestRecordingStart),
        ("stop", Text::SuggestRecordingStop),
    ];
    verbs
        .into_iter()
        .map(|(trigger, help)| node(trigger, "", help.get(lang), json!([]), json!([])))
        .collect()
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

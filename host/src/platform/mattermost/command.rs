//! `/call` as the server registers it: suggestions from the one tree that the plugin makes.

use parley_goplugin::gob::{Any, Registered};
use serde_json::Value;

use super::wire::{AutocompleteArg, AutocompleteData, Command, TextArg};

/// The role without which ordinary users get no suggestions.
const EVERYBODY: &str = "system_user";

/// The command, its texts in the server's language.
pub(super) fn command(locale: &str) -> Command {
    let tree = data(&parley_component::autocomplete(locale));
    Command {
        trigger: tree.trigger.clone(),
        auto_complete: true,
        auto_complete_desc: tree.help_text.clone(),
        auto_complete_hint: tree.hint.clone(),
        display_name: tree.trigger.clone(),
        description: tree.help_text.clone(),
        autocomplete_data: Some(tree),
    }
}

fn data(node: &Value) -> AutocompleteData {
    AutocompleteData {
        trigger: text(node, "Trigger"),
        hint: text(node, "Hint"),
        help_text: text(node, "HelpText"),
        role_id: EVERYBODY.to_owned(),
        arguments: list(node, "Arguments").filter_map(argument).collect(),
        sub_commands: list(node, "SubCommands").map(data).collect(),
    }
}

/// The server takes no optional argument without a name; the command's hint says what may follow.
fn argument(node: &Value) -> Option<AutocompleteArg> {
    let required = node["Required"].as_bool().unwrap_or_default();
    let name = text(node, "Name");
    if name.is_empty() && !required {
        return None;
    }
    let data = TextArg {
        hint: text(&node["Data"], "Hint"),
        pattern: text(&node["Data"], "Pattern"),
    };
    Some(AutocompleteArg {
        name,
        help_text: text(node, "HelpText"),
        kind: text(node, "Type"),
        required,
        data: Any::Registered(Registered::new("*model.AutocompleteTextArg", data)),
    })
}

fn text(node: &Value, key: &str) -> String {
    node[key].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(node: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    node[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_suggestions_that_a_server_takes() {
        let command = command("de");
        assert_eq!(command.trigger, "call");
        let tree = command.autocomplete_data.unwrap();
        assert!(tree.sub_commands.iter().any(|sub| sub.trigger == "start"));
        let mut nodes = vec![&tree];
        while let Some(node) = nodes.pop() {
            assert_eq!(node.role_id, EVERYBODY, "{}", node.trigger);
            assert!(node.arguments.is_empty() || node.sub_commands.is_empty());
            for argument in &node.arguments {
                assert!(!argument.name.is_empty() || argument.required);
            }
            nodes.extend(&node.sub_commands);
        }
    }

    #[test]
    fn an_argument_that_the_server_would_refuse_is_left_out() {
        let node = |name: &str, required: bool| {
            serde_json::json!({"Name": name, "Required": required, "Type": "TextInput",
                               "HelpText": "", "Data": {"Hint": "h", "Pattern": ""}})
        };
        assert!(argument(&node("", false)).is_none());
        assert!(argument(&node("", true)).is_some());
        assert!(argument(&node("title", false)).is_some());
    }
}

//! A slash command and what is suggested while it is typed.

use parley_goplugin::gob::Any;
use parley_goplugin::gob_struct;

gob_struct! {
    pub(crate) struct Command = "Command" {
        trigger: String = "Trigger",
        auto_complete: bool = "AutoComplete",
        auto_complete_desc: String = "AutoCompleteDesc",
        auto_complete_hint: String = "AutoCompleteHint",
        display_name: String = "DisplayName",
        description: String = "Description",
        autocomplete_data: Option<AutocompleteData> = "AutocompleteData",
    }

    pub(crate) struct AutocompleteData = "AutocompleteData" {
        trigger: String = "Trigger",
        hint: String = "Hint",
        help_text: String = "HelpText",
        role_id: String = "RoleID",
        arguments: Vec<AutocompleteArg> = "Arguments",
        sub_commands: Vec<AutocompleteData> = "SubCommands",
    }

    pub(crate) struct AutocompleteArg = "AutocompleteArg" {
        name: String = "Name",
        help_text: String = "HelpText",
        kind: String = "Type",
        required: bool = "Required",
        data: Any = "Data",
    }

    /// Registered as `*model.AutocompleteTextArg`.
    pub(crate) struct TextArg = "AutocompleteTextArg" {
        hint: String = "Hint",
        pattern: String = "Pattern",
    }
}

//! The guest as a WebAssembly component, built by this crate's build script.

/// The component's bytes, for the host's sandbox.
pub const COMPONENT: &[u8] = include_bytes!(env!("PARLEY_COMPONENT"));

/// What the platform suggests while somebody types the slash command, in Mattermost's AutocompleteData shape,
/// in the language of a locale.
#[must_use]
pub fn autocomplete(locale: &str) -> serde_json::Value {
    parley_plugin::autocomplete(locale)
}

//! The table of settings in docs/admin.md says what the settings are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use serde_json::Value;

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).expect(name)
}

#[test]
fn every_setting_has_its_line_and_no_other_has() {
    let manifest: Value = serde_json::from_str(&read("manifest.json")).unwrap();
    let settings = manifest["settings_schema"]["settings"].as_array().unwrap();
    // What comes between is when a change takes effect.
    let lines: Vec<(String, String)> = settings
        .iter()
        .map(|setting| {
            let default = match &setting["default"] {
                Value::String(text) if text.is_empty() => "empty".to_owned(),
                other => format!("`{other}`"),
            };
            let text = |name: &str| setting[name].as_str().unwrap().to_owned();
            let key = text("key");
            let (title, help) = (text("display_name"), text("help_text"));
            let variable = parley_settings::variable_of(&key);
            (
                format!("| `{key}` | {default} | `{variable}` | "),
                format!(" | {title}: {help} |"),
            )
        })
        .collect();
    let docs = read("docs/admin.md");
    let (_, table) = docs
        .split_once("| name | default | environment | a change takes effect | meaning |\n|---|---|---|---|---|\n")
        .expect("the table");
    let written: Vec<&str> = table.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(written.len(), lines.len());
    for (line, (begin, end)) in written.into_iter().zip(lines) {
        let when = line
            .strip_prefix(&*begin)
            .and_then(|rest| rest.strip_suffix(&*end));
        let said = when.is_some_and(|when| !when.trim().is_empty() && !when.contains('|'));
        assert!(said, "{line}\nshould be\n{begin}when{end}");
    }
}

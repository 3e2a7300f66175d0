//! Prints `settings_schema` for manifest.json (`cargo xtask codegen`).

use std::io::Write;

fn main() -> anyhow::Result<()> {
    let schema = parley_settings::schema::settings_schema()?;
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::to_string_pretty(&schema)?
    )?;
    Ok(())
}

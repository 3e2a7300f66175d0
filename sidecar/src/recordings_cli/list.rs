//! `recordings list`.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use parley_recorder::store::{Surveyed, survey};
use parley_recorder::vfs::Disk;
use serde_json::{Value, json};

use super::{Failed, told};

pub(super) fn run(root: &Path, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let all = survey(&Disk, root)
        .map_err(|error| Failed::system(format!("{}: {error}", root.display())))?;
    let text = if json {
        let all: Vec<Value> = all.iter().map(as_json).collect();
        format!("{:#}\n", Value::from(all))
    } else if all.is_empty() {
        "no recordings\n".to_owned()
    } else {
        table(&all)
    };
    out.write_all(text.as_bytes()).map_err(|error| told(&error))
}

/// The state as it is kept, with what else is known.
fn as_json(surveyed: &Surveyed) -> Value {
    let mut value = match &surveyed.state {
        Ok(state) => serde_json::to_value(state).unwrap_or_default(),
        Err(why) => json!({"stage": "damaged", "failure": why}),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert("recording_id".to_owned(), surveyed.name.clone().into());
        fields.insert("disk_bytes".to_owned(), surveyed.disk_bytes.into());
    }
    value
}

fn table(all: &[Surveyed]) -> String {
    let heads = [
        "ID",
        "STATE",
        "STARTED (UTC)",
        "LENGTH",
        "FILES",
        "ON DISK",
        "PROBLEM",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(all.iter().map(row));
    let widths: Vec<usize> = (0..heads.len())
        .map(|at| {
            rows.iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn row(surveyed: &Surveyed) -> [String; 7] {
    let name = surveyed.name.escape_debug().to_string();
    let disk = bytes(surveyed.disk_bytes);
    let none = || "-".to_owned();
    match &surveyed.state {
        Ok(state) => [
            name,
            state.stage.name().to_owned(),
            utc(state.about.started_at_ms),
            state.ended_at_ms.map_or_else(none, |end| {
                length(end.saturating_sub(state.about.started_at_ms))
            }),
            state.files.len().to_string(),
            disk,
            // A reason of an earlier try that then went well is none.
            state.failure.clone(),
        ],
        Err(why) => [
            name,
            "DAMAGED".to_owned(),
            none(),
            none(),
            none(),
            disk,
            why.clone(),
        ],
    }
}

fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

fn length(ms: u64) -> String {
    let seconds = ms / 1000;
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Such as `2026-11-22 01:05`.
fn utc(unix_ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms));
    let Some(at) = at else {
        return "-".to_owned();
    };
    let at = time::OffsetDateTime::from(at);
    let (date, hour, minute) = (at.date(), at.hour(), at.minute());
    format!("{date} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_people() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(5 << 40), "5120.0 GiB");
        assert_eq!(length(3_661_999), "1:01:01");
        assert_eq!(utc(1_795_309_500_000), "2026-11-22 01:05");
    }
}

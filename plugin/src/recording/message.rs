//! What the post of a recording says.

use time::OffsetDateTime;

use crate::env::Env;
use crate::media::{MadeRecording, RecordingEnd, RecordingFile, RecordingTrouble};
use crate::text::{Lang, Text, escape_markdown, fill};

/// Most names in a post.
const NAMES_MAX: usize = 20;
/// Most parts whose times a post says.
const PARTS_MAX: usize = 50;

/// The message of the first post.
pub(super) fn first(env: &dyn Env, made: &MadeRecording, lang: Lang) -> String {
    let title = escape_markdown(&made.labels.title);
    let heading = match title.as_str() {
        "" => Text::PostRecording.get(lang).to_owned(),
        title => fill(Text::PostRecordingOf.get(lang), &[("title", title)]),
    };
    let mut lines = vec![format!("**{heading}**"), facts(made, lang)];
    lines.extend(names(env, made, lang));
    lines.extend(parts(made, lang));
    lines.extend(notes(made, lang));
    lines.join("\n")
}

/// The message of the `n`th of `count` posts.
pub(super) fn more(n: usize, count: usize, lang: Lang) -> String {
    let values = [("n", &*n.to_string()), ("count", &*count.to_string())];
    let heading = fill(Text::PostRecordingMore.get(lang), &values);
    format!("**{heading}**")
}

fn facts(made: &MadeRecording, lang: Lang) -> String {
    let media_ends = media(made).map(|file| file.starts_at_ms + file.duration_ms);
    let lasted_ms = u64::try_from(made.ended_at - made.started_at).unwrap_or_default();
    let length = clock(media_ends.max().unwrap_or(lasted_ms));
    let start = utc(made.started_at);
    let values = [("start", start.as_str()), ("length", length.as_str())];
    fill(Text::PostRecordingFacts.get(lang), &values)
}

fn names(env: &dyn Env, made: &MadeRecording, lang: Lang) -> Option<String> {
    let shown = made.participants.iter().take(NAMES_MAX);
    let found = shown.filter_map(|id| env.user(id).ok());
    let known: Vec<String> = found
        .map(|user| escape_markdown(user.shown_name()))
        .collect();
    if known.is_empty() {
        return None;
    }
    let others = made.participants.len() - known.len();
    let mut names = known.join(", ");
    if others > 0 {
        let values = [("names", names.as_str()), ("count", &*others.to_string())];
        names = fill(Text::PostRecordingOthers.get(lang), &values);
    }
    Some(fill(
        Text::PostRecordingWith.get(lang),
        &[("names", &names)],
    ))
}

/// Where each part begins, if there are several.
fn parts(made: &MadeRecording, lang: Lang) -> Option<String> {
    let count = media(made).count();
    if count < 2 {
        return None;
    }
    let starts = media(made).take(PARTS_MAX);
    let mut parts: Vec<String> = starts.map(|file| clock(file.starts_at_ms)).collect();
    if count > PARTS_MAX {
        parts.push("…".to_owned());
    }
    let (count, parts) = (count.to_string(), parts.join(", "));
    let values = [("count", count.as_str()), ("parts", parts.as_str())];
    Some(fill(Text::PostRecordingParts.get(lang), &values))
}

/// What is missing in it, and why it ends where it does.
fn notes(made: &MadeRecording, lang: Lang) -> Vec<String> {
    let mut notes = Vec::new();
    if media(made).next().is_none() {
        notes.push(Text::PostRecordingEmpty.get(lang).to_owned());
    }
    match made.gaps {
        0 => {}
        1 => notes.push(Text::PostRecordingGap.get(lang).to_owned()),
        gaps => {
            let values = [("count", &*gaps.to_string())];
            notes.push(fill(Text::PostRecordingGaps.get(lang), &values));
        }
    }
    let lost = match made.trouble {
        RecordingTrouble::None | RecordingTrouble::Stopped => None,
        RecordingTrouble::VideoDropped => Some(Text::PostVideoDropped),
        RecordingTrouble::AudioDropped => Some(Text::PostAudioDropped),
        RecordingTrouble::AudioOnly => Some(Text::PostAudioOnly),
    };
    let ended = match made.end {
        _ if made.trouble == RecordingTrouble::Stopped => Some(Text::PostBroken),
        RecordingEnd::Disk => Some(Text::PostBroken),
        RecordingEnd::Crash | RecordingEnd::Internal => Some(Text::PostInterrupted),
        RecordingEnd::Limit => Some(Text::PostLimit),
        RecordingEnd::Stopped | RecordingEnd::CallEnded => None,
    };
    let texts = lost.into_iter().chain(ended);
    notes.extend(texts.map(|text| text.get(lang).to_owned()));
    notes
}

fn media(made: &MadeRecording) -> impl Iterator<Item = &RecordingFile> {
    made.files.iter().filter(|file| !file.is_text)
}

/// `59:07` or `1:02:03`.
fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// `2026-11-22 01:30`.
fn utc(unix_ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute) = (at.hour(), at.minute());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_read_them() {
        for (ms, text) in [
            (0, "0:00"),
            (59_999, "0:59"),
            (3_599_000, "59:59"),
            (3_723_000, "1:02:03"),
        ] {
            assert_eq!(clock(ms), text);
        }
        assert_eq!(utc(0), "1970-01-01 00:00");
        assert_eq!(utc(1_700_000_000_000), "2023-11-14 22:13");
        assert_eq!(utc(-1), "1969-12-31 23:59");
    }
}

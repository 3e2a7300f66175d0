//! Who spoke when, as WebVTT.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

/// The file's name.
pub(crate) const NAME: &str = "speakers.vtt";
/// Mean square from which somebody speaks: -43 dBFS …
const ON: f32 = 5e-5;
/// … and below which nobody does.
const OFF: f32 = 1e-5;
/// µs of quiet that are no pause yet.
const PAUSE: i64 = 1_500_000;
/// µs below which it was a click.
const LEAST: i64 = 200_000;
/// µs of the longest cue: later ones wait for it, as cues are in order of their beginnings.
const MOST: i64 = 60_000_000;
/// Text that is kept in memory, bytes.
const TEXT_MAX: usize = 16 * 1024;
/// Characters of a name.
const NAME_MAX: usize = 200;

/// Writes cues in order.
pub(crate) struct Captions {
    speaking: BTreeMap<usize, Speaking>,
    /// Ended, but an earlier one has not.
    waiting: Vec<(i64, i64, String)>,
    text: String,
}

struct Speaking {
    since: i64,
    last: i64,
    name: String,
}

impl Captions {
    pub(crate) fn new() -> Self {
        Self {
            speaking: BTreeMap::new(),
            waiting: Vec::new(),
            text: "WEBVTT\n\n".to_owned(),
        }
    }

    /// Speaker number `who` had this mean square in the 20 ms at `at` µs.
    pub(crate) fn hear(&mut self, who: usize, name: &str, at: i64, power: f32) {
        match self.speaking.get_mut(&who) {
            Some(speaking) if power > OFF => {
                speaking.last = at;
                if at - speaking.since >= MOST {
                    self.stop(who);
                }
            }
            None if power > ON => {
                let speaking = Speaking {
                    since: at,
                    last: at,
                    name: cleaned(name),
                };
                self.speaking.insert(who, speaking);
            }
            _ => {}
        }
    }

    /// Time passes: ends what is over at `at` µs.
    pub(crate) fn pass(&mut self, at: i64) {
        while let Some((&who, _)) = self
            .speaking
            .iter()
            .find(|(_, speaking)| at - speaking.last > PAUSE)
        {
            self.stop(who);
        }
    }

    /// Nothing was recorded from `from` to `to` µs.
    pub(crate) fn gap(&mut self, from: i64, to: i64) {
        self.stop_all();
        self.add(from, to, "[not recorded]".to_owned());
    }

    /// Writes what is complete, if it is much or `all` is wanted.
    pub(crate) fn write(&mut self, file: &mut impl Write, all: bool) -> io::Result<()> {
        if all || self.text.len() > TEXT_MAX {
            file.write_all(self.text.as_bytes())?;
            self.text.clear();
        }
        Ok(())
    }

    pub(crate) fn stop_all(&mut self) {
        while let Some((&who, _)) = self.speaking.first_key_value() {
            self.stop(who);
        }
        self.emit();
    }

    fn stop(&mut self, who: usize) {
        if let Some(it) = self.speaking.remove(&who) {
            let end = it.last + 20_000;
            if end - it.since >= LEAST {
                self.add(it.since, end, format!("<v {0}>{0}", it.name));
            } else {
                self.emit();
            }
        }
    }

    fn add(&mut self, from: i64, to: i64, text: String) {
        let place = self.waiting.partition_point(|cue| cue.0 <= from);
        self.waiting.insert(place, (from, to, text));
        self.emit();
    }

    /// Appends the cues before which none can begin any more.
    fn emit(&mut self) {
        let open = self.speaking.values().map(|it| it.since).min();
        let ready = match open {
            Some(open) => self.waiting.partition_point(|cue| cue.0 <= open),
            None => self.waiting.len(),
        };
        for (from, to, text) in self.waiting.drain(..ready) {
            // Writing to a string cannot fail.
            let _ = write!(
                self.text,
                "{} --> {}\n{text}\n\n",
                time(from),
                time(to.max(from + 1_000))
            );
        }
    }
}

/// WebVTT section 4.3 (timestamps).
fn time(micros: i64) -> String {
    let ms = micros / 1_000;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1_000 % 60,
        ms % 1_000
    )
}

/// A name as it may stand in a voice span and in text.
fn cleaned(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().chars().take(NAME_MAX) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => out.push(' '),
            c => out.push(c),
        }
    }
    if out.is_empty() { "?".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(captions: &mut Captions) -> String {
        let mut out = Vec::new();
        captions.stop_all();
        captions.write(&mut out, true).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn speak(captions: &mut Captions, who: usize, name: &str, from_ms: i64, to_ms: i64) {
        for at in (from_ms..to_ms).step_by(20) {
            captions.hear(who, name, at * 1_000, 0.01);
            captions.pass(at * 1_000);
        }
    }

    #[test]
    fn short_pauses_are_merged_and_clicks_left_out() {
        let mut captions = Captions::new();
        speak(&mut captions, 0, "Ann", 1_000, 3_000);
        speak(&mut captions, 0, "Ann", 4_000, 5_000);
        speak(&mut captions, 1, "Bob", 8_000, 8_040);
        speak(&mut captions, 0, "Ann", 3_600_000, 3_601_000);
        assert_eq!(
            text(&mut captions),
            "WEBVTT\n\n00:00:01.000 --> 00:00:05.000\n<v Ann>Ann\n\n\
             01:00:00.000 --> 01:00:01.000\n<v Ann>Ann\n\n"
        );
    }

    #[test]
    fn cues_are_in_order_of_their_beginnings() {
        let mut captions = Captions::new();
        for at in (0..10_000).step_by(20) {
            captions.hear(0, "Ann", at * 1_000, 0.01);
            if (1_000..2_000).contains(&at) {
                captions.hear(1, "Bob", at * 1_000, 0.01);
            }
            captions.pass(at * 1_000);
        }
        let text = text(&mut captions);
        assert!(
            text.find("Ann").unwrap() < text.find("Bob").unwrap(),
            "{text}"
        );
        assert!(text.contains("00:00:01.000 --> 00:00:02.000\n<v Bob>Bob"));
    }

    #[test]
    fn a_name_cannot_forge_cues() {
        let mut captions = Captions::new();
        speak(&mut captions, 0, "<b>&\n\n00:00 --> 01:00\r", 0, 1_000);
        captions.gap(2_000_000, 5_000_000);
        assert_eq!(
            text(&mut captions),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n\
             <v &lt;b&gt;&amp;  00:00 --&gt; 01:00>&lt;b&gt;&amp;  00:00 --&gt; 01:00\n\n\
             00:00:02.000 --> 00:00:05.000\n[not recorded]\n\n"
        );
    }
}

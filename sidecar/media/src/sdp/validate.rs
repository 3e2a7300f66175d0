//! Refuses session descriptions that are known to hurt a parser or that no client of ours makes.

use std::collections::{BTreeMap, BTreeSet};

use super::text::{lines_with_ends, without_end};

/// Named limits of a description.
#[derive(Debug, Clone, Copy)]
pub struct SdpLimits {
    /// Whole text, bytes.
    pub bytes_max: usize,
    /// Lines of all kinds: short ones cost more than their bytes.
    pub lines_max: usize,
    /// `m=` lines.
    pub m_lines_max: usize,
    /// `a=candidate` lines (they are dropped unread afterwards).
    pub candidates_max: usize,
    /// One line, bytes.
    pub line_bytes_max: usize,
    /// `a=ssrc` lines per m-line.
    pub ssrc_lines_max: usize,
}

impl Default for SdpLimits {
    fn default() -> Self {
        Self {
            bytes_max: 256 * 1024,
            // Browsers write up to 100 per m-line.
            lines_max: 10_000,
            m_lines_max: 64,
            candidates_max: 100,
            line_bytes_max: 4 * 1024,
            ssrc_lines_max: 64,
        }
    }
}

/// What is wrong with a description; `line` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// A named limit.
    #[error("too much of {0}")]
    TooMany(&'static str),
    /// A line that breaks the grammar.
    #[error("line {line}: {what}")]
    Malformed {
        /// Where.
        line: usize,
        /// Why.
        what: &'static str,
    },
    /// Something that must be unique is not.
    #[error("line {line}: {what} repeats")]
    Duplicate {
        /// Where.
        line: usize,
        /// What.
        what: &'static str,
    },
}

/// Longest `a=mid`: it travels in a one-byte header extension (RFC 8285 section 4.2).
const MID_BYTES_MAX: usize = 16;
/// `a=rid` lines per m-line.
const RIDS_MAX: usize = 8;
/// `a=group` lines.
const GROUPS_MAX: usize = 4;
/// RFC 3550 section 5.1: seven bits.
const PAYLOAD_TYPES: usize = 128;
/// Digits of any number in `fmtp`, `ptime` and the like: all of them fit 32 bits.
const DIGITS_MAX: usize = 9;

/// Passes what str0m may be given. Linear in the text: a refusal costs well under 5 ms.
pub fn validate(sdp: &str, limits: &SdpLimits) -> Result<(), SdpError> {
    if sdp.len() > limits.bytes_max {
        return Err(SdpError::TooMany("bytes"));
    }
    let mut checker = Checker {
        limits,
        line: 0,
        m_lines: 0,
        candidates: 0,
        groups: 0,
        mids: BTreeSet::new(),
        bundle: [None; PAYLOAD_TYPES],
        repairs: BTreeMap::new(),
        repaired: BTreeMap::new(),
        extensions: [None; 256],
        section: SectionChecks::default(),
    };
    for line in lines_with_ends(sdp) {
        checker.line += 1;
        if checker.line > limits.lines_max {
            return Err(SdpError::TooMany("lines"));
        }
        checker.check(without_end(line))?;
    }
    if checker.m_lines == 0 {
        return Err(checker.malformed("no media"));
    }
    Ok(())
}

/// State over all sections: they share one transport (BUNDLE), so payload types and header
/// extension ids mean the same in each (RFC 9143 section 9.1).
struct Checker<'a> {
    limits: &'a SdpLimits,
    line: usize,
    m_lines: usize,
    candidates: usize,
    groups: usize,
    mids: BTreeSet<&'a str>,
    /// Payload type to codec.
    bundle: [Option<&'a str>; PAYLOAD_TYPES],
    /// Repair payload type to what it repairs, and the inverse.
    repairs: BTreeMap<u8, u8>,
    repaired: BTreeMap<u8, u8>,
    extensions: [Option<&'a str>; 256],
    section: SectionChecks,
}

#[derive(Default)]
struct SectionChecks {
    payload_types: Numbers,
    mapped: Numbers,
    extensions: Numbers,
    has_mid: bool,
    ssrc_lines: usize,
    rids: usize,
}

/// A set of octets.
#[derive(Default)]
struct Numbers([u128; 2]);

impl Numbers {
    /// False: it was there already.
    fn insert(&mut self, number: u8) -> bool {
        let (half, bit) = (usize::from(number >> 7), 1 << (number & 127));
        let is_new = self.0[half] & bit == 0;
        self.0[half] |= bit;
        is_new
    }
}

impl<'a> Checker<'a> {
    fn check(&mut self, line: &'a str) -> Result<(), SdpError> {
        if line.len() > self.limits.line_bytes_max {
            return Err(SdpError::TooMany("bytes in a line"));
        }
        // All of them: so the compiler looks at many at a time.
        let is_control = |byte: u8| (byte < b' ') & (byte != b'\t');
        if line.bytes().fold(false, |any, byte| any | is_control(byte)) {
            return Err(self.malformed("control character"));
        }
        if self.line == 1 && line != "v=0" {
            return Err(self.malformed("not version 0"));
        }
        match line.as_bytes() {
            [b'm', b'=', ..] => self.media(&line[2..]),
            [b'a', b'=', ..] => self.attribute(&line[2..]),
            [b'a'..=b'z', b'=', ..] => Ok(()),
            _ => Err(self.malformed("not of the form x=value")),
        }
    }

    fn media(&mut self, media: &str) -> Result<(), SdpError> {
        self.m_lines += 1;
        if self.m_lines > self.limits.m_lines_max {
            return Err(SdpError::TooMany("m-lines"));
        }
        self.section = SectionChecks::default();
        let mut words = media.split(' ');
        let kind = words.next().unwrap_or_default();
        let port = words.next().unwrap_or_default();
        if port.parse::<u16>().is_err() {
            return Err(self.malformed("port"));
        }
        let protocol = words.next().ok_or(self.malformed("protocol"))?;
        if kind == "application" || !protocol.contains("RTP") {
            return Ok(());
        }
        for word in words {
            let payload_type = self.payload_type(word)?;
            if !self.section.payload_types.insert(payload_type) {
                return Err(self.duplicate("payload type"));
            }
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &'a str) -> Result<(), SdpError> {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match name {
            "candidate" => {
                self.candidates += 1;
                if self.candidates > self.limits.candidates_max {
                    return Err(SdpError::TooMany("candidates"));
                }
                Ok(())
            }
            "mid" => self.mid(value),
            "group" => self.group(value),
            "rtpmap" => self.rtpmap(value),
            "fmtp" => self.fmtp(value),
            "rtcp-fb" => match value.split(' ').next() {
                Some("*") => Ok(()),
                word => self.payload_type(word.unwrap_or_default()).map(drop),
            },
            "extmap" => self.extmap(value),
            "ssrc" => {
                self.section.ssrc_lines += 1;
                if self.section.ssrc_lines > self.limits.ssrc_lines_max {
                    return Err(SdpError::TooMany("ssrc lines"));
                }
                let number = value.split(' ').next().unwrap_or_default();
                number.parse::<u32>().map_err(|_| self.malformed("ssrc"))?;
                Ok(())
            }
            "rid" => {
                self.section.rids += 1;
                if self.section.rids > RIDS_MAX {
                    return Err(SdpError::TooMany("rids"));
                }
                Ok(())
            }
            "ptime" | "maxptime" | "framerate" | "sctp-port" | "max-message-size" | "rtcp" => {
                self.short_numbers(value)
            }
            _ => Ok(()),
        }
    }

    fn mid(&mut self, mid: &'a str) -> Result<(), SdpError> {
        if mid.is_empty() || mid.len() > MID_BYTES_MAX || mid.contains(' ') {
            return Err(self.malformed("mid"));
        }
        if std::mem::replace(&mut self.section.has_mid, true) || !self.mids.insert(mid) {
            return Err(self.duplicate("mid"));
        }
        Ok(())
    }

    fn group(&mut self, group: &str) -> Result<(), SdpError> {
        self.groups += 1;
        if self.groups > GROUPS_MAX {
            return Err(SdpError::TooMany("groups"));
        }
        let mut seen = BTreeSet::new();
        for mid in group.split(' ').skip(1) {
            if !seen.insert(mid) {
                return Err(self.duplicate("mid in a group"));
            }
        }
        if seen.len() > self.limits.m_lines_max {
            return Err(SdpError::TooMany("mids in a group"));
        }
        Ok(())
    }

    fn rtpmap(&mut self, value: &'a str) -> Result<(), SdpError> {
        let (word, codec) = value.split_once(' ').ok_or(self.malformed("rtpmap"))?;
        let payload_type = self.payload_type(word)?;
        self.short_numbers(codec.split_once('/').map_or("", |(_, clock)| clock))?;
        if !self.section.mapped.insert(payload_type) {
            return Err(self.duplicate("rtpmap"));
        }
        let known = self.bundle[usize::from(payload_type)].get_or_insert(codec);
        if !known.eq_ignore_ascii_case(codec) {
            return Err(self.duplicate("payload type for another codec"));
        }
        Ok(())
    }

    fn fmtp(&mut self, value: &str) -> Result<(), SdpError> {
        let (word, parameters) = value.split_once(' ').ok_or(self.malformed("fmtp"))?;
        let payload_type = self.payload_type(word)?;
        for parameter in parameters.split(';') {
            let Some((key, value)) = parameter.trim().split_once('=') else {
                continue;
            };
            if value.len() > DIGITS_MAX && value.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(self.malformed("number"));
            }
            if key.eq_ignore_ascii_case("apt") {
                let primary = self.payload_type(value)?;
                let one = *self.repairs.entry(payload_type).or_insert(primary);
                let other = *self.repaired.entry(primary).or_insert(payload_type);
                if one != primary || other != payload_type || primary == payload_type {
                    return Err(self.duplicate("payload type for retransmission"));
                }
            }
        }
        Ok(())
    }

    fn extmap(&mut self, value: &'a str) -> Result<(), SdpError> {
        let (word, rest) = value.split_once(' ').ok_or(self.malformed("extmap"))?;
        let number = word.split('/').next().unwrap_or_default();
        let id = number
            .parse::<u8>()
            .map_err(|_| self.malformed("extmap id"))?;
        if id == 0 {
            return Err(self.malformed("extmap id"));
        }
        let uri = rest.split(' ').next().unwrap_or_default();
        if !self.section.extensions.insert(id) {
            return Err(self.duplicate("extmap id"));
        }
        if *self.extensions[usize::from(id)].get_or_insert(uri) != uri {
            return Err(self.duplicate("extmap id for another extension"));
        }
        Ok(())
    }

    fn payload_type(&self, word: &str) -> Result<u8, SdpError> {
        match word.parse::<u8>() {
            Ok(payload_type) if usize::from(payload_type) < PAYLOAD_TYPES => Ok(payload_type),
            _ => Err(self.malformed("payload type")),
        }
    }

    /// No run of digits is longer than a 32-bit number.
    fn short_numbers(&self, value: &str) -> Result<(), SdpError> {
        let mut runs = value.split(|c: char| !c.is_ascii_digit());
        if runs.any(|run| run.len() > DIGITS_MAX + 1) {
            return Err(self.malformed("number"));
        }
        Ok(())
    }

    fn malformed(&self, what: &'static str) -> SdpError {
        SdpError::Malformed {
            line: self.line,
            what,
        }
    }

    fn duplicate(&self, what: &'static str) -> SdpError {
        SdpError::Duplicate {
            line: self.line,
            what,
        }
    }
}

#[cfg(test)]
mod tests;

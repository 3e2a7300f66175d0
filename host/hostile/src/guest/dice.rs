//! Arbitrary bytes as calls of every import and as replies of every shape: each choice takes a byte, and
//! zeros follow the last one.

use super::parley::plugin::types::{
    Broadcast, CallPush, ChannelKind, ChannelPermission, HttpResponse, Post,
};
use super::parley::plugin::{clock, grpc, kv, log, platform, random};

/// Calls of one run.
const CALLS_MAX: usize = 64;

/// Texts that mean something to some part of the host, or break what is careless.
const WORDS: &[&str] = &[
    "",
    "\0",
    "a\0b",
    "x\r\nsmuggled: yes",
    "\u{1b}[31m\u{202e}",
    "\u{7f}",
    "é",
    "..",
    "../../x",
    "%",
    "' OR 1=1 --",
    "{}",
    "[]",
    "null",
    "{",
    "{\"a\":{\"b\":[1e308,-0,\"\\ud83d\\ude00\"]}}",
    "{\"a\":1e999}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":1,\"a\":2}",
    "custom_calls",
    "system_ephemeral",
    "call_start",
    "UPPER",
    "c_x",
    "c_",
    "host_media_start_id",
    "set-cookie",
    "content-length",
    "transfer-encoding",
    "chunked",
    "connection",
    "upgrade",
    "trailer",
    "te",
    "location",
    "content-type",
    "content-encoding",
    "x y",
    "x:y",
    "-1",
    "18446744073709551616",
    "http://localhost:8065//elsewhere",
    "text/html",
    "/parley.media.v1.Rooms/GetRoom",
    "/parley.media.v1.Sessions/Join",
    "/parley.media.v1.Info/GetInfo",
    "/parley.media.v1.Node/Drain",
    "/parley.media.v1.Rooms/../Node/Drain",
    "/parley.media.v1.Rooms/GetRoom?x",
    "//",
    "http://elsewhere/",
    "grpc-timeout",
    "x-trace-id",
    "authorization",
    ":authority",
    "keep-alive",
    "x-own",
    "x-own-bin",
    "-bin",
];

/// Numbers at the edges of something.
const NUMBERS: &[u64] = &[
    0,
    1,
    50,
    64,
    1_000,
    1_001,
    16_384,
    65_536,
    i32::MAX as u64,
    u32::MAX as u64,
    i64::MAX as u64,
    u64::MAX,
];

/// Statuses that HTTP has, and others.
const STATUSES: &[u16] = &[
    200, 0, 1, 99, 100, 101, 103, 199, 201, 204, 205, 302, 304, 404, 500, 599, 600, 999, 1_000,
    65_535,
];

pub(crate) struct Dice<'a> {
    bytes: &'a [u8],
    ids: Vec<&'a str>,
}

impl<'a> Dice<'a> {
    /// `ids`: of things that exist, separated by commas.
    pub(crate) fn new(bytes: &'a [u8], ids: &'a str) -> Self {
        let ids = ids.split(',').collect();
        Self { bytes, ids }
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    fn number(&mut self) -> u64 {
        self.one(NUMBERS)
    }

    fn bytes(&mut self) -> Vec<u8> {
        match self.byte() {
            // Up to 4 MiB: as much as one call may hand over, and more.
            0xf0.. => vec![self.byte(); 1 << (12 + self.byte() % 11)],
            count => {
                let count = usize::from(count % 64).min(self.bytes.len());
                let (taken, rest) = self.bytes.split_at(count);
                self.bytes = rest;
                taken.to_vec()
            }
        }
    }

    fn text(&mut self) -> String {
        match self.byte() {
            0..0x60 => {
                let ids = core::mem::take(&mut self.ids);
                let id = self.one(&ids).to_owned();
                self.ids = ids;
                id
            }
            0x60..0xc0 => self.one(WORDS).to_owned(),
            0xc0..0xe0 => {
                let words = [self.one(WORDS), self.one(WORDS)];
                words.concat()
            }
            0xe0..0xf8 => String::from_utf8_lossy(&self.bytes()).into_owned(),
            // Long, with characters of one to four bytes at every cut.
            0xf8..0xff => {
                let piece = self.one(&["x", "é", "\u{20ac}", "\u{1f600}", "[", "{\"a\":"]);
                piece.repeat(1 << (self.byte() % 18))
            }
            // SAFETY: not sound, which is the purpose: no text of this crate looks into it again, and what
            // crosses the boundary has to be checked there.
            0xff => unsafe { String::from_utf8_unchecked(self.bytes()) },
        }
    }

    fn pairs(&mut self) -> Vec<(String, String)> {
        let count = match self.byte() {
            0xff => 3_000,
            0xf0.. => 100,
            few => usize::from(few % 5),
        };
        if count > 5 {
            let pair = (self.text(), self.text());
            return vec![pair; count];
        }
        (0..count).map(|_| (self.text(), self.text())).collect()
    }

    fn post(&mut self) -> Post {
        Post {
            id: self.text(),
            user_id: self.text(),
            channel_id: self.text(),
            root_id: self.text(),
            kind: self.text(),
            message: self.text(),
            props_json: self.text(),
            file_ids: self.file_ids(),
            create_at: self.number() as i64,
            delete_at: self.number().wrapping_neg() as i64,
        }
    }

    fn file_ids(&mut self) -> Vec<String> {
        match self.byte() {
            0xff => vec![self.text(); 1_001],
            few => (0..few % 3).map(|_| self.text()).collect(),
        }
    }

    fn broadcast(&mut self) -> Broadcast {
        let omitted = match self.byte() {
            0xff => vec![self.text(); 1_001],
            few => (0..few % 3).map(|_| self.text()).collect(),
        };
        Broadcast {
            connection_id: self.text(),
            user_id: self.text(),
            channel_id: self.text(),
            omit_user_ids: omitted,
        }
    }

    fn push(&mut self) -> CallPush {
        CallPush {
            user_id: self.text(),
            channel_id: self.text(),
            channel_kind: ChannelKind::Group,
            channel_name: self.text(),
            post_id: self.text(),
            root_id: self.text(),
            sender_id: self.text(),
            sender_name: self.text(),
            message: self.text(),
            discreet_message: self.text(),
        }
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        (self.byte() % 2 == 0).then(|| self.bytes())
    }

    /// One call; what it answers does not matter.
    fn call(&mut self) {
        match self.byte() % 27 {
            0 => drop(platform::get_user(&self.text())),
            1 => drop(platform::get_channel(&self.text())),
            2 => drop(platform::get_member(&self.text(), &self.text())),
            3 => drop(platform::has_channel_permission(
                &self.text(),
                &self.text(),
                ChannelPermission::CreatePost,
            )),
            4 => drop(platform::get_team(&self.text())),
            5 => drop(platform::get_teams_of_user(&self.text())),
            6 => drop(platform::get_channels_of_user(&self.text())),
            7 => drop(platform::get_post(&self.text())),
            8 => drop(platform::create_post(&self.post())),
            9 => drop(platform::update_post(&self.post())),
            10 => drop(platform::send_ephemeral(&self.text(), &self.post())),
            11 => drop(platform::publish_event(
                &self.text(),
                &self.text(),
                &self.broadcast(),
            )),
            12 => drop(platform::settings()),
            13 => drop(platform::site_url()),
            14 => drop(kv::get(&self.text())),
            15 => drop(kv::compare_and_set(
                &self.text(),
                self.value().as_deref(),
                self.value().as_deref(),
                self.number() as u32,
            )),
            16 => drop(kv::list_keys(
                &self.text(),
                &self.text(),
                self.number() as u32,
            )),
            17 | 18 => drop(grpc::unary(
                &self.text(),
                &self.pairs(),
                &self.bytes(),
                self.number() as u32,
            )),
            19 => log::write(log::Level::Warn, &self.text(), &self.text()),
            20 => drop(clock::now_ms()),
            21 => drop(random::bytes(self.number() as u32)),
            22 => drop(platform::get_members(&self.text(), self.number() as u32)),
            23 => drop(platform::get_presence(&self.text())),
            24 => drop(platform::get_thread(&self.text())),
            25 => drop(platform::bot_id()),
            _ => drop(platform::push_call(&self.push())),
        }
    }

    /// Calls the host.
    pub(crate) fn calls(&mut self) {
        for _ in 0..self.byte() as usize % CALLS_MAX {
            if self.bytes.is_empty() {
                return;
            }
            self.call();
        }
    }

    /// An answer that may be none.
    pub(crate) fn response(&mut self) -> HttpResponse {
        HttpResponse {
            status: self.one(STATUSES),
            headers: self.pairs(),
            body: self.bytes(),
        }
    }

    /// Two texts, for whatever consists of two.
    pub(crate) fn texts(&mut self) -> (String, String) {
        (self.text(), self.text())
    }
}

/// The bytes of their hexadecimal digits, for exports that take text alone.
pub(crate) fn from_hex(digits: &str) -> Vec<u8> {
    let value = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
    digits.as_bytes().chunks(2).filter_map(value).collect()
}

//! `/call stats`: the counters of a user's last call, as JSON of a bounded size.
//!
//! Live they come from the media server; at leave and once a minute they are kept for 7 days. Ids only:
//! no names, no addresses.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Guest;
use crate::env::{CommandArgs, PlatformError};
use crate::events::EventError;
use crate::ids::{CallId, ChannelId, SessionId, UserId};
use crate::media::{Event, MediaError, Session, SessionStats, TrackStats};
use crate::refusal::Refusal;
use crate::text::{Lang, Text};

/// Longest answer, in characters.
const ANSWER_CHARS_MAX: usize = 12_000;
/// Most tracks that are kept; the busiest ones.
const KEPT_TRACKS_MAX: usize = 100;
/// How long statistics are kept.
const KEPT_S: u32 = 7 * 24 * 3_600;
/// Longest report of a client.
pub(crate) const REPORT_BYTES_MAX: usize = 8 * 1024;
/// How often a lost compare-and-set is tried again.
const RETRIES_MAX: usize = 5;

/// What is kept of a user's last call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    call_id: CallId,
    channel_id: ChannelId,
    session_id: SessionId,
    joined_at_ms: i64,
    session: Value,
    totals: Value,
    tracks: Vec<Value>,
    /// Tracks that were left out when this was kept.
    omitted: usize,
    /// Tracks that never carried a packet: free slots, mostly. They have nothing to show.
    unused_tracks: usize,
}

/// The client's own report.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Report {
    session_id: SessionId,
    at_ms: i64,
    report: Value,
}

impl Guest<'_> {
    /// Answers `/call stats`.
    pub(crate) async fn command_stats(
        &self,
        args: &CommandArgs,
        lang: Lang,
    ) -> Result<String, Refusal> {
        let user = &args.user_id;
        let kept = match self.live_stats(user).await {
            Ok(Some(kept)) => Some((kept, true)),
            // While the media server is away the kept ones are better than nothing.
            Ok(None) | Err(MediaError::Unavailable(_)) => {
                read::<Kept>(self, &stats_key(user))?.map(|(kept, _)| (kept, false))
            }
            Err(error) => return Err(error.into()),
        };
        let Some((kept, live)) = kept else {
            return Ok(Text::NoStats.get(lang).to_owned());
        };
        let report = read::<Report>(self, &report_key(user))?
            .map(|(report, _)| report)
            .filter(|report| report.session_id == kept.session_id);
        Ok(render(kept, live, report))
    }

    /// The counters of the session that the user joined last, if it is in a call.
    async fn live_stats(&self, user: &UserId) -> Result<Option<Kept>, MediaError> {
        let sessions = self.media.find_by_user(user).await?;
        let Some(last) = sessions
            .into_iter()
            .max_by_key(|found| found.session.joined_at_ms)
        else {
            return Ok(None);
        };
        match self
            .media
            .session_stats(&last.call_id, &last.session.id)
            .await
        {
            Ok(stats) => Ok(Some(kept(
                &last.call_id,
                &last.channel_id,
                &last.session,
                &stats,
            ))),
            Err(MediaError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a session's counters, unless the user joined another call since.
    pub(crate) fn keep_stats(
        &self,
        event: &Event,
        session: &Session,
        stats: &SessionStats,
    ) -> Result<(), EventError> {
        let mut new = kept(&event.call_id, &event.labels.channel_id, session, stats);
        new.omitted = new.tracks.len().saturating_sub(KEPT_TRACKS_MAX);
        new.tracks.truncate(KEPT_TRACKS_MAX);
        let newer = |old: &Kept| old.joined_at_ms > new.joined_at_ms;
        write(self, &stats_key(&session.user_id), &new, newer).map_err(EventError::from)
    }

    /// Keeps a client's own report of a session that it has.
    pub(crate) async fn keep_report(
        &self,
        channel: &ChannelId,
        user: &UserId,
        body: &[u8],
    ) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Body {
            session_id: String,
            report: serde_json::Map<String, Value>,
        }
        if body.len() > REPORT_BYTES_MAX {
            return Err(Refusal::BadRequest("body"));
        }
        let body: Body = serde_json::from_slice(body).map_err(|_| Refusal::BadRequest("body"))?;
        let session =
            SessionId::parse(&body.session_id).ok_or(Refusal::BadRequest("session_id"))?;
        let joined = self.media.find_by_user(user).await?;
        if !joined
            .iter()
            .any(|found| found.session.id == session && found.channel_id == *channel)
        {
            return Err(Refusal::NotInCall);
        }
        let report = Report {
            session_id: session,
            at_ms: self.env.now_ms(),
            report: without_addresses(Value::Object(body.report)),
        };
        Ok(write(self, &report_key(user), &report, |_| false)?)
    }
}

fn kept(call: &CallId, channel: &ChannelId, session: &Session, stats: &SessionStats) -> Kept {
    let (mut tracks, unused): (Vec<&TrackStats>, Vec<&TrackStats>) =
        stats.tracks.iter().partition(|track| track.packets > 0);
    tracks.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.mid.cmp(&b.mid)));
    Kept {
        call_id: call.clone(),
        channel_id: channel.clone(),
        session_id: session.id.clone(),
        joined_at_ms: session.joined_at_ms,
        session: json!(stats),
        totals: totals(&tracks),
        tracks: tracks.into_iter().map(|track| json!(track)).collect(),
        omitted: 0,
        unused_tracks: unused.len(),
    }
}

fn totals(tracks: &[&TrackStats]) -> Value {
    let sum = |direction: &str| {
        let tracks = || {
            let here = |track: &&&TrackStats| track.direction == direction;
            tracks.iter().filter(here).copied()
        };
        let total = |of: fn(&TrackStats) -> u64| tracks().map(of).sum::<u64>();
        json!({
            "tracks": tracks().count(),
            "packets": total(|t| t.packets),
            "bytes": total(|t| t.bytes),
            "packets_lost": total(|t| t.packets_lost),
            "nacks": total(|t| t.nacks),
            "plis": total(|t| t.plis),
            "retransmitted": total(|t| t.retransmitted),
            "bitrate_bps": total(|t| t.bitrate_bps),
        })
    };
    json!({ "up": sum("up"), "down": sum("down") })
}

/// The answer: the first fields matter most, tracks go by bytes, and what does not fit is counted.
#[derive(Serialize)]
struct Answer<'k> {
    totals: &'k Value,
    call_id: &'k CallId,
    channel_id: &'k ChannelId,
    live: bool,
    session: &'k Value,
    tracks: &'k [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'k Value>,
    truncated: usize,
    unused_tracks: usize,
}

fn render(kept: Kept, live: bool, report: Option<Report>) -> String {
    let client = report.map(|report| json!({ "at_ms": report.at_ms, "report": report.report }));
    let text = |shown: usize, client: Option<&Value>, omitted_client: bool| {
        let answer = Answer {
            totals: &kept.totals,
            call_id: &kept.call_id,
            channel_id: &kept.channel_id,
            live,
            session: &kept.session,
            tracks: &kept.tracks[..shown],
            client,
            truncated: kept.omitted + kept.tracks.len() - shown + usize::from(omitted_client),
            unused_tracks: kept.unused_tracks,
        };
        serde_json::to_string(&answer).unwrap_or_default()
    };
    let fits = |text: &String| text.chars().count() <= ANSWER_CHARS_MAX;
    // The report goes before the tracks only if nothing else fits beside it.
    let keep_client = client
        .as_ref()
        .is_some_and(|client| fits(&text(0, Some(client), false)));
    let shown_client = client.as_ref().filter(|_| keep_client);
    let left_out = client.is_some() && !keep_client;
    // The most tracks that fit, found by halving.
    let (mut low, mut high) = (0, kept.tracks.len());
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(&text(middle, shown_client, left_out)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    text(low, shown_client, left_out)
}

/// Replaces everything that is an IP address (with or without port) by a placeholder.
fn without_addresses(value: Value) -> Value {
    match value {
        Value::String(text) if is_address(&text) => Value::String("(address)".to_owned()),
        Value::Array(values) => values.into_iter().map(without_addresses).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (key, without_addresses(value)))
                .collect(),
        ),
        other => other,
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok()
}

fn stats_key(user: &UserId) -> String {
    format!("s_{user}")
}

fn report_key(user: &UserId) -> String {
    format!("r_{user}")
}

/// A value and its bytes; an unreadable one counts as absent.
fn read<T: serde::de::DeserializeOwned>(
    guest: &Guest<'_>,
    key: &str,
) -> Result<Option<(T, Vec<u8>)>, PlatformError> {
    let Some(raw) = guest.env.kv_get(key)? else {
        return Ok(None);
    };
    Ok(serde_json::from_slice(&raw).ok().map(|value| (value, raw)))
}

/// Writes a value unless `keep` says that the present one stays.
fn write<T: Serialize + serde::de::DeserializeOwned>(
    guest: &Guest<'_>,
    key: &str,
    new: &T,
    keep: impl Fn(&T) -> bool,
) -> Result<(), PlatformError> {
    let encoded = serde_json::to_vec(new).unwrap_or_default();
    for _ in 0..RETRIES_MAX {
        let old = guest.env.kv_get(key)?;
        let present = old
            .as_deref()
            .and_then(|raw| serde_json::from_slice::<T>(raw).ok());
        if present.is_some_and(|present| keep(&present)) {
            return Ok(());
        }
        if guest
            .env
            .kv_compare_and_set(key, old.as_deref(), Some(&encoded), KEPT_S)?
        {
            return Ok(());
        }
    }
    Err(PlatformError::Unavailable(format!("{key} is contended")))
}

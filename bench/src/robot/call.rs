//! One call of the robot: joins, plays until it is alone, leaves.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until};

use super::clips::{self, PICTURES_PER_SECOND};
use super::platform::{Incoming, Platform};
use crate::client::{Client, ClientConfig, ClientEvent, ClientOutput, Track, VideoFrame};

/// The msid stream id that the robot announces for its camera.
const CAMERA_STREAM: &str = "robot-camera";
/// How loud the tune is said to be, dBov (RFC 6464).
const TUNE_LEVEL: i8 = -20;
/// RTP ticks between two pictures.
const PICTURE_TICKS: u32 = 90_000 / PICTURES_PER_SECOND;
/// Alone for so long, the robot leaves (somebody may be reloading a page).
const ALONE_PATIENCE: Duration = Duration::from_secs(20);

/// Where a clip stands.
#[derive(Default)]
struct Playhead {
    sound: usize,
    picture: usize,
    picture_id: u16,
    rtp_time: u32,
}

/// How the robot's part in a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It left, or the call is over.
    Over,
    /// Its media was lost: with the call, most often, which is told a moment later.
    MediaLost,
}

/// Joins the channel's call; returns when the robot left or the call ended.
pub(super) async fn join(platform: &mut Platform, channel_id: &str) -> anyhow::Result<Ended> {
    let socket = UdpSocket::bind("127.0.0.1:0")
        .await
        .context("media socket")?;
    let address = socket.local_addr()?;
    let data = json!({"channelID": channel_id, "dcSignaling": true, "parley": {"v": 1}});
    platform.send("join", data).await?;
    loop {
        match platform.next().await? {
            Some(Incoming::Joined) => break,
            Some(Incoming::Refused(reason)) => anyhow::bail!("not let in: {reason}"),
            Some(Incoming::CallEnd) | None => return Ok(Ended::Over),
            Some(_) => {}
        }
    }
    let client = Box::new(Client::new(ClientConfig::web(address), Instant::now())?);
    Call {
        platform,
        socket,
        address,
        client,
        play: Playhead::default(),
        others: 0,
        media_lost: false,
    }
    .run(channel_id)
    .await
}

struct Call<'a> {
    platform: &'a mut Platform,
    socket: UdpSocket,
    address: SocketAddr,
    client: Box<Client>,
    play: Playhead,
    others: i32,
    media_lost: bool,
}

impl Call<'_> {
    async fn run(mut self, channel_id: &str) -> anyhow::Result<Ended> {
        let (tune, pictures) = (clips::tune()?, clips::pictures()?);
        let mut sound = steady(Duration::from_millis(20));
        let mut picture = steady(Duration::from_secs(1) / PICTURES_PER_SECOND);
        let mut datagram = vec![0; 2048];
        let mut alone_since = Some(Instant::now());
        self.platform
            .send("call_state", json!({"channelID": channel_id}))
            .await?;
        loop {
            let wake = self.flush().await?;
            if self.media_lost {
                self.platform.send("leave", json!({})).await?;
                return Ok(Ended::MediaLost);
            }
            if alone_since.is_some_and(|since| since.elapsed() > ALONE_PATIENCE) {
                self.platform.send("leave", json!({})).await?;
                return Ok(Ended::Over);
            }
            tokio::select! {
                received = self.socket.recv_from(&mut datagram) => {
                    let (length, from) = received.context("media socket")?;
                    self.client.handle_datagram(from, &datagram[..length], Instant::now())?;
                }
                event = self.platform.next() => {
                    let Some(event) = event? else { return Ok(Ended::Over) };
                    if let Incoming::CallEnd = event {
                        return Ok(Ended::Over);
                    }
                    self.handle(event, channel_id)?;
                    alone_since = match self.others {
                        0 => alone_since.or(Some(Instant::now())),
                        _ => None,
                    };
                }
                _ = sound.tick() => {
                    let packet = &tune[self.play.sound % tune.len()];
                    self.play.sound += 1;
                    self.client.send_voice(packet, Some(TUNE_LEVEL), Instant::now())?;
                }
                _ = picture.tick() => self.show(&pictures)?,
                () = sleep_until(wake.into()) => self.client.handle_timeout(Instant::now())?,
            }
        }
    }

    fn handle(&mut self, event: Incoming, channel: &str) -> anyhow::Result<()> {
        match event {
            Incoming::Signal(json) => self.client.handle_signal(&json, Instant::now())?,
            // Our own join is told too, but `call_state` after it sets the count straight.
            Incoming::Presence { channel_id, change } if channel_id == channel => {
                self.others = (self.others + change).max(0)
            }
            Incoming::CallState { sessions, .. } => {
                self.others = i32::try_from(sessions.saturating_sub(1)).unwrap_or(i32::MAX);
            }
            _ => {}
        }
        Ok(())
    }

    fn show(&mut self, pictures: &[Vec<u8>]) -> anyhow::Result<()> {
        let index = self.play.picture % pictures.len();
        self.play.picture += 1;
        self.play.picture_id = self.play.picture_id.wrapping_add(1) & 0x7fff;
        self.play.rtp_time = self.play.rtp_time.wrapping_add(PICTURE_TICKS);
        let frame = VideoFrame {
            rid: None,
            picture: self.play.picture_id,
            body: &pictures[index],
            rtp_time: self.play.rtp_time,
        };
        self.client
            .send_video(Track::Camera, frame, Instant::now())?;
        Ok(())
    }

    /// Does what the client wants done; says when it wants to be woken.
    async fn flush(&mut self) -> anyhow::Result<Instant> {
        loop {
            match self.client.poll_output() {
                ClientOutput::Timeout(at) => return Ok(at),
                ClientOutput::Transmit {
                    destination,
                    payload,
                } => {
                    // Other families and full buffers: ICE tries its other candidates, media its next packet.
                    if destination.is_ipv4() == self.address.is_ipv4() {
                        let _sent = self.socket.send_to(&payload, destination).await;
                    }
                }
                ClientOutput::SignalSdp(zlib) => self.platform.send_sdp(&zlib).await?,
                ClientOutput::Event(event) => self.react(event).await?,
            }
        }
    }

    async fn react(&mut self, event: ClientEvent) -> anyhow::Result<()> {
        let now = Instant::now();
        match event {
            ClientEvent::OfferApplied if self.client.sent(Track::Voice, None).packets == 0 => {
                self.client
                    .publish(Track::Voice, "robot-voice", false, now)?;
                let stream = json!({"videoStreamID": CAMERA_STREAM}).to_string();
                self.platform
                    .send("video_on", json!({"data": stream}))
                    .await?;
                self.client
                    .publish(Track::Camera, CAMERA_STREAM, false, now)?;
            }
            ClientEvent::Published(Track::Voice) => self.platform.send("unmute", json!({})).await?,
            // The clip's only key frame is its first.
            ClientEvent::KeyframeWanted(_) => self.play.picture = 0,
            ClientEvent::Disconnected => self.media_lost = true,
            _ => {}
        }
        Ok(())
    }
}

fn steady(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

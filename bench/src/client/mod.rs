//! A client as the web client behaves (docs/protocol.md), sans-IO: `handle_*` in, `poll_output` out, `now` an
//! argument. The scenarios run it on a virtual clock, the load generator and the robot over real sockets.

mod media;
mod negotiation;
mod sdp;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_media::channel::{ClientMessage, MediaMapEntry, ServerMessage, SlotMap, View};
use parley_media::sdp::Description;
use str0m::channel::ChannelId;
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

pub use media::{Published, Received, VideoFrame, synthetic_picture};
use negotiation::Negotiation;
pub use negotiation::Track;

/// How often the client measures the round trip over the data channel.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// What a client is.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Its one local address.
    pub address: SocketAddr,
    /// SDP over the data channel once that is open.
    pub dc_signaling: bool,
    /// Asks for the lock before its own offers, as the web client does.
    pub uses_lock: bool,
}

impl ClientConfig {
    /// As our bridge: signalling over the data channel, with the lock.
    pub fn web(address: SocketAddr) -> Self {
        Self {
            address,
            dc_signaling: true,
            uses_lock: true,
        }
    }
}

/// What a client wants done or tells.
#[derive(Debug)]
pub enum ClientOutput {
    /// Send a datagram from the client's address.
    Transmit {
        /// To whom.
        destination: SocketAddr,
        /// What.
        payload: Vec<u8>,
    },
    /// Send over the platform's socket as action `sdp`: zlib of JSON `{type, sdp}`.
    SignalSdp(Vec<u8>),
    /// Something happened.
    Event(ClientEvent),
    /// Nothing more now; call [`Client::handle_timeout`] then.
    Timeout(Instant),
}

/// What happened to a client.
#[derive(Debug, Clone)]
pub enum ClientEvent {
    /// ICE and DTLS are up.
    Connected,
    /// ICE lost its peer, or DTLS was closed.
    Disconnected,
    /// `calls-dc` is open.
    ChannelOpen,
    /// A server offer was applied and answered.
    OfferApplied,
    /// A track of ours is negotiated and may be sent on.
    Published(Track),
    /// Adding a track failed: the lock was refused for 5 s.
    LockPatienceOver,
    /// Who is in which slot.
    SlotMap(SlotMap),
    /// What each m-line carries (official profile).
    MediaMap(Vec<(String, MediaMapEntry)>),
    /// Sessions that speak.
    Voice(Vec<String>),
    /// The answer to a ping, and how long it took.
    Pong(Duration),
    /// The answer to a lock request.
    Lock(bool),
    /// A media packet.
    Received(Received),
    /// The sidecar asks for a key frame of this track.
    KeyframeWanted(Track),
}

/// Why a client gave up; tests print it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// From the engine.
    #[error("engine: {0}")]
    Rtc(#[from] str0m::RtcError),
    /// A message of the server that no client would understand.
    #[error("server message: {0}")]
    Server(String),
}

/// One simulated browser tab in a call.
pub struct Client {
    config: ClientConfig,
    rtc: Rtc,
    channel: Option<ChannelId>,
    negotiation: Negotiation,
    media: media::Media,
    outputs: VecDeque<ClientOutput>,
    rtc_timeout: Instant,
    pinged: Option<Instant>,
    next_ping: Option<Instant>,
}

impl Client {
    /// A client with its first offer ready in [`Client::poll_output`].
    pub fn new(config: ClientConfig, now: Instant) -> Result<Self, ClientError> {
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_rtp_mode(true)
            .build(now);
        let candidate = Candidate::host(config.address, "udp")
            .map_err(|e| ClientError::Server(e.to_string()))?;
        rtc.add_local_candidate(candidate);
        let mut client = Self {
            config,
            rtc,
            channel: None,
            negotiation: Negotiation::default(),
            media: media::Media::default(),
            outputs: VecDeque::new(),
            rtc_timeout: now,
            pinged: None,
            next_ping: None,
        };
        client.first_offer()?;
        client.drain(now)?;
        Ok(client)
    }

    /// The client's address.
    pub fn address(&self) -> SocketAddr {
        self.config.address
    }

    /// The `data` of a `signal` event: JSON text.
    pub fn handle_signal(&mut self, json: &str, now: Instant) -> Result<(), ClientError> {
        let value: serde_json::Value =
            serde_json::from_str(json).map_err(|e| ClientError::Server(e.to_string()))?;
        // Servers may trickle candidates; ours come inside the answer.
        if value["type"] == "candidate" {
            if let Some(line) = value["candidate"]["candidate"].as_str()
                && let Ok(candidate) = Candidate::from_sdp_string(line)
            {
                self.rtc.add_remote_candidate(candidate);
            }
            return self.drain(now);
        }
        let description = Description::from_json(json.as_bytes(), usize::MAX)
            .map_err(|e| ClientError::Server(e.to_string()))?;
        self.handle_description(description, false, now)
    }

    /// A datagram that reached the client's address.
    pub fn handle_datagram(
        &mut self,
        from: SocketAddr,
        data: &[u8],
        now: Instant,
    ) -> Result<(), ClientError> {
        let Ok(contents) = DatagramRecv::try_from(data) else {
            return Ok(());
        };
        let receive = Receive {
            proto: Protocol::Udp,
            source: from,
            destination: self.config.address,
            contents,
        };
        self.rtc.handle_input(Input::Receive(now, receive))?;
        self.drain(now)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ClientError> {
        if now >= self.rtc_timeout {
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        if self.next_ping.is_some_and(|at| now >= at) {
            self.pinged = Some(now);
            self.next_ping = Some(now + PING_INTERVAL);
            self.say(&ClientMessage::Ping);
        }
        self.negotiate(now)?;
        self.drain(now)
    }

    /// What to do next; drain until it says [`ClientOutput::Timeout`].
    pub fn poll_output(&mut self) -> ClientOutput {
        self.outputs.pop_front().unwrap_or_else(|| {
            let wakes = [
                Some(self.rtc_timeout),
                self.next_ping,
                self.negotiation.wake(),
            ];
            ClientOutput::Timeout(
                wakes
                    .into_iter()
                    .flatten()
                    .min()
                    .unwrap_or(self.rtc_timeout),
            )
        })
    }

    /// Tells the sidecar what this client shows.
    pub fn show(&mut self, view: View, now: Instant) -> Result<(), ClientError> {
        self.say(&ClientMessage::View(view));
        self.drain(now)
    }

    /// Any data-channel message, also a wrong one.
    pub fn send_on_channel(
        &mut self,
        binary: bool,
        data: &[u8],
        now: Instant,
    ) -> Result<(), ClientError> {
        self.write_channel(binary, data);
        self.drain(now)
    }

    /// Closes DTLS in order.
    pub fn close(&mut self, now: Instant) -> Result<(), ClientError> {
        self.rtc.close()?;
        self.drain(now)
    }

    fn tell(&mut self, event: ClientEvent) {
        self.outputs.push_back(ClientOutput::Event(event));
    }

    fn say(&mut self, message: &ClientMessage<'_>) {
        let (binary, data) = message.encode();
        self.write_channel(binary, &data);
    }

    fn write_channel(&mut self, binary: bool, data: &[u8]) {
        if let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) {
            // A full buffer or a channel under way of closing: the next message tries again.
            let _sent = channel.write(binary, data);
        }
    }

    /// Takes all of the engine's outputs, as it demands after every change.
    fn drain(&mut self, now: Instant) -> Result<(), ClientError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.rtc_timeout = at;
                    return Ok(());
                }
                Output::Transmit(t) => {
                    let payload = Vec::from(t.contents);
                    self.outputs.push_back(ClientOutput::Transmit {
                        destination: t.destination,
                        payload,
                    });
                }
                Output::Event(event) => self.handle_event(event, now)?,
            }
        }
    }

    fn handle_event(&mut self, event: Event, now: Instant) -> Result<(), ClientError> {
        match event {
            Event::Connected => self.tell(ClientEvent::Connected),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) | Event::Closed => {
                self.tell(ClientEvent::Disconnected);
            }
            Event::ChannelOpen(id, _) => {
                self.channel = Some(id);
                self.next_ping = Some(now);
                self.tell(ClientEvent::ChannelOpen);
            }
            Event::ChannelData(data) => self.handle_channel(data.binary, &data.data, now)?,
            Event::RtpPacket(packet) => {
                if let Some(received) = media::received(&mut self.rtc, &packet) {
                    self.tell(ClientEvent::Received(received));
                }
            }
            Event::KeyframeRequest(request) => {
                if let Some(track) = self.negotiation.track_of(request.mid) {
                    self.tell(ClientEvent::KeyframeWanted(track));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn handle_channel(
        &mut self,
        binary: bool,
        data: &[u8],
        now: Instant,
    ) -> Result<(), ClientError> {
        let message =
            ServerMessage::decode(binary, data).map_err(|e| ClientError::Server(e.to_string()))?;
        match message {
            ServerMessage::Pong => {
                if let Some(at) = self.pinged.take() {
                    self.tell(ClientEvent::Pong(now.saturating_duration_since(at)));
                }
            }
            ServerMessage::Sdp(zlib) => {
                let description = Description::from_zlib(&zlib, usize::MAX)
                    .map_err(|e| ClientError::Server(e.to_string()))?;
                self.handle_description(description, true, now)?;
            }
            ServerMessage::Lock(given) => {
                self.tell(ClientEvent::Lock(given));
                self.handle_lock(given, now)?;
            }
            ServerMessage::MediaMap(map) => {
                self.tell(ClientEvent::MediaMap(map.into_iter().collect()))
            }
            ServerMessage::SlotMap(map) => self.tell(ClientEvent::SlotMap(map)),
            ServerMessage::Voice(sessions) => self.tell(ClientEvent::Voice(sessions)),
            ServerMessage::TextPong | ServerMessage::Unknown(_) => {}
        }
        Ok(())
    }
}

/// A payload as the engine wants it.
fn shared(payload: &[u8]) -> Arc<[u8]> {
    Arc::from(payload)
}

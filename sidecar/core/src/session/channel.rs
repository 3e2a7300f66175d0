//! The data channel `calls-dc` of a session: opening, rate, sending.

use std::collections::VecDeque;

use parley_media::bucket::TokenBucket;
use parley_media::channel::{ClientMessage, ServerMessage};
use str0m::channel::{ChannelData, ChannelId};

use super::Session;
use super::peer::PeerFault;
use crate::api::Limits;
use crate::shared::Shared;

/// The label that clients give it; other channels are ignored.
const LABEL: &str = "calls-dc";
/// Burst of a client's messages, in seconds' worth.
const BURST_SECONDS: u64 = 10;
/// Messages that wait for room in the transport. An offer lost here would stall the session.
const QUEUE_MAX: usize = 256;
/// Channels a client may open in a connection's life; the media stack remembers each.
const CHANNELS_MAX: u32 = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Channel {
    id: Option<ChannelId>,
    opened: u32,
    bucket: TokenBucket,
    bytes_max: usize,
    queue: VecDeque<(bool, Vec<u8>)>,
}

impl Channel {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = u64::from(limits.channel_messages_per_second);
        Self {
            id: None,
            opened: 0,
            bucket: TokenBucket::new(rate, rate * BURST_SECONDS),
            bytes_max: limits.channel_message_bytes_max,
            queue: VecDeque::new(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.id.is_some()
    }
}

impl Session {
    /// A channel opened: ours, or one to be ignored. Clients open one in their life.
    pub(crate) fn handle_channel_open(&mut self, id: ChannelId, label: &str, shared: &mut Shared) {
        self.channel.opened += 1;
        if self.channel.opened > CHANNELS_MAX {
            self.drop_one("channels", shared);
            self.fail(PeerFault::Protocol, shared);
            return;
        }
        if label == LABEL && self.channel.id.is_none() {
            self.channel.id = Some(id);
            self.mark_unsettled(shared);
        }
    }

    pub(crate) fn handle_channel_close(&mut self, id: ChannelId) {
        if self.channel.id == Some(id) {
            self.channel.id = None;
        }
    }

    /// Reads one message of the client; `None`: dropped and counted.
    pub(crate) fn read_channel<'a>(
        &mut self,
        data: &'a ChannelData,
        shared: &mut Shared,
    ) -> Option<ClientMessage<'a>> {
        if self.channel.id != Some(data.id) {
            return None;
        }
        if !self.channel.bucket.take(shared.now.instant, 1) {
            self.drop_one("channel_rate", shared);
            return None;
        }
        if data.data.len() > self.channel.bytes_max {
            self.drop_one("channel_size", shared);
            return None;
        }
        match ClientMessage::decode(data.binary, &data.data) {
            Ok(message) => Some(message),
            Err(error) => {
                tracing::debug!(session = %self.id.0, %error, "channel message refused");
                self.drop_one("channel_malformed", shared);
                None
            }
        }
    }

    /// Sends a message, or queues it while the transport is full.
    pub(crate) fn send_channel(&mut self, message: &ServerMessage, shared: &mut Shared) {
        if self.channel.queue.len() >= QUEUE_MAX {
            self.drop_one("channel_queue", shared);
            return;
        }
        self.channel.queue.push_back(message.encode());
        self.flush_channel(shared);
    }

    /// Writes what fits. Called again whenever the media stack was driven.
    pub(crate) fn flush_channel(&mut self, shared: &mut Shared) {
        let (Some(id), Some(peer)) = (self.channel.id, self.peer.as_mut()) else {
            return;
        };
        if self.channel.queue.is_empty() {
            return;
        }
        let queue = &mut self.channel.queue;
        let waiting = queue.len();
        let written = peer.guard(|rtc| {
            let Some(mut channel) = rtc.channel(id) else {
                return;
            };
            while let Some((binary, bytes)) = queue.front() {
                match channel.write(*binary, bytes) {
                    Ok(true) => {
                        queue.pop_front();
                    }
                    _ => break,
                }
            }
        });
        match written {
            // What could not be written waits for news of the client: to try again at once would go on
            // for ever, as a client can have it.
            Ok(()) if self.channel.queue.len() < waiting => self.mark_dirty(shared),
            #[cfg(feature = "sabotage")]
            Ok(()) if shared.has_fault(crate::shared::Fault::DrainsWithoutEnd) => {
                self.mark_dirty(shared);
            }
            Ok(()) => {}
            Err(fault) => self.fail(fault, shared),
        }
    }
}

//! One client with what belongs to it.

use std::net::SocketAddr;
use std::time::Instant;

use mio::net::UdpSocket;
use parley_media::channel::CameraView;

use super::counter::Counter;
use super::source::Source;
use super::{Newcomer, Tally};
use crate::client::Client;
use crate::load::scenario::Role;

pub(super) struct Member {
    /// Among all clients.
    pub(super) number: usize,
    pub(super) client: Client,
    pub(super) socket: UdpSocket,
    pub(super) role: Role,
    pub(super) shows: Vec<CameraView>,
    pub(super) listens_fully: bool,
    pub(super) traced: bool,
    via: Option<SocketAddr>,
    /// The sidecar's address, once something was sent there.
    peer: Option<SocketAddr>,
    pub(super) sources: Vec<Source>,
    /// When its media stack wants to be called.
    pub(super) wake: Instant,
    /// It has its slots.
    pub(super) slots: bool,
    ready: bool,
    pub(super) has_media: bool,
    pub(super) counter: Counter,
    /// Media packets since counting began.
    pub(super) packets: u64,
}

impl Member {
    pub(super) fn new(client: Client, socket: UdpSocket, newcomer: Newcomer, now: Instant) -> Self {
        Self {
            number: newcomer.number,
            client,
            socket,
            role: newcomer.role,
            shows: newcomer.shows,
            listens_fully: newcomer.listens_fully,
            traced: newcomer.traced,
            via: newcomer.via,
            peer: None,
            sources: Vec::new(),
            wake: now,
            slots: false,
            ready: false,
            has_media: false,
            counter: Counter::default(),
            packets: 0,
        }
    }

    /// When it has to be looked after.
    pub(super) fn next(&self, media: bool) -> Instant {
        let sends = self.sources.iter().filter(|_| media).map(Source::next);
        sends.min().map_or(self.wake, |at| at.min(self.wake))
    }

    /// Its sources wait for this moment, each in a phase of its own.
    pub(super) fn start_sending(&mut self, now: Instant) {
        for source in &mut self.sources {
            source.restart(now);
        }
    }

    /// Where a datagram for the sidecar really goes.
    pub(super) fn leads_to(&mut self, destination: SocketAddr) -> SocketAddr {
        self.peer = Some(destination);
        self.via.unwrap_or(destination)
    }

    /// What comes by the way in between came from the sidecar.
    pub(super) fn as_if_from(&self, from: SocketAddr) -> SocketAddr {
        match (self.via, self.peer) {
            (Some(via), Some(peer)) if via == from => peer,
            _ => from,
        }
    }

    /// True once: it has its slots and all of its tracks.
    pub(super) fn becomes_ready(&mut self) -> bool {
        let complete = self.slots && self.sources.len() == self.role.tracks().len();
        complete && !std::mem::replace(&mut self.ready, true)
    }

    /// Counts anew from here.
    pub(super) fn restart(&mut self) {
        self.packets = 0;
        self.counter.restart();
        for source in &mut self.sources {
            source.take_sent();
        }
    }

    /// Adds what was counted.
    pub(super) fn report(&mut self, tally: &mut Tally) {
        tally.lost += self.counter.lost();
        // Who sends a screen alone receives nothing by right.
        if self.role != Role::Sharer {
            tally.least = Some(tally.least.map_or(self.packets, |n| n.min(self.packets)));
        }
        for source in &mut self.sources {
            let sent = source.take_sent();
            tally.sent.voices += sent.voices;
            tally.sent.pictures += sent.pictures;
        }
    }
}

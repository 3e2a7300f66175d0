//! The other side: sessions whose rooms live on other shards, of which nothing is here but what encrypts
//! and sends their voices.

use crate::egress::cipher::Cipher;
use crate::egress::{EgressError, IndexGuard, Path, compact};
use crate::ids::Key;
use crate::outbox::Outbox;
use crate::shared::Counters;

use super::record::{Malformed, Order, Record, Records};

/// Per home shard: far more than its sessions.
const GUESTS_MAX: usize = 1 << 16;
/// Audio slots of a session, and more.
const STREAMS_MAX: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    /// By home shard, by the slot of the home shard's key.
    homes: Vec<Vec<Place>>,
    present: u64,
}

#[derive(Debug, Default)]
struct Place {
    /// Of whoever is here, or was here last.
    epoch: Option<u32>,
    guest: Option<Guest>,
}

#[derive(Debug)]
struct Guest {
    cipher: Cipher,
    path: Option<Path>,
    streams: Vec<(u32, IndexGuard)>,
}

impl Guests {
    /// How many there are.
    pub(crate) fn present(&self) -> u64 {
        self.present
    }

    /// Does what a batch of another shard says.
    pub(crate) fn handle(
        &mut self,
        home: u8,
        batch: &[u8],
        outbox: &mut Outbox,
        counters: &mut Counters,
    ) {
        let mut payload: &[u8] = &[];
        for record in Records::new(batch) {
            match record {
                Ok(Record::Payload(bytes)) => payload = bytes,
                Ok(Record::Order(key, order)) => {
                    match self.send(home, key, &order, payload, outbox) {
                        Ok(()) => counters.packets_forwarded += 1,
                        Err(error) => counters.drop_one(error.name()),
                    }
                }
                Ok(Record::Open(key, secret, path)) => {
                    let guest = Cipher::new(&secret).map(|cipher| Guest {
                        cipher,
                        path,
                        streams: Vec::new(),
                    });
                    if !guest.is_ok_and(|guest| self.open(home, key, guest)) {
                        counters.drop_one("guest_refused");
                    }
                }
                Ok(Record::Path(key, path)) => match self.get(home, key) {
                    Some(guest) => guest.path = Some(path),
                    None => counters.drop_one(EgressError::UnknownRoute.name()),
                },
                Ok(Record::Close(key)) => {
                    if !self.close(home, key) {
                        counters.drop_one(EgressError::UnknownRoute.name());
                    }
                }
                Err(Malformed) => counters.drop_one("orders_malformed"),
            }
        }
    }

    fn place(&mut self, home: u8, slot: u32) -> Option<&mut Place> {
        let home = self.homes.get_mut(usize::from(home))?;
        home.get_mut(slot as usize)
    }

    fn get(&mut self, home: u8, key: Key) -> Option<&mut Guest> {
        let place = self.place(home, key.slot)?;
        (place.epoch == Some(key.epoch)).then_some(place.guest.as_mut())?
    }

    /// `false`: there is no room, or somebody of this epoch or a later one is or was here. A key is never
    /// put in twice: what its streams have sent would be forgotten.
    fn open(&mut self, home: u8, key: Key, guest: Guest) -> bool {
        let slot = key.slot as usize;
        if slot >= GUESTS_MAX {
            return false;
        }
        let homes = usize::from(home) + 1;
        if self.homes.len() < homes {
            self.homes.resize_with(homes, Vec::new);
        }
        let places = &mut self.homes[usize::from(home)];
        if places.len() <= slot {
            places.resize_with(slot + 1, Place::default);
        }
        let place = &mut places[slot];
        let newer = |before: u32| key.epoch.wrapping_sub(before).cast_signed() > 0;
        if !place.epoch.is_none_or(newer) {
            return false;
        }
        place.epoch = Some(key.epoch);
        // Whoever is still here has left: that was said before, and got lost.
        if place.guest.replace(guest).is_none() {
            self.present += 1;
        }
        true
    }

    fn close(&mut self, home: u8, key: Key) -> bool {
        let place = self.place(home, key.slot);
        let place = place.filter(|place| place.epoch == Some(key.epoch));
        if place.and_then(|place| place.guest.take()).is_none() {
            return false;
        }
        self.present -= 1;
        true
    }

    fn send(
        &mut self,
        home: u8,
        key: Key,
        order: &Order,
        payload: &[u8],
        outbox: &mut Outbox,
    ) -> Result<(), EgressError> {
        let guest = self.get(home, key).ok_or(EgressError::UnknownRoute)?;
        let path = guest.path.ok_or(EgressError::NoStream)?;
        if !guest.claim(order)? {
            return Err(EgressError::IndexReused);
        }
        compact::seal(&guest.cipher, path, order, payload, outbox)
    }
}

impl Guest {
    /// As [`IndexGuard::claim`].
    fn claim(&mut self, order: &Order) -> Result<bool, EgressError> {
        let known = self
            .streams
            .iter()
            .position(|(ssrc, _)| *ssrc == order.ssrc);
        let at = match known {
            Some(at) => at,
            None if self.streams.len() < STREAMS_MAX => {
                self.streams.push((order.ssrc, IndexGuard::default()));
                self.streams.len() - 1
            }
            None => return Err(EgressError::NoStream),
        };
        Ok(self.streams[at].1.claim(order.index))
    }
}

//! Dense keys and the arena behind them: a key names a place and the epoch in which it was handed out,
//! so that a key of something that is gone never finds its successor.

/// Key of an [`Arena`] entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Index in the arena.
    pub(crate) slot: u32,
    /// How often the place was handed out before.
    pub(crate) epoch: u32,
}

/// An entry list with reuse of places. Iteration is in order of places: the same in every run.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    used: usize,
}

#[derive(Debug)]
struct Place<T> {
    epoch: u32,
    value: Option<T>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            used: 0,
        }
    }
}

impl<T> Arena<T> {
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// The key the next [`Self::insert`] will return.
    pub(crate) fn next_key(&self) -> Key {
        match self.free.last() {
            Some(&slot) => Key {
                slot,
                epoch: self.places[slot as usize].epoch,
            },
            None => Key {
                slot: self.places.len() as u32,
                epoch: 0,
            },
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let key = self.next_key();
        match self.free.pop() {
            Some(slot) => self.places[slot as usize].value = Some(value),
            None => self.places.push(Place {
                epoch: 0,
                value: Some(value),
            }),
        }
        self.used += 1;
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let place = self.places.get(key.slot as usize)?;
        (place.epoch == key.epoch).then_some(place.value.as_ref())?
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.slot as usize)?;
        (place.epoch == key.epoch).then_some(place.value.as_mut())?
    }

    /// Takes the entry out; its key is dead from now on.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.slot as usize)?;
        if place.epoch != key.epoch {
            return None;
        }
        let value = place.value.take()?;
        place.epoch = place.epoch.wrapping_add(1);
        self.free.push(key.slot);
        self.used -= 1;
        Some(value)
    }

    /// The key of what is in this place now.
    pub(crate) fn key_at(&self, slot: u32) -> Option<Key> {
        let place = self.places.get(slot as usize)?;
        place.value.is_some().then_some(Key {
            slot,
            epoch: place.epoch,
        })
    }

    /// What is at the first place that is taken from `slot` on; `slot` is moved behind it.
    pub(crate) fn next_mut(&mut self, slot: &mut usize) -> Option<&mut T> {
        let rest = self.places.get_mut(*slot..)?;
        let taken = rest.iter().position(|place| place.value.is_some())?;
        *slot += taken + 1;
        rest.get_mut(taken)?.value.as_mut()
    }

    /// How many places there are, taken or free.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    /// Who is in this place.
    pub(crate) fn at(&self, slot: usize) -> Option<&T> {
        self.places.get(slot)?.value.as_ref()
    }

    /// Who is in this place, and by which key.
    pub(crate) fn at_mut(&mut self, slot: usize) -> Option<(Key, &mut T)> {
        let place = self.places.get_mut(slot)?;
        let key = Key {
            slot: slot as u32,
            epoch: place.epoch,
        };
        place.value.as_mut().map(|value| (key, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(slot, place)| {
            let key = Key {
                slot: slot as u32,
                epoch: place.epoch,
            };
            place.value.as_mut().map(|value| (key, value))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.places.iter().enumerate().filter_map(|(slot, place)| {
            let key = Key {
                slot: slot as u32,
                epoch: place.epoch,
            };
            place.value.as_ref().map(|value| (key, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_key_never_finds_the_successor() {
        let mut arena = Arena::default();
        let first = arena.insert("a");
        assert_eq!(arena.remove(first), Some("a"));
        let second = arena.insert("b");
        assert_eq!(second.slot, first.slot);
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&"b"));
        assert_eq!(arena.len(), 1);
        assert_eq!((arena.at(0), arena.at(1)), (Some(&"b"), None));
        assert_eq!(arena.at_mut(0), Some((second, &mut "b")));
        arena.remove(second);
        assert_eq!((arena.places(), arena.at(0)), (1, None));
        assert_eq!(arena.at_mut(0), None);
    }

    #[test]
    fn one_after_the_other_is_found_also_when_some_go_meanwhile() {
        let mut arena = Arena::default();
        let keys = ["a", "b", "c", "d"].map(|name| arena.insert(name));
        arena.remove(keys[0]);
        let mut next = 0;
        assert_eq!(arena.next_mut(&mut next), Some(&mut "b"));
        arena.remove(keys[1]);
        arena.remove(keys[2]);
        assert_eq!(arena.next_mut(&mut next), Some(&mut "d"));
        assert_eq!(arena.next_mut(&mut next), None);
        assert_eq!(arena.next_mut(&mut next), None);
        arena.insert("e");
        assert_eq!(arena.next_mut(&mut next), None);
    }
}

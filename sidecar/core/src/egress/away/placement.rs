//! Which shard encrypts and sends a session's voices.

/// Sessions of a room whose egress is at home in any case: so many listeners cost a shard less than the
/// way there is worth, and rooms of this size are spread over the shards as a whole.
pub(crate) const SPILL_ABOVE: usize = 128;
/// A shard that can hardly keep up gives egress away earlier, by this factor.
const STRAINED: usize = 4;

/// The home shard stands first among equals, then the lowest number: the same choice in every run.
/// `sessions`: in the room, this one included. `carried`: egresses per shard.
pub(super) fn choose(
    sessions: usize,
    spill_above: usize,
    strained: bool,
    own: u8,
    carried: impl Iterator<Item = u32>,
) -> u8 {
    let above = if strained {
        spill_above / STRAINED
    } else {
        spill_above
    };
    if sessions <= above {
        return own;
    }
    let shards = (0..=u8::MAX).zip(carried);
    let order = |(shard, carried): &(u8, u32)| (*carried, *shard != own, *shard);
    shards.min_by_key(order).map_or(own, |(shard, _)| shard)
}

#[cfg(test)]
mod tests {
    fn choose(sessions: usize, strained: bool, own: u8, carried: &[u32]) -> u8 {
        super::choose(sessions, 40, strained, own, carried.iter().copied())
    }

    #[test]
    fn rooms_up_to_the_limit_stay_whole() {
        assert_eq!(choose(40, false, 0, &[900, 0]), 0);
        assert_eq!(choose(41, false, 0, &[900, 0]), 1);
    }

    #[test]
    fn a_strained_shard_gives_away_earlier_but_never_small_rooms() {
        assert_eq!(choose(11, true, 0, &[900, 0]), 1);
        assert_eq!(choose(10, true, 0, &[900, 0]), 0);
    }

    #[test]
    fn the_emptiest_shard_is_chosen_and_home_among_equals() {
        assert_eq!(choose(50, false, 1, &[3, 3, 3]), 1);
        assert_eq!(choose(50, false, 1, &[2, 3, 2]), 0);
        assert_eq!(choose(50, false, 1, &[9, 3, 2]), 2);
        assert_eq!(choose(50, false, 0, &[]), 0);
    }

    #[test]
    fn a_large_room_is_split_evenly() {
        for shards in 1..5 {
            let mut carried = vec![0; shards];
            for sessions in 1..=500 {
                let shard = choose(sessions, false, 0, &carried);
                carried[usize::from(shard)] += 1;
            }
            let (least, most) = (carried.iter().min().unwrap(), carried.iter().max().unwrap());
            assert!(most - least <= 1, "{carried:?}");
        }
    }
}

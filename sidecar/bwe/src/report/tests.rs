use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn fci(base: u16, count: u16, reference: u32, chunks: &[u16], deltas: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(base.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(&reference.to_be_bytes()[1..]);
    bytes.push(7);
    for chunk in chunks {
        bytes.extend(chunk.to_be_bytes());
    }
    bytes.extend(deltas);
    bytes
}

fn statuses(fci: &[u8]) -> Result<Vec<Status>, Malformed> {
    Ok(Report::parse(fci)?.statuses().collect())
}

use Status::{Came, Lost};

/// The draft's section 3.1.3, example 1.
#[test]
fn a_run_of_packets_that_did_not_come() {
    let report = fci(1, 221, 0, &[0b0000_0000_1101_1101], &[]);
    assert_eq!(statuses(&report), Ok(vec![Lost(221)]));
}

/// The draft's section 3.1.3, example 2, whose status is reserved everywhere else in it.
#[test]
fn the_reserved_status_is_refused() {
    let run = fci(1, 24, 0, &[0b0110_0000_0001_1000], &[0; 48]);
    assert_eq!(statuses(&run), Err(Malformed::Reserved));
    let vector = fci(1, 7, 0, &[0b1100_1101_0101_0000], &[0; 14]);
    assert_eq!(statuses(&vector), Err(Malformed::Reserved));
}

/// The draft's section 3.1.4, example 1.
#[test]
fn a_vector_of_one_bit_each() {
    let chunk = 0b1001_1111_0001_1100;
    let report = fci(1, 14, 0, &[chunk], &[1, 2, 3, 4, 5, 6, 7, 8]);
    let lost = Lost(1);
    let expected = vec![
        lost,
        Came(1),
        Came(2),
        Came(3),
        Came(4),
        Came(5),
        lost,
        lost,
        lost,
        Came(6),
        Came(7),
        Came(8),
        lost,
        lost,
    ];
    assert_eq!(statuses(&report), Ok(expected));
}

#[test]
fn a_vector_of_two_bits_each_has_long_and_negative_times() {
    let chunk = 0b1100_0110_0000_0110;
    let report = fci(1, 7, 0, &[chunk], &[9, 0xff, 0xfe, 8, 0x7f, 0xff]);
    let lost = Lost(1);
    let expected = vec![lost, Came(9), Came(-2), lost, lost, Came(8), Came(i16::MAX)];
    assert_eq!(statuses(&report), Ok(expected));
}

#[test]
fn what_a_chunk_says_beyond_the_count_is_filling() {
    let report = fci(1, 2, 0, &[0b1011_1111_1111_1111], &[5, 6]);
    assert_eq!(statuses(&report), Ok(vec![Came(5), Came(6)]));
    let run = fci(1, 2, 0, &[0b0011_1111_1111_1111], &[5, 6]);
    assert_eq!(statuses(&run), Ok(vec![Came(5), Came(6)]));
}

#[test]
fn padding_behind_a_report_is_no_part_of_it() {
    let report = fci(1, 1, 0, &[0x2001], &[5, 0, 0, 3]);
    assert_eq!(statuses(&report), Ok(vec![Came(5)]));
}

#[test]
fn a_cut_report_is_refused_whole() {
    let whole = fci(
        1,
        9,
        0,
        &[0x2002, 0b1100_1001_1000_0001],
        &[1, 2, 0, 3, 4, 0, 5, 6],
    );
    assert!(statuses(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(statuses(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_report_on_nothing_and_empty_runs_are_no_trap() {
    assert_eq!(statuses(&fci(1, 0, 0, &[], &[])), Err(Malformed::Empty));
    let endless = fci(1, u16::MAX, 0, &[0x2000; 600], &[]);
    assert_eq!(statuses(&endless), Err(Malformed::ChunksEnd));
    let most = fci(1, u16::MAX, 0, &[0x1fff; 9], &[]);
    let lost = statuses(&most).unwrap();
    assert_eq!(lost.len(), 9, "told in one go per chunk");
    let total: u32 = lost
        .iter()
        .map(|s| if let Lost(n) = s { u32::from(*n) } else { 0 })
        .sum();
    assert_eq!(total, u32::from(u16::MAX));
}

/// What came when, in 250 µs since the reference time.
fn times(fci: &[u8]) -> Option<Vec<Option<i64>>> {
    let mut at = 0;
    let mut times = Vec::new();
    for status in statuses(fci).ok()? {
        match status {
            Lost(many) => times.extend((0..many).map(|_| None)),
            Came(delta) => {
                at += i64::from(delta);
                times.push(Some(at));
            }
        }
    }
    Some(times)
}

/// The same by str0m, which needs the two SSRCs before, and panics for some that are broken.
fn times_by_str0m(fci: &[u8]) -> Option<Vec<Option<i64>>> {
    let packet = [&[0; 8], fci].concat();
    let twcc = str0m::rtp::rtcp::Twcc::try_from(&packet[..]).ok()?;
    // Far from the clock's beginning: times may be negative.
    let zero = Instant::now() + Duration::from_secs(1 << 20);
    let reference = zero + Duration::from_millis(u64::from(twcc.reference_time) * 64);
    let relative = |at: Instant| {
        if at >= reference {
            ((at - reference).as_micros() / 250) as i64
        } else {
            -(((reference - at).as_micros() / 250) as i64)
        }
    };
    let count = usize::from(twcc.status_count);
    let all = twcc.into_iter(zero, 0.into());
    Some(all.take(count).map(|(_, _, at)| at.map(relative)).collect())
}

fn chunk() -> impl Strategy<Value = u16> {
    prop_oneof![
        // No run of long times: str0m 0.25 takes half of their bytes for the next chunk's.
        (0u16..2, 1u16..20).prop_map(|(symbol, run)| symbol << 13 | run),
        (0u16..1 << 14).prop_map(|bits| 0b10 << 14 | bits),
        prop::collection::vec(0u16..3, 7)
            .prop_map(|s| s.into_iter().fold(0b11, |bits, symbol| bits << 2 | symbol)),
    ]
}

proptest! {
    #[test]
    fn what_it_reads_str0m_reads_too(
        chunks in prop::collection::vec(chunk(), 1..12),
        deltas in prop::collection::vec(any::<u8>(), 0..300),
        reference in 0u32..1 << 24,
    ) {
        // No filling: str0m wants times for that as well.
        let length = |c: &u16| match c >> 14 { 0 | 1 => c & 0x1fff, 2 => 14, _ => 7 };
        let count = chunks.iter().map(length).sum();
        let report = fci(100, count, reference, &chunks, &deltas);
        prop_assert_eq!(times(&report), times_by_str0m(&report));
    }

    #[test]
    fn whatever_is_read_has_a_status_for_each_packet(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(report) = Report::parse(&bytes) {
            let mut told = 0;
            for status in report.statuses() {
                told += match status { Lost(many) => u32::from(many), Came(_) => 1 };
            }
            prop_assert_eq!(told, u32::from(report.count));
        }
    }
}

use super::*;

const PARTS: Parts = Parts {
    begun: Duration::from_secs(100),
    length: Duration::from_secs(2),
    rates_kbps: &[2_000, 500, 2_000],
};

fn at(ms: u64) -> Duration {
    PARTS.begun + Duration::from_millis(ms)
}

fn voice(ms: u64, frame: u32, latency_us: u32) -> Arrival {
    Arrival {
        client: 1,
        at: at(ms),
        ssrc: 7,
        sequence: 0,
        rtp_time: 5_u32.wrapping_sub(VOICE_TICKS).wrapping_add(frame * 960),
        bytes: 90,
        parts: 0,
        latency_us,
    }
}

/// The packets of a picture of client 2.
fn picture(ms: u64, number: u32, parts: u8) -> Vec<Arrival> {
    let packet = |part| Arrival {
        client: 2,
        ssrc: 9,
        sequence: u64::from(number) * 10 + u64::from(part),
        rtp_time: number.wrapping_mul(4_500).wrapping_sub(9_000),
        bytes: 1_250,
        parts,
        ..voice(ms, 0, 1)
    };
    (0..parts).map(packet).collect()
}

fn layers() -> BTreeMap<u8, &'static str> {
    [(1, "l"), (2, "h")].into()
}

#[test]
fn missing_voice_frames_are_lost_in_the_part_where_the_next_one_came() {
    let arrivals = [
        voice(0, 0, 1_000),
        voice(20, 1, 2_000),
        voice(60, 3, 3_000),
        voice(2_100, 7, 90_000),
        voice(2_101, 6, 91_000), // late
        voice(4_100, 8, 5_000),
    ];
    let phases = phases(&arrivals, &PARTS, &[], &layers());
    let lost: Vec<f64> = phases.iter().map(|phase| phase.voice_lost_share).collect();
    assert_eq!(lost, [0.25, 0.5, 0.0]);
    assert_eq!(
        (phases[0].voice_p50_ms, phases[1].voice_p95_ms),
        (2.0, 91.0)
    );
    assert_eq!((phases[1].from_seconds, phases[1].to_seconds), (2.0, 4.0));
}

#[test]
fn layers_and_rates_are_told_for_each_part_and_viewer() {
    let mut arrivals = picture(100, 1, 2);
    arrivals.extend(picture(150, 2, 2));
    arrivals.extend(picture(2_500, 60, 1));
    arrivals.extend(picture(2_550, 61, 2).into_iter().take(1));
    let phases = phases(&arrivals, &PARTS, &[2, 3], &layers());
    // Four packets of 10 kbit in two seconds for one of two.
    assert_eq!(
        (phases[0].video_kbps, phases[0].video_kbps_least),
        (10.0, 0.0)
    );
    assert_eq!(phases[0].layers, [("h", 1.0)].into());
    assert_eq!(phases[1].layers, [("l", 1.0)].into());
    assert_eq!(
        (phases[0].pictures_per_second, phases[1].pictures_incomplete),
        (0.5, 1)
    );
    assert!(phases[2].layers.is_empty());
}

#[test]
fn freezes_are_gaps_between_whole_pictures_in_order() {
    let mut arrivals = Vec::new();
    for number in 0..120_u32 {
        let ms = u64::from(number) * 50;
        // One packet is lost and comes again 400 ms later; those after it wait.
        match number {
            10 => arrivals.extend(picture(ms, number, 2).into_iter().take(1)),
            50..=59 => {}
            _ => arrivals.extend(picture(ms, number, 2)),
        }
        if number == 18 {
            let again = picture(ms, 10, 2);
            arrivals.extend([again[1], again[1]]);
        }
    }
    let phases = phases(&arrivals, &PARTS, &[2], &layers());
    let freezes: Vec<u64> = phases.iter().map(|phase| phase.freezes).collect();
    assert_eq!(freezes, [1, 1, 0]);
    let frozen: Vec<f64> = phases.iter().map(|phase| phase.frozen_seconds).collect();
    assert_eq!(frozen, [0.45, 0.55, 0.0]);
    // Who gets nothing sees one long one.
    let nothing = super::phases(&[], &PARTS, &[2], &layers());
    assert_eq!((nothing[1].freezes, nothing[1].frozen_seconds), (1, 6.0));
}

#[test]
fn a_new_layer_waits_for_nothing_of_the_one_before() {
    let whole = |parts, ms| Picture {
        parts,
        whole: Some(at(ms)),
        ..Picture::default()
    };
    let torn = Picture {
        parts: 2,
        ..Picture::default()
    };
    // The second and the third of the wide layer come after the first of the narrow one.
    let pictures = [
        whole(2, 100),
        whole(2, 900),
        whole(2, 250),
        torn,
        whole(1, 200),
        whole(1, 300),
        whole(2, 350),
    ];
    let shown = [at(100), at(200), at(300), at(350)];
    assert_eq!(decoded(pictures.iter()), shown);
}

#[test]
fn the_rate_is_back_with_the_end_of_the_first_second_that_has_it() {
    let mut arrivals = Vec::new();
    for number in 0..120_u32 {
        let ms = u64::from(number) * 50;
        let is_wide = !(2_000..4_500).contains(&ms);
        arrivals.extend(picture(ms, number, if is_wide { 2 } else { 1 }));
    }
    let recovery = recovery(&arrivals, &PARTS, &[2, 3]).expect("a step up");
    assert_eq!((recovery.viewers, recovery.recovered), (2, 1));
    // Of twenty pictures four may be half as wide: from 300 ms after the step on.
    assert!((recovery.median_seconds - 1.3).abs() < 1e-9, "{recovery:?}");
    let steady = Parts {
        rates_kbps: &[500],
        ..PARTS
    };
    assert_eq!(super::recovery(&arrivals, &steady, &[2]), None);
}

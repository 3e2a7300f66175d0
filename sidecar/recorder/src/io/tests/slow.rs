//! P7: a disk that cannot keep up, or does not answer.

use std::time::Duration;

use super::{Rig, SCREEN, VOICE, read};
use crate::tap::Pushed;
use crate::vfs::MemoryVfs;

#[test]
fn while_the_disk_hangs_pictures_are_left_out_first_and_the_call_is_told() {
    let mut rig = Rig::with(MemoryVfs::default(), 1 << 20, 0);
    rig.begin(2);
    rig.run(Duration::from_secs(2));
    // No turn for 20 s: the thread waits for the disk.
    let (mut lost_video, mut lost_audio) = (0, 0);
    for _ in 0..1000 {
        rig.clock.advance(super::STEP);
        for key in 0..2 {
            lost_audio += u32::from(rig.push(key, VOICE, &super::SOUND) == Pushed::Dropped);
            lost_video += u32::from(rig.push(key, SCREEN, &super::PICTURE) == Pushed::Dropped);
        }
    }
    assert!(
        lost_video > 1000 && lost_audio == 0,
        "{lost_video} {lost_audio}"
    );
    rig.turn();
    rig.at += 1_000_000;
    rig.run(Duration::from_secs(1));
    let mut heard = rig.heard();
    heard.sort();
    let told = [
        "0 Some(VideoDropped)",
        "1 Some(VideoDropped)",
        "r0: VideoDropped",
        "r1: VideoDropped",
    ];
    assert_eq!(heard, told);
    rig.run(Duration::from_secs(11));
    assert_eq!(rig.heard(), ["0 None", "1 None"]);
    let counts = rig.io.counters().counts();
    assert_eq!(counts.dropped_video, u64::from(lost_video));
    assert_eq!(counts.dropped_audio, 0);
    assert!((14..20).contains(&counts.syncs), "{counts:?}");
    rig.end(0);
    rig.end(1);
    rig.turn();
    let mut dropped = 0;
    for key in 0..2 {
        let read = read(&rig.vfs, key);
        assert_eq!(
            read.media, rig.pushed[key as usize],
            "what the tap took is there"
        );
        assert_eq!(read.dropped.0, 0);
        dropped += read.dropped.1;
    }
    assert_eq!(dropped, lost_video);
}

#[test]
fn a_flood_of_pictures_takes_no_sound_with_it() {
    let mut rig = Rig::with(MemoryVfs::default(), 1 << 20, 0);
    rig.begin(2);
    let mut lost_audio = 0;
    for _ in 0..100 {
        rig.clock.advance(super::STEP);
        for _ in 0..1500 {
            let _ = rig.push(0, SCREEN, &super::PICTURE);
        }
        for key in 0..2 {
            lost_audio += u32::from(rig.push(key, VOICE, &super::SOUND) == Pushed::Dropped);
        }
        rig.turn();
    }
    rig.end(1);
    rig.turn();
    assert_eq!(lost_audio, 0);
    assert_eq!(read(&rig.vfs, 1).audio, 100);
}

#[test]
fn a_burst_is_no_loss_where_the_disk_keeps_up_however_many_are_recorded() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(32);
    for _ in 0..900 {
        assert_eq!(rig.push(7, SCREEN, &super::PICTURE), Pushed::Away);
    }
    rig.turn();
    rig.end(7);
    rig.turn();
    let read = read(&rig.vfs, 7);
    assert_eq!((read.video, read.dropped), (900, (0, 0)));
    assert_eq!(rig.heard(), ["r7 over: Stopped", "7 Stopped"]);
}

//! Every step on every stage, and what holds after any sequence of them.

use proptest::prelude::*;

use super::*;
use crate::store::state::About;

pub(crate) fn state(stage: Stage, files: usize) -> State {
    let mut state = State::new(About {
        recording_id: "r".to_owned(),
        room_id: "room".to_owned(),
        generation: 1,
        labels: [("channel".to_owned(), "c".to_owned())].into(),
        starter_id: "p".to_owned(),
        started_at_ms: 1,
    });
    state.stage = stage;
    if !matches!(stage, Stage::InProgress | Stage::Closed) {
        state.files = (0..files)
            .map(|n| StoredFile {
                name: format!("recording-{n}.webm"),
                content_type: "video/webm".to_owned(),
                bytes: 10,
                sha256: [7; 32],
                duration_ms: 1000,
                starts_at_ms: 0,
                upload_id: None,
                file_id: None,
            })
            .collect();
    }
    if matches!(stage, Stage::Uploading) {
        state.files[0].upload_id = Some("u1".to_owned());
    }
    if matches!(stage, Stage::Posted | Stage::Verified) {
        for (n, file) in state.files.iter_mut().enumerate() {
            file.upload_id = Some(format!("u{}", n + 1));
            file.file_id = Some(format!("f{}", n + 1));
        }
        state.post_id = Some("post".to_owned());
    }
    state
}

fn begun(number: u32, id: &str) -> Step {
    Step::UploadBegun {
        number,
        upload_id: id.to_owned(),
    }
}

fn uploaded(number: u32, id: &str) -> Step {
    Step::FileUploaded {
        number,
        file_id: id.to_owned(),
    }
}

fn posted(id: &str) -> Step {
    Step::Posted {
        post_id: id.to_owned(),
    }
}

fn failed() -> Step {
    Step::Failed {
        reason: "no".to_owned(),
    }
}

fn parked() -> Step {
    Step::Parked {
        reason: "never".to_owned(),
    }
}

const STAGES: [Stage; 7] = [
    Stage::InProgress,
    Stage::Closed,
    Stage::Ready,
    Stage::Uploading,
    Stage::Posted,
    Stage::Verified,
    Stage::Parked,
];

#[test]
fn each_step_on_each_stage_does_what_the_table_says() {
    // In the order of STAGES, of a recording with one file: the stage that follows, `=` nothing changes,
    // `-` refused.
    let lost = Step::FileLost { number: 1 };
    let table: [(Step, [&str; 7]); 11] = [
        (begun(1, "u1"), ["-", "-", "UPLOADING", "=", "=", "=", "-"]),
        (
            begun(1, "u9"),
            ["-", "-", "UPLOADING", "UPLOADING", "-", "-", "-"],
        ),
        (
            uploaded(1, "f1"),
            ["-", "-", "-", "UPLOADING", "=", "=", "-"],
        ),
        (
            uploaded(1, "f9"),
            ["-", "-", "-", "UPLOADING", "-", "-", "-"],
        ),
        (posted("post"), ["-", "-", "-", "-", "=", "=", "-"]),
        (posted("other"), ["-", "-", "-", "-", "-", "-", "-"]),
        (Step::Verified, ["-", "-", "-", "-", "VERIFIED", "=", "-"]),
        (lost, ["-", "-", "-", "UPLOADING", "UPLOADING", "-", "-"]),
        (
            failed(),
            ["-", "-", "READY", "UPLOADING", "POSTED", "-", "-"],
        ),
        (parked(), ["-", "-", "PARKED", "PARKED", "PARKED", "-", "="]),
        (begun(2, "u1"), ["-"; 7]),
    ];
    for (step, row) in table {
        for (stage, expected) in STAGES.into_iter().zip(row) {
            let before = state(stage, 1);
            let mut after = before.clone();
            let answer = match step.take(&mut after, 5) {
                Ok(true) => after.stage.name(),
                Ok(false) => "=",
                Err(_) => "-",
            };
            assert_eq!(answer, expected, "{step:?} on {stage:?}");
            assert_eq!(answer.len() == 1, before == after, "{step:?} on {stage:?}");
        }
    }
}

#[test]
fn a_post_needs_every_file() {
    let mut state = state(Stage::Ready, 2);
    begun(1, "u1").take(&mut state, 0).unwrap();
    uploaded(1, "f1").take(&mut state, 0).unwrap();
    let refused = posted("post").take(&mut state, 0).unwrap_err().to_string();
    assert_eq!(
        refused,
        "posted cannot follow on UPLOADING: not every file is uploaded"
    );
    begun(2, "u2").take(&mut state, 0).unwrap();
    uploaded(2, "f2").take(&mut state, 0).unwrap();
    assert_eq!(posted("post").take(&mut state, 0), Ok(true));
    assert_eq!(state.stage, Stage::Posted);
}

#[test]
fn a_late_repetition_of_a_begun_upload_does_not_undo_the_file() {
    let mut state = state(Stage::Ready, 1);
    begun(1, "u1").take(&mut state, 0).unwrap();
    uploaded(1, "f1").take(&mut state, 0).unwrap();
    assert_eq!(begun(1, "u1").take(&mut state, 0), Ok(false));
    assert_eq!(state.files[0].file_id.as_deref(), Some("f1"));
    // Begun anew is another upload.
    assert_eq!(begun(1, "u2").take(&mut state, 0), Ok(true));
    assert_eq!(state.files[0].file_id, None);
}

#[test]
fn a_lost_file_is_uploaded_again_into_the_same_post() {
    let mut state = state(Stage::Posted, 2);
    let lost = Step::FileLost { number: 2 };
    assert_eq!(lost.take(&mut state, 0), Ok(true));
    assert_eq!(lost.take(&mut state, 0), Ok(false));
    assert_eq!(state.stage, Stage::Uploading);
    assert_eq!(state.post_id.as_deref(), Some("post"));
    assert_eq!(state.files[0].file_id.as_deref(), Some("f1"));
    begun(2, "u3").take(&mut state, 0).unwrap();
    uploaded(2, "f3").take(&mut state, 0).unwrap();
    posted("post").take(&mut state, 0).unwrap();
    Step::Verified.take(&mut state, 77).unwrap();
    assert_eq!(state.verified_at_ms, Some(77));
}

#[test]
fn ids_and_reasons_are_bounded() {
    let mut state = state(Stage::Ready, 1);
    for bad in ["", &"x".repeat(257)] {
        assert_eq!(
            begun(1, bad).take(&mut state, 0),
            Err(Refused::BadId("upload_id"))
        );
    }
    let long = Step::Failed {
        reason: format!("a\nb\u{1b}{}", "ü".repeat(400)),
    };
    long.take(&mut state, 0).unwrap();
    assert_eq!(state.failure.chars().count(), 200);
    assert!(state.failure.starts_with("abü"));
    assert_eq!(state.failures, 1);
}

#[test]
fn a_parked_one_goes_on_as_far_as_it_had_come() {
    for stage in [Stage::Ready, Stage::Uploading, Stage::Posted] {
        let mut parked_one = state(stage, 2);
        parked().take(&mut parked_one, 0).unwrap();
        assert_eq!(recovered_stage(&parked_one), stage);
    }
    assert_eq!(recovered_stage(&state(Stage::Closed, 1)), Stage::Closed);
}

fn any_step() -> impl Strategy<Value = Step> {
    let id = "[ab]";
    prop_oneof![
        3 => (0..4_u32, id).prop_map(|(number, id)| begun(number, &id)),
        3 => (0..4_u32, id).prop_map(|(number, id)| uploaded(number, &id)),
        2 => id.prop_map(|id| posted(&id)),
        1 => Just(Step::Verified),
        1 => (0..4_u32).prop_map(|number| Step::FileLost { number }),
        1 => Just(failed()),
        1 => Just(parked()),
    ]
}

proptest! {
    #[test]
    fn after_any_steps_a_post_has_its_files_and_is_never_forgotten(
        steps in prop::collection::vec(any_step(), 0..40),
        files in 1..3_usize,
    ) {
        let mut now = state(Stage::Ready, files);
        for step in steps {
            let before = now.clone();
            let answer = step.take(&mut now, 9);
            match &answer {
                Ok(true) => {}
                Ok(false) | Err(_) => prop_assert_eq!(&now, &before),
            }
            // Told again, it is known; only failures are counted each time.
            if answer.is_ok() && !matches!(step, Step::Failed { .. }) {
                let mut again = now.clone();
                prop_assert_eq!(step.take(&mut again, 10), Ok(false));
                prop_assert_eq!(&again, &now);
            }
            if matches!(now.stage, Stage::Posted | Stage::Verified) {
                prop_assert!(now.is_uploaded() && now.post_id.is_some());
            }
            prop_assert!(before.post_id.is_none() || now.post_id.is_some());
            prop_assert_eq!(now.verified_at_ms.is_some(), now.stage == Stage::Verified);
            prop_assert_eq!(now.files.len(), files);
            if before.stage == Stage::Parked || before.stage == Stage::Verified {
                prop_assert_eq!(now.stage, before.stage);
            }
            if now.stage == Stage::Ready {
                prop_assert!(now.files.iter().all(|file| file.upload_id.is_none()));
            }
        }
    }
}

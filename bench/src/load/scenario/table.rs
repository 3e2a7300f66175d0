//! The workloads, as they are defined.

use super::{Course, Growth, Role};
use crate::load::impaired::Network;

/// So many rooms with so many participants of each kind.
type Rooms = (usize, &'static [(Role, usize)]);

/// A workload as it is defined.
pub(super) struct Workload {
    /// As on the command line and in the JSON.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) rooms: Rooms,
    /// Of them so many are recorded.
    pub(super) recordings: usize,
    pub(super) course: Course,
    pub(super) growth: Growth,
}

const fn steady(name: &'static str, title: &'static str, rooms: Rooms) -> Workload {
    Workload {
        name,
        title,
        rooms,
        recordings: 0,
        course: Course::Steady,
        growth: Growth::Copy,
    }
}

/// All of them. The names are those of the project's plan; a suffix tells variants apart.
pub(super) const WORKLOADS: &[Workload] = &[
    steady(
        "W1",
        "1x50 participants, 3 speak",
        (1, &[(Role::Speaker, 3), (Role::Viewer, 47)]),
    ),
    steady(
        "W1-10",
        "1x50 participants, 10 speak",
        (1, &[(Role::Speaker, 10), (Role::Viewer, 40)]),
    ),
    steady(
        "W2",
        "25x4 participants, 2 speak in each room",
        (25, &[(Role::Speaker, 2), (Role::Viewer, 2)]),
    ),
    steady(
        "W2-2",
        "50x2 participants, both speak",
        (50, &[(Role::Speaker, 2)]),
    ),
    steady(
        "W3",
        "one 2.5 Mbit/s screen to 50 viewers",
        (1, &[(Role::Sharer, 1), (Role::Viewer, 50)]),
    ),
    steady(
        "W3-20",
        "one 2.5 Mbit/s screen to 20 viewers",
        (1, &[(Role::Sharer, 1), (Role::Viewer, 20)]),
    ),
    steady(
        "W4",
        "10 calls of two, voice and camera in two layers",
        (10, &[(Role::Caller, 2)]),
    ),
    Workload {
        growth: Growth::Viewers(50),
        ..steady(
            "W5",
            "1x500 participants, 3 speak",
            (1, &[(Role::Speaker, 3), (Role::Viewer, 497)]),
        )
    },
    steady(
        "W6",
        "25 cameras in three layers, each shows 9",
        (1, &[(Role::Gallery, 25)]),
    ),
    Workload {
        course: Course::Storm(20),
        ..steady(
            "W7",
            "200 join in 10 s, 20 rooms in which 2 speak",
            (20, &[(Role::Speaker, 2), (Role::Viewer, 10)]),
        )
    },
    Workload {
        course: Course::Impaired(Network {
            delay_ms: 80,
            loss_percent: 2,
            rates_kbps: &[2_000, 500, 2_000],
        }),
        ..steady(
            "W8",
            "a camera in 3 layers, 2 speak; 80 ms and 2 % loss each way, 2 / 0.5 / 2 Mbit/s",
            (
                1,
                &[(Role::Gallery, 1), (Role::Speaker, 2), (Role::Viewer, 4)],
            ),
        )
    },
    Workload {
        recordings: 10,
        ..steady(
            "W9",
            "25x4 participants, 2 speak in each room, 10 rooms are recorded",
            (25, &[(Role::Speaker, 2), (Role::Viewer, 2)]),
        )
    },
    Workload {
        course: Course::Soak,
        ..steady(
            "W11",
            "a soak: 10x5 participants, 2 speak in each room",
            (10, &[(Role::Speaker, 2), (Role::Viewer, 3)]),
        )
    },
    steady(
        "pair",
        "two participants, both speak",
        (1, &[(Role::Speaker, 2)]),
    ),
];

/// Workloads that are not run from here, and why.
pub(super) const ELSEWHERE: &[(&str, &str)] =
    &[("W10", "ICE-TCP: the sidecar does not listen on TCP yet")];

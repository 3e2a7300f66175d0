//! `cargo xtask sabotage`: plants a named fault and demands that the scenario made for it goes red.
//!
//! The faults live behind the crates' test-only feature `sabotage`, which the scenarios' build enables; the
//! environment variable `PARLEY_SABOTAGE` picks one.

use std::process::{ExitCode, Stdio};

use crate::sh::{self, Failure, Outcome};

/// A fault and the scenario (a file of `tests/scenarios`) that must notice it.
struct Fault {
    name: &'static str,
    scenario: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "mute_gate_open",
        scenario: "mute_gate",
    },
    Fault {
        name: "slot_seq_not_rewritten",
        scenario: "slot_handover",
    },
    Fault {
        name: "access_always_yes",
        scenario: "access",
    },
    Fault {
        name: "kv_compare_skipped",
        scenario: "kv_conflict",
    },
    Fault {
        name: "ack_before_handling",
        scenario: "events_survive_traps",
    },
    Fault {
        name: "keyframe_requests_dropped",
        scenario: "key_frames",
    },
    Fault {
        name: "lock_ignored",
        scenario: "signalling_lock",
    },
    Fault {
        name: "post_twice",
        scenario: "watch_handover",
    },
    Fault {
        name: "watch_handover_disabled",
        scenario: "watch_handover",
    },
    Fault {
        name: "stun_integrity_skipped",
        scenario: "stun_integrity",
    },
];

pub(crate) fn run(names: &[String]) -> Outcome {
    let chosen: Vec<&Fault> = if names.is_empty() {
        FAULTS.iter().collect()
    } else {
        names
            .iter()
            .map(|name| {
                FAULTS.iter().find(|f| f.name == name).ok_or_else(|| {
                    let known: Vec<&str> = FAULTS.iter().map(|f| f.name).collect();
                    Failure::usage(format!(
                        "no fault `{name}`; there are: {}",
                        known.join(", ")
                    ))
                })
            })
            .collect::<Result<_, _>>()?
    };
    sh::step(
        "build the scenarios",
        &mut sh::cargo(&["test", "--quiet", "--workspace", "--no-run"]),
    )?;
    let mut green = Vec::new();
    for fault in &chosen {
        if scenario_passes(fault)? {
            println!("    {}: {} stayed GREEN", fault.name, fault.scenario);
            green.push(fault.name);
        } else {
            println!(
                "    {}: {} went red, as it must",
                fault.name, fault.scenario
            );
        }
    }
    if green.is_empty() {
        println!("{} sabotages, all noticed", chosen.len());
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(format!(
        "sabotage went unnoticed: {}",
        green.join(", ")
    )))
}

/// Runs the fault's scenarios; an error if they cannot pass even without the fault, or do not exist.
fn scenario_passes(fault: &Fault) -> Result<bool, Failure> {
    let filter = format!("{}::", fault.scenario);
    let scenarios = |sabotage: &str| {
        let mut command = sh::cargo(&[
            "test",
            "--quiet",
            "--workspace",
            "--test",
            "call_scenarios",
            "--",
        ]);
        command
            .arg(&filter)
            .env("PARLEY_SABOTAGE", sabotage)
            .stderr(Stdio::null());
        command
            .output()
            .map_err(|e| Failure::new(format!("cargo: {e}")))
    };
    let sound = scenarios("")?;
    let report = String::from_utf8_lossy(&sound.stdout);
    if !sound.status.success() || report.contains("ok. 0 passed") {
        return Err(Failure::new(format!(
            "scenario {filter} does not pass without a fault:\n{report}"
        )));
    }
    Ok(scenarios(fault.name)?.status.success())
}

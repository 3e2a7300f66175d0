//! `parley demo`: a local platform with two people who can call each other at once.

use super::config::DemoConfig;
use super::failure::Failure;
use super::serve::start;
use super::signals::Signals;
use super::{robot, say};

/// Serves the demo until the process is told to end. Nobody continues a demo: its calls and its sidecar end
/// with it.
pub(super) async fn demo(config: DemoConfig) -> Result<(), Failure> {
    let mut signals = Signals::install()?;
    let running = start(config.serve).await?;
    let links = running
        .local
        .seed_demo()
        .await
        .map_err(|error| Failure::internal("demo data", error))?;
    let port = running.port;
    // Two hosts, so that one browser keeps two sign-ins apart; both count as secure.
    say("Two people, each link signs in once:");
    say(&format!("  Alice  http://localhost:{port}{}", links.alice));
    say(&format!("  Bob    http://127.0.0.1:{port}{}", links.bob));
    say("Open both, type /call start in one window and join in the other. Ctrl-C ends it.");
    let robot = match config.robot {
        Some(executable) => {
            let robot = robot::invite(&executable, &running, &links).await?;
            say("A robot joins the calls in Lounge, with a tune and a test picture.");
            Some(robot)
        }
        None => None,
    };
    let sidecar = running.sidecar_ending();
    let stop = async {
        signals.told_to_end().await;
        signals.end_at_once_when_interrupted();
        if let Some(sidecar) = sidecar {
            sidecar.end().await;
        }
    };
    let outcome = running.until(stop).await;
    drop(robot);
    outcome
}

//! The engine's heartbeat: makes running guest code look up every few milliseconds.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use wasmtime::{Engine, EngineWeak};

use super::limits::EPOCH_TICK;
use crate::sabotage::Fault;

/// Ticks while guests run, sleeps while none does.
#[derive(Debug)]
pub(super) struct Heartbeat {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: u32,
    stopped: bool,
}

/// Keeps the heartbeat going as long as it lives.
pub(super) struct Running(Arc<Shared>);

impl Heartbeat {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (thread_shared, engine) = (Arc::clone(&shared), engine.weak());
        std::thread::Builder::new()
            .name("guest-epoch".to_owned())
            .spawn(move || beat(&thread_shared, &engine))?;
        Ok(Self { shared })
    }

    /// Says that a guest is about to run.
    pub(super) fn running(&self) -> Running {
        self.shared.change(|state| state.running += 1);
        self.shared.wake.notify_one();
        Running(Arc::clone(&self.shared))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.change(|state| state.running -= 1);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.shared.change(|state| state.stopped = true);
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn beat(shared: &Shared, engine: &EngineWeak) {
    let enforced = !Fault::EpochOff.is_on();
    loop {
        {
            let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            let state = shared
                .wake
                .wait_while(state, |state| state.running == 0 && !state.stopped)
                .unwrap_or_else(PoisonError::into_inner);
            if state.stopped {
                return;
            }
        }
        std::thread::sleep(EPOCH_TICK);
        let Some(engine) = engine.upgrade() else {
            return;
        };
        if enforced {
            engine.increment_epoch();
        }
    }
}

//! The strict linker: what a guest may import is this list and nothing else. A guest that wants files,
//! sockets, clocks of its own or HTTP is refused when it is loaded.

use wasmtime::Engine;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::p2::bindings::{cli, io, random};
use wasmtime_wasi::random::WasiRandom;

use super::bindings::Plugin;
use super::state::RequestState;

/// `wasi:io` works on nothing but the table of resources.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links our own interfaces and the part of WASI without which Rust's standard library does not start.
pub(super) fn strict_linker(engine: &Engine) -> wasmtime::Result<Linker<RequestState>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    Plugin::add_to_linker::<RequestState, HasSelf<RequestState>>(l, |state| state)?;

    io::error::add_to_linker::<RequestState, Io>(l, |state| state.ctx().table)?;
    io::poll::add_to_linker::<RequestState, Io>(l, |state| state.ctx().table)?;
    io::streams::add_to_linker::<RequestState, Io>(l, |state| state.ctx().table)?;
    cli::environment::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::exit::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::stdin::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::stdout::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::stderr::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::terminal_input::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::terminal_output::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::terminal_stdin::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::terminal_stdout::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    cli::terminal_stderr::add_to_linker::<RequestState, WasiCli>(l, RequestState::cli)?;
    // Only the seed of hash maps. Randomness that must not be guessed is our own import.
    random::insecure_seed::add_to_linker::<RequestState, WasiRandom>(l, |state| {
        state.ctx().ctx.random()
    })?;
    Ok(linker)
}

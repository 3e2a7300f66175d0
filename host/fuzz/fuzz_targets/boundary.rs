//! See `checks::World::boundary`.
#![no_main]

#[path = "../checks.rs"]
mod checks;

use std::cell::OnceCell;

thread_local! {
    static WORLD: OnceCell<checks::World> = const { OnceCell::new() };
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    WORLD.with(|world| world.get_or_init(checks::World::new).boundary(data));
});

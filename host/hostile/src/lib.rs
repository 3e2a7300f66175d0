//! A guest that does what its input says, good or bad: the fixture of the sandbox's tests.
//!
//! Natively this crate is only the component's bytes.

/// The fixture as a component.
#[cfg(not(target_arch = "wasm32"))]
pub const COMPONENT: &[u8] = include_bytes!(env!("PARLEY_HOSTILE"));

#[cfg(target_arch = "wasm32")]
mod guest;

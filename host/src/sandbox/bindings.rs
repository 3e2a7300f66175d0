//! All code that is generated from `plugin/wit/world.wit`, in one place.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

wasmtime::component::bindgen!({
    path: "../plugin/wit",
    world: "plugin",
    imports: { default: async | trappable },
    exports: { default: async },
});

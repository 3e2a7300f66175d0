//! Builds the guest, so that `cargo build` and `cargo test` of the workspace need no step before them.

include!("guest_build.rs");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for input in [
        "../src",
        "../wit",
        "../Cargo.toml",
        "../settings/src",
        "../settings/Cargo.toml",
        "../../proto/proto",
        "../../proto/src",
        "../../proto/build.rs",
        "../../proto/Cargo.toml",
        "../../Cargo.toml",
        "guest_build.rs",
        "build.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    let sabotage = std::env::var_os("CARGO_FEATURE_SABOTAGE").is_some();
    let features: &[&str] = if sabotage { &["sabotage"] } else { &[] };
    let wasm = build_guest("parley-plugin", features)?;
    println!("cargo::rustc-env=PARLEY_COMPONENT={}", wasm.display());
    Ok(())
}

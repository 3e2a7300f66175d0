//! Builds the guest, so that `cargo build` and `cargo test` of the workspace need no step before them.

include!("guest_build.rs");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for input in [
        "../src",
        "../wit",
        "../Cargo.toml",
        "../flavour/src",
        "../flavour/Cargo.toml",
        "../settings/src",
        "../settings/Cargo.toml",
        "../../proto/proto",
        "../../proto/src",
        "../../proto/build.rs",
        "../../proto/Cargo.toml",
        "../../Cargo.toml",
        "../../Cargo.lock",
        "guest_build.rs",
        "build.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    // A component that was built elsewhere: for packagers, and for work on the host alone.
    println!("cargo::rerun-if-env-changed=PARLEY_GUEST_WASM");
    if let Some(wasm) = std::env::var_os("PARLEY_GUEST_WASM") {
        let wasm = PathBuf::from(wasm).canonicalize()?;
        println!("cargo::rerun-if-changed={}", wasm.display());
        println!("cargo::rustc-env=PARLEY_COMPONENT={}", wasm.display());
        return Ok(());
    }
    let sabotage = std::env::var_os("CARGO_FEATURE_SABOTAGE").is_some();
    let features: &[&str] = if sabotage { &["sabotage"] } else { &[] };
    let wasm = build_guest("parley-plugin", features)?;
    println!("cargo::rustc-env=PARLEY_COMPONENT={}", wasm.display());
    Ok(())
}

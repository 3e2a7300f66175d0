//! Builds this very crate a second time, as a component. The inner build has nothing to do here.

include!("../../plugin/component/guest_build.rs");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for input in [
        "src",
        "build.rs",
        "Cargo.toml",
        "../../plugin/wit",
        "../../Cargo.toml",
        "../../plugin/component/guest_build.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    if var("TARGET")? == GUEST_TARGET {
        return Ok(());
    }
    let wasm = build_guest("parley-hostile", &[])?;
    println!("cargo::rustc-env=PARLEY_HOSTILE={}", wasm.display());
    Ok(())
}

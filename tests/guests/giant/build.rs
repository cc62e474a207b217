//! Asks the linker for a memory of 1 GiB from the start.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=--initial-memory=1073741824");
    }
}

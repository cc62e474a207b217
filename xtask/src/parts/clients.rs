//! The clients that the tests drive the gateway with, besides those in Python.

use anyhow::Result;

use super::debian;

/// By the package, and the program in it. The tests look for them where this puts them.
const PROGRAMS: [(&str, &str); 3] = [
    ("curl", "curl"),
    ("nghttp2-client", "h2load"),
    // The browser without a window: half of the libraries.
    ("chromium-headless-shell", "chromium-headless-shell"),
];

/// One that cannot be had does not keep the others away.
pub(super) fn install_all() -> Result<()> {
    let installed = PROGRAMS.map(|(package, program)| {
        let path = debian::program("clients", package, program)?;
        eprintln!("    {program} is at {}", path.display());
        Ok(())
    });
    installed.into_iter().collect()
}

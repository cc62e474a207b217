//! The toolchains that build the example plugins in JavaScript and Python, from the lists beside these examples.

use std::path::PathBuf;

use anyhow::Result;

use super::{folder, install, node};

/// Tells the tests in which folder `componentize-js` is.
pub const JAVASCRIPT_VARIABLE: &str = "SLUICEGATE_JAVASCRIPT_TOOLS";

/// Tells the tests in which folder `componentize-py` is.
pub const PYTHON_PLUGINS_VARIABLE: &str = "SLUICEGATE_PYTHON_TOOLS";

pub(super) const PYTHON_PACKAGES: &str = include_str!("../../../examples/plugins/python/requirements.txt");

const NODE_PACKAGES: &str = include_str!("../../../examples/plugins/javascript/package.json");
const NODE_LOCK: &str = include_str!("../../../examples/plugins/javascript/package-lock.json");

/// One that cannot be had does not keep the other away.
pub(super) fn install_all() -> Result<()> {
    let javascript = node::install("javascript", NODE_PACKAGES, NODE_LOCK).and_then(|_| javascript());
    if let Ok(folder) = &javascript {
        eprintln!("    the toolchain for plugins in JavaScript is in {}", folder.display());
    }
    let python = install("python-plugins", PYTHON_PACKAGES).and_then(|_| python_plugins());
    if let Ok(folder) = &python {
        eprintln!("    the toolchain for plugins in Python is in {}", folder.display());
    }
    javascript.and(python).map(drop)
}

/// There after [`super::run`].
pub fn javascript() -> Result<PathBuf> {
    Ok(folder("javascript")?.join("node_modules/.bin"))
}

/// There after [`super::run`].
pub fn python_plugins() -> Result<PathBuf> {
    Ok(folder("python-plugins")?.join("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_in_javascript_is_pinned() {
        assert_eq!(node::unpinned(NODE_PACKAGES, NODE_LOCK), None);
        assert!(!NODE_LOCK.contains("hasInstallScript"), "an author would run it");
    }
}

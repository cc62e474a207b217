//! The plugins that are part of the binary, and the grants that each needs.

/// One bundled plugin.
pub struct Bundled {
    pub name: &'static str,
    /// Interface names of the contract.
    pub grants: &'static [&'static str],
}

pub const BUNDLED: [Bundled; 7] = [
    Bundled { name: "api-key", grants: &["keys", "identity-writer"] },
    Bundled { name: "rate-limit", grants: &["identity", "counters"] },
    Bundled { name: "redact", grants: &["metrics"] },
    Bundled { name: "headers", grants: &["identity"] },
    Bundled { name: "router", grants: &["targets", "identity", "random"] },
    Bundled { name: "prompt-template", grants: &[] },
    Bundled { name: "meter", grants: &["metrics", "identity"] },
];

pub fn bundled(name: &str) -> Option<&'static Bundled> {
    BUNDLED.iter().find(|plugin| plugin.name == name)
}

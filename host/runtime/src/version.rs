//! Which version of a chain entry a plugin is: the one that serves, one on trial, or one that only watches.

/// The value of the label `version` in the metrics, and of the member `version` in the operator's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Version {
    /// What an entry without a canary always runs.
    #[default]
    Stable,
    /// Serves a share of the exchanges in the stable version's stead.
    Canary,
    /// Runs on a copy of each exchange, and changes nothing.
    Shadow,
}

impl Version {
    pub const ALL: [Version; 3] = [Version::Stable, Version::Canary, Version::Shadow];

    pub fn as_str(self) -> &'static str {
        match self {
            Version::Stable => "stable",
            Version::Canary => "canary",
            Version::Shadow => "shadow",
        }
    }

    /// For log lines: nothing for the usual version.
    pub fn unless_stable(self) -> Option<&'static str> {
        (self != Version::Stable).then(|| self.as_str())
    }
}

//! What came of an exchange: one word, the same in log, metrics and plugins.

/// Each exchange has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The client has the whole answer, whatever its status.
    Complete,
    ClientGone,
    /// The upstream ended in the middle of its answer.
    UpstreamCut,
    /// A plugin or the gateway answered in the upstream's stead.
    Rejected,
    TimedOut,
    /// A fault of the gateway or of a plugin.
    Failed,
}

impl Outcome {
    pub const ALL: [Outcome; 6] = [
        Outcome::Complete,
        Outcome::ClientGone,
        Outcome::UpstreamCut,
        Outcome::Rejected,
        Outcome::TimedOut,
        Outcome::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::ClientGone => "client_gone",
            Outcome::UpstreamCut => "upstream_cut",
            Outcome::Rejected => "rejected",
            Outcome::TimedOut => "timed_out",
            Outcome::Failed => "failed",
        }
    }
}

//! The phases of an exchange that a plugin can take part in, in the order in which they run.

/// One phase of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    Head,
    Body,
    Call,
    Route,
    Attempt,
    ReplyHead,
    Delta,
    ReplyBody,
    Finish,
}

impl Phase {
    pub const ALL: [Phase; 9] = [
        Phase::Head,
        Phase::Body,
        Phase::Call,
        Phase::Route,
        Phase::Attempt,
        Phase::ReplyHead,
        Phase::Delta,
        Phase::ReplyBody,
        Phase::Finish,
    ];

    /// The name of the exported interface, as in a plugin's setup.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Head => "head",
            Phase::Body => "body",
            Phase::Call => "call",
            Phase::Route => "route",
            Phase::Attempt => "attempt",
            Phase::ReplyHead => "reply-head",
            Phase::Delta => "delta",
            Phase::ReplyBody => "reply-body",
            Phase::Finish => "finish",
        }
    }

    pub fn from_name(name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.as_str() == name)
    }
}

/// A set of phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhaseSet(u16);

impl PhaseSet {
    pub fn contains(self, phase: Phase) -> bool {
        self.0 & (1 << phase as u8) != 0
    }

    pub fn insert(&mut self, phase: Phase) {
        self.0 |= 1 << phase as u8;
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order in which they run.
    pub fn iter(self) -> impl Iterator<Item = Phase> {
        Phase::ALL.into_iter().filter(move |phase| self.contains(*phase))
    }

    /// True if a phase of the set can come behind `phase`. A body that streams comes behind `route`, and an attempt behind another.
    pub fn any_after(self, phase: Phase) -> bool {
        let again = match phase {
            Phase::Route => self.contains(Phase::Body),
            Phase::Attempt => self.contains(Phase::Attempt),
            _ => false,
        };
        again || self.iter().any(|other| other > phase)
    }
}

impl FromIterator<Phase> for PhaseSet {
    fn from_iter<I: IntoIterator<Item = Phase>>(phases: I) -> PhaseSet {
        let mut set = PhaseSet::default();
        phases.into_iter().for_each(|phase| set.insert(phase));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_route_a_body_may_come_and_behind_a_body_that_is_buffered_route() {
        let set = |phases: &[Phase]| phases.iter().copied().collect::<PhaseSet>();
        let both = set(&[Phase::Head, Phase::Body, Phase::Route]);
        assert!([Phase::Head, Phase::Body, Phase::Route].into_iter().all(|phase| both.any_after(phase)));
        let last = set(&[Phase::Head, Phase::Route]);
        assert!(last.any_after(Phase::Head) && !last.any_after(Phase::Route));
        assert!(!set(&Phase::ALL).any_after(Phase::Finish));
    }
}

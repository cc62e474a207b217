//! Calls and results must belong together; each vendor says so in its own words.

use std::collections::HashSet;

use super::{Part, Turn};

/// What is wrong, and at which turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disorder {
    /// Calls of a turn that the turns right behind it have no result for.
    Unanswered { turn: usize, ids: Vec<String> },
    /// A result without a call in the turn in front.
    Unasked { turn: usize, id: String },
}

pub fn check_order(turns: &[Turn]) -> Result<(), Disorder> {
    let mut open: (usize, Vec<&str>) = (0, Vec::new());
    let mut known: HashSet<&str> = HashSet::new();
    for (index, turn) in turns.iter().enumerate() {
        let results: Vec<&str> = turn.parts.iter().filter_map(result_id).collect();
        if let Some(unasked) = results.iter().find(|id| !known.contains(*id)) {
            return Err(Disorder::Unasked { turn: index, id: (*unasked).to_owned() });
        }
        open.1.retain(|id| !results.contains(id));
        if results.is_empty() {
            answered(&open)?;
            known.clear();
        }
        let calls: Vec<&str> = turn.parts.iter().filter_map(call_id).collect();
        if !calls.is_empty() {
            known = calls.iter().copied().collect();
            open = (index, calls);
        }
    }
    answered(&open)
}

fn answered((turn, ids): &(usize, Vec<&str>)) -> Result<(), Disorder> {
    if ids.is_empty() {
        return Ok(());
    }
    Err(Disorder::Unanswered { turn: *turn, ids: ids.iter().map(ToString::to_string).collect() })
}

fn call_id(part: &Part) -> Option<&str> {
    match part {
        Part::Call { id, .. } => Some(id),
        _ => None,
    }
}

fn result_id(part: &Part) -> Option<&str> {
    match part {
        Part::Result { id, .. } => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Role;

    fn calls(ids: &[&str]) -> Turn {
        let call = |id: &&str| Part::Call { id: id.to_string(), name: "look".into(), arguments: "{}".into() };
        Turn::new(Role::Assistant, ids.iter().map(call).collect())
    }

    fn results(ids: &[&str]) -> Turn {
        let result = |id: &&str| Part::Result { id: id.to_string(), text: String::new(), attachments: 0 };
        Turn::new(Role::Tool, ids.iter().map(result).collect())
    }

    #[test]
    fn results_may_come_in_one_turn_or_in_several() {
        let said = || Turn::text(Role::User, "x");
        assert_eq!(check_order(&[said(), calls(&["a", "b"]), results(&["b", "a"]), said()]), Ok(()));
        assert_eq!(
            check_order(&[calls(&["a", "b"]), results(&["a"]), results(&["b"]), calls(&["c"]), results(&["c"])]),
            Ok(())
        );
    }

    #[test]
    fn a_call_without_a_result_and_a_result_without_a_call_are_named() {
        let said = || Turn::text(Role::User, "x");
        let unanswered =
            |turn, ids: &[&str]| Err(Disorder::Unanswered { turn, ids: ids.iter().map(ToString::to_string).collect() });
        assert_eq!(check_order(&[said(), calls(&["a", "b"])]), unanswered(1, &["a", "b"]));
        assert_eq!(check_order(&[calls(&["a", "b"]), results(&["b"]), said()]), unanswered(0, &["a"]));
        assert_eq!(check_order(&[results(&["a"])]), Err(Disorder::Unasked { turn: 0, id: "a".into() }));
        let late = [calls(&["a"]), results(&["a"]), said(), results(&["a"])];
        assert_eq!(check_order(&late), Err(Disorder::Unasked { turn: 3, id: "a".into() }));
    }
}

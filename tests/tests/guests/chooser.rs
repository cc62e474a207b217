//! The guest that chooses targets: not hostile, but held to its grant. What it does for requests is in the tests of targets.

use sluicegate_tests::guests;

use crate::support::{check, refusal};

#[test]
fn who_chooses_targets_without_the_grant_is_refused_and_told_which() {
    let said = refusal(guests::CHOOSER, "grants = [\"identity\"]");
    assert!(said.contains("write grants = [\"identity\", \"targets\"] in the entry"), "{said}");
    let (accepted, _, said) = check(guests::CHOOSER, "", "grants = [\"targets\"]");
    assert!(accepted, "{said}");
}

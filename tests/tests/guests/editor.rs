//! The guest that edits calls of models: not hostile, but held to its grants. What it does for calls is in the tests of models.

use sluicegate_tests::guests;

use crate::support::{check, refusal};

#[test]
fn who_chooses_credentials_without_the_grant_is_refused_and_told_which() {
    let said = refusal(guests::EDITOR, "grants = [\"targets\"], config = { acts = [] }");
    assert!(said.contains("credentials"), "{said}");
    let (accepted, _, said) =
        check(guests::EDITOR, "", "grants = [\"targets\", \"credentials\"], config = { acts = [] }");
    assert!(accepted, "{said}");
}

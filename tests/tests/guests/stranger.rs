//! The guest that imports what no gateway offers.

use sluicegate_tests::guests;

use crate::support::refusal;

#[test]
fn an_unknown_import_is_refused_by_its_name() {
    insta::assert_snapshot!(refusal(guests::STRANGER, ""));
}

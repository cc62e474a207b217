//! The guest built against a contract that does not exist yet.

use sluicegate_tests::guests;

use crate::support::refusal;

#[test]
fn a_contract_from_the_future_is_refused_and_both_ways_out_are_named() {
    insta::assert_snapshot!(refusal(guests::FUTURE, ""));
}

//! The guest that wants 1 GiB of memory from the start.

use sluicegate_tests::guests;

use crate::support::refusal;

#[test]
fn a_wish_for_a_gibibyte_is_refused_with_the_setting_that_would_allow_it() {
    let said = refusal(guests::GIANT, "");
    insta::assert_snapshot!(said);
}

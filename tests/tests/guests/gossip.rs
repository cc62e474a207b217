//! The guest that tells what it is trusted with; `tests/trace/secrets.rs` listens to it.

use crate::support::refusal;
use sluicegate_tests::guests;

#[test]
fn without_the_grant_for_it_nobody_is_trusted_with_credentials() {
    let said = refusal(guests::GOSSIP, "config = {}");
    assert!(said.contains("credentials-in-clear"), "{said}");
}

//! The guest that cannot be frozen, because it holds a handle of the host after `configure`.

use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Origin, WHOLE, check, refusal};

#[test]
fn what_cannot_be_frozen_is_refused_for_fresh_instances_and_told_to_run_pooled() {
    insta::assert_snapshot!(refusal(guests::CLERK, "isolation = \"request\""));
}

#[test]
fn what_cannot_be_frozen_is_accepted_for_warm_instances() {
    let (accepted, printed, said) = check(guests::CLERK, "", "isolation = \"pooled\"");
    assert!(accepted && said.is_empty(), "{said}");
    assert!(printed.contains("ok; 1 route,"), "{printed}");
}

#[tokio::test]
async fn what_cannot_be_frozen_serves_from_instances_that_are_configured_one_by_one() {
    let origin = Origin::start().await;
    let config = format!(
        r#"
data_dir = "data"

[plugins.clerk]
file = "clerk.wasm"

[upstreams.origin]
url = "{}"

[[routes]]
name = "all"
upstream = "origin"
chain = [{{ plugin = "clerk", isolation = "pooled" }}]
"#,
        origin.url()
    );
    let gateway = Gateway::start(&config, &[("clerk.wasm", guests::CLERK)]);
    for _ in 0..3 {
        let heard = Ask::to("/").send(gateway.address()).await;
        assert_eq!((heard.status, heard.field("x-clerk"), heard.text().as_str()), (200, Some(&b"served"[..]), WHOLE));
    }
}

//! The smallest policy: what it does without a config of its own.

use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Origin, check};

#[tokio::test]
async fn a_policy_without_a_config_refuses_what_it_was_written_to_refuse() {
    let origin = Origin::start().await;
    let config = format!(
        r#"
data_dir = "data"

[plugins.smallest]
file = "smallest.wasm"

[upstreams.origin]
url = "{}"

[[routes]]
name = "all"
upstream = "origin"
chain = [{{ plugin = "smallest" }}]
"#,
        origin.url()
    );
    let gateway = Gateway::start(&config, &[("smallest.wasm", guests::SMALLEST)]);
    let refused = Ask::to("/").send(gateway.address()).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("header_missing"), "{}", refused.text());
    assert_eq!(Ask::to("/").field("x-team", "a").send(gateway.address()).await.status, 200);
}

#[test]
fn a_name_in_the_config_of_a_policy_without_one_is_refused_at_its_place() {
    let (accepted, _, said) = check(guests::SMALLEST, "", "config = { team = \"a\" }");
    assert!(!accepted);
    assert!(said.contains("`team`: there is no such name, nor any other: remove it."), "{said}");
}

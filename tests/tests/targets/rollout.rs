//! An entry that chooses comes into service like any other: by its tests, as a shadow, as a canary.

use http::Method;
use serde_json::json;
use sluicegate_tests::{Gateway, guests};

use crate::support::{ask, config, named, start};

#[tokio::test]
async fn each_exchange_is_sent_where_its_version_of_the_entry_says() {
    let (a, b) = (named("a").await, named("b").await);
    let head = "[[chains.all]]\nplugin = \"chooser\"\ngrants = [\"targets\"]\nconfig = { choose = \"a\" }\n\
                [chains.all.canary]\nconfig = { choose = \"b\" }\nweight = 50\n";
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], head, "chain = \"all\""));
    let mut seen = [0, 0];
    for number in 0..20 {
        let id = format!("request-{number}");
        let text = ask(&gateway, Method::GET, &[("x-request-id", &id)], "").await.text();
        let line = gateway.wait_for_log(number + 1).remove(number);
        let versions = if text == "b" { json!({ "chooser": "canary" }) } else { json!({}) };
        assert_eq!((&line["versions"], &line["upstream"]), (&versions, &json!(text)), "{line}");
        seen[usize::from(text == "b")] += 1;
    }
    assert!(seen.iter().all(|count| *count > 2), "{seen:?}");
}

#[tokio::test]
async fn the_plan_of_a_shadow_stays_on_its_copy() {
    let (a, b) = (named("a").await, named("b").await);
    let chain =
        "chain = [{ plugin = \"chooser\", grants = [\"targets\"], mode = \"shadow\", config = { choose = \"b,a\" } }]";
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", chain));
    assert_eq!(ask(&gateway, Method::POST, &[], "body").await.text(), "a");
    let line = gateway.wait_for_log(1).remove(0);
    let shadow = json!({ "chooser": { "decision": "proceed", "changed": ["labels", "plan", "request-head"] } });
    assert_eq!((&line["upstream"], &line["shadow"], &line["labels"]), (&json!("a"), &shadow, &json!({})), "{line}");
    assert!(b.received().is_empty());
    assert!(!a.received()[0].headers.contains_key("x-plan"));
}

/// An entry that wants `b` first, with one test.
fn tested(test: &str) -> Result<Gateway, String> {
    let head = format!(
        "[[chains.all]]\nplugin = \"chooser\"\ngrants = [\"targets\"]\nconfig = {{ choose = \"b,a\" }}\n\
         [[chains.all.self_tests]]\nname = \"prefers b\"\n{test}\n"
    );
    let text = config(&[("a", "http://127.0.0.1:1"), ("b", "http://127.0.0.1:1")], &head, "chain = \"all\"");
    let files: [(&str, &[u8]); 2] = [("chooser.wasm", guests::CHOOSER), ("hostile.wasm", guests::HOSTILE)];
    Gateway::try_start(&text, &files, &[])
}

#[test]
fn a_self_test_names_targets_and_expects_a_plan() {
    for good in [
        "request = { targets = [\"a\", \"b\"] }\nexpect = { decision = \"proceed\", plan = [\"b\", \"a\"] }",
        "request = { targets = [\"a\", \"b\"], headers = { x-choose = \"none\" } }\nexpect = { decision = \"proceed\", plan = [] }",
        "request = { targets = [\"b\", \"a\"], headers = { x-choose = \"least\" } }\nexpect = { decision = \"proceed\", plan = [\"b\", \"a\"] }",
        "request = { targets = [\"a\"], headers = { x-choose = \"refuse\" } }\nexpect = { decision = \"reject\", status = 429 }",
        // Without targets there is no such phase.
        "request = { headers = { x-choose = \"refuse\" } }\nexpect = { decision = \"proceed\" }",
    ] {
        if let Err(said) = tested(good) {
            panic!("{good}: {said}");
        }
    }
    let said = tested(
        "request = { targets = [\"b\", \"a\"], headers = { x-choose = \"a\" } }\nexpect = { decision = \"proceed\", plan = [\"b\"] }",
    );
    let said = said.err().expect("it must not start");
    assert!(
        said.contains("fails the self-test \"prefers b\": expected the plan to be [\"b\"], and it is [\"a\"]"),
        "{said}"
    );
}

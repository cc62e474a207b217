//! Which upstream a request goes to, without a plugin and with one that chooses.

use http::Method;
use serde_json::{Value, json};
use sluicegate_tests::{Gateway, guests};

use crate::support::{CHOOSER, ask, config, get, named, silent, start};

#[tokio::test]
async fn without_a_plugin_the_first_upstream_serves() {
    let (a, b) = (named("a").await, named("b").await);
    let gateway = start(&config(&[("b", &b.url()), ("a", &a.url())], "", ""));
    assert_eq!(get(&gateway).await.text(), "b");
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["upstream"], &line["attempts"], &line["tried"]), (&json!("b"), &json!(1), &json!([])));
    assert!(a.received().is_empty());
}

#[tokio::test]
async fn a_plugin_sends_each_request_where_its_field_says() {
    let (a, b, c) = (named("a").await, named("b").await, named("c").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url()), ("c", &c.url())], "", CHOOSER));
    for (number, (wanted, answer)) in [("b,a", "b"), ("c", "c"), ("a,b,c", "a"), ("", "a")].into_iter().enumerate() {
        assert_eq!(ask(&gateway, Method::POST, &[("x-choose", wanted)], "body").await.text(), answer, "{wanted}");
        let line = gateway.wait_for_log(number + 1).remove(number);
        let used = if wanted.is_empty() { "a,b,c" } else { wanted };
        let labels =
            json!({ "early": "false", "found": "a,b,c", "set": "true", "head": "true", "late": "false", "used": used });
        assert_eq!((&line["upstream"], &line["labels"]), (&json!(answer), &labels), "{line}");
    }
    // What the phase changes of the head goes upstream.
    assert_eq!(b.received()[0].headers["x-plan"], "b,a");
    assert_eq!(c.received()[0].headers["x-plan"], "c");
}

#[tokio::test]
async fn a_plugin_finds_the_plan_that_the_one_in_front_of_it_left() {
    let (a, b) = (named("a").await, named("b").await);
    let entry = |name: &str, choose: &str| {
        format!(
            "{{ plugin = \"chooser\", name = \"{name}\", grants = [\"targets\"], config = {{ choose = \"{choose}\" }} }}"
        )
    };
    let chain = format!("chain = [{}, {}]", entry("first", "b,a"), entry("second", "rested"));
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", &chain));
    assert_eq!(get(&gateway).await.text(), "b");
    assert_eq!(gateway.wait_for_log(1)[0]["labels"]["found"], "b,a");
}

#[tokio::test]
async fn a_plugin_sends_requests_to_where_the_fewest_are_under_way() {
    let (a, b) = (silent().await, named("b").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", CHOOSER));
    let url = gateway.url("/slow");
    let waiting = tokio::spawn(async move { sluicegate_tests::get(&url).await });
    a.notes.wait_for("arrived").await;
    for _ in 0..3 {
        assert_eq!(ask(&gateway, Method::GET, &[("x-choose", "least")], "").await.text(), "b");
    }
    waiting.abort();
}

#[tokio::test]
async fn a_plan_of_unknown_or_repeated_numbers_is_refused_and_the_one_before_stays() {
    let (a, b) = (named("a").await, named("b").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", CHOOSER));
    assert_eq!(ask(&gateway, Method::GET, &[("x-choose", "wild")], "").await.text(), "a");
    // An exchange ends after its answer: the next one could overtake it in the log.
    gateway.wait_for_log(1);
    assert_eq!(ask(&gateway, Method::GET, &[("x-choose", "b,nobody")], "").await.text(), "a");
    let log = gateway.wait_for_log(2);
    assert_eq!((&log[0]["labels"]["taken"], &log[0]["labels"]["used"]), (&json!("0"), &json!("a,b")));
    assert_eq!((&log[1]["labels"]["set"], &log[1]["labels"]["used"]), (&json!("false"), &json!("a,b")));
}

#[tokio::test]
async fn an_empty_plan_refuses_the_request() {
    let a = named("a").await;
    let gateway = start(&config(&[("a", &a.url())], "", CHOOSER));
    let reply = ask(&gateway, Method::GET, &[("x-choose", "none")], "").await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (503, Some("policy_no_target")));
    let line = gateway.wait_for_log(1).remove(0);
    let outcome = json!([line["outcome"], line["fault"], line["upstream"], line["attempts"], line["tried"]]);
    assert_eq!(outcome, json!(["rejected", "policy", Value::Null, 0, []]));
    assert!(a.received().is_empty());
}

#[tokio::test]
async fn a_plugin_can_refuse_in_the_phase_before_anything_goes_upstream() {
    let a = named("a").await;
    let gateway = start(&config(&[("a", &a.url())], "", CHOOSER));
    let reply = ask(&gateway, Method::POST, &[("x-choose", "refuse")], vec![b'x'; 1 << 20]).await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (429, Some("not_now")));
    assert_eq!(gateway.wait_for_log(1)[0]["decided_by"], "chooser");
    assert!(a.received().is_empty());
}

#[tokio::test]
async fn a_route_with_one_upstream_has_one_target() {
    let a = named("a").await;
    let one = config(&[("a", &a.url())], "", CHOOSER).replace("upstreams = [\"a\"]", "upstream = \"a\"");
    let gateway = start(&one);
    assert_eq!(get(&gateway).await.text(), "a");
    assert_eq!(gateway.wait_for_log(1)[0]["labels"]["found"], "a");
}

#[test]
fn a_plugin_without_the_grant_is_refused() {
    let text = config(&[("a", "http://127.0.0.1:1")], "", CHOOSER).replace("[\"targets\"]", "[]");
    let files: [(&str, &[u8]); 2] = [("chooser.wasm", guests::CHOOSER), ("hostile.wasm", guests::HOSTILE)];
    let said = Gateway::try_start(&text, &files, &[]).err().expect("it must not start");
    assert!(said.contains("it uses \"targets\", which its chain entry does not grant"), "{said}");
}

//! Floods of lines, bytes, metrics, labels and long texts: what of them the operator sees, and what is refused.

use super::{gateway, is_whole, told};
use crate::support::{Ask, Origin, metric};

const ROOMY: &str =
    "isolation = \"pooled\", limits = { cpu_max_ms = 10_000, wall_max_ms = 60_000, host_calls_max = 100_000 }";

fn roomy(config: &str) -> String {
    format!("{ROOMY}, config = {{ heads_only = true, {config} }}")
}

#[tokio::test]
async fn a_flood_on_standard_output_is_cut_counted_and_cannot_forge_a_line() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("chatty", &roomy(""))]);
    let ask = Ask::to("/chatty").field("x-do", "head=print-flood, finish=print-flood").field("x-request-id", "flood");
    assert!(is_whole(&ask.send(gateway.address()).await));
    // 2,000 lines in each of two phases, of which 64 are shown.
    gateway.wait_for_stderr("3936 lines of plugins were dropped");
    let lines = gateway.stderr_lines();
    let printed: Vec<_> = lines.iter().filter(|line| line.contains("printed ") || line.contains("forged")).collect();
    assert_eq!(printed.len(), 64);
    assert!(printed.iter().all(|line| line.contains("request_id=\"flood\"") && line.starts_with("20")), "{printed:?}");
    assert!(lines.iter().all(|line| !line.contains('\u{1b}')));
    // The next request may write again.
    assert!(is_whole(&told(&gateway, "chatty", "head=print-flood").await));
    gateway.wait_for_stderr("1936 lines of plugins were dropped");
}

#[tokio::test]
async fn a_line_of_a_mebibyte_is_cut_at_4_kib_on_either_way() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("long", &roomy(""))]);
    assert!(is_whole(&told(&gateway, "long", "head=log-long").await));
    let logged = gateway.wait_for_stderr("llll");
    assert_eq!(logged.matches('l').count() - logged.replace(&"l".repeat(64), "").matches('l').count(), 4096);
    assert!(is_whole(&told(&gateway, "long", "head=print-long").await));
    let printed = gateway.wait_for_stderr("pppp");
    assert!(printed.contains(&"p".repeat(4096)) && !printed.contains(&"p".repeat(4097)));
}

#[tokio::test]
async fn what_one_request_prints_without_an_end_of_line_does_not_begin_the_line_of_another() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("part", &roomy(""))]);
    for id in ["one", "two"] {
        let ask = Ask::to("/part").field("x-do", "head=print-part, finish=print-flood").field("x-request-id", id);
        assert!(is_whole(&ask.send(gateway.address()).await));
    }
    gateway.wait_for_log(2);
    for line in gateway.stderr_lines().iter().filter(|line| line.contains("no end of this line")) {
        assert_eq!(line.matches("no end of this line").count(), 1, "{line}");
    }
}

#[tokio::test]
async fn ten_thousand_metrics_that_nobody_declared_are_dropped_and_counted() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("counts", &roomy("metrics = 32"))]);
    for _ in 0..2 {
        assert!(is_whole(&told(&gateway, "counts", "head=many-metrics").await));
    }
    let series = "sluicegate_plugin_of_brute_0_total{plugin=\"counts\",version=\"stable\",route=\"counts\"}";
    assert_eq!(metric(&gateway, series).await, 2.0);
    assert_eq!(
        metric(&gateway, "sluicegate_policy_metric_drops_total{entry=\"counts\",version=\"stable\"}").await,
        20_000.0
    );
    let token = std::fs::read_to_string(gateway.folder().join("data/admin.token")).expect("the admin token");
    let address = gateway.admin().trim_start_matches("http://").parse().expect("an address");
    let page = Ask::get("/metrics").field("authorization", format!("Bearer {}", token.trim())).send(address).await;
    assert!(!page.text().contains("never_declared"), "{}", page.text());
}

#[tokio::test]
async fn thousands_of_labels_end_at_32() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("labels", &roomy(""))]);
    assert!(is_whole(&told(&gateway, "labels", "head=many-labels").await));
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!(line["labels"].as_object().map(serde_json::Map::len), Some(32), "{line}");
}

#[tokio::test]
async fn texts_of_a_mebibyte_are_refused_wherever_they_are_handed_over() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("long", &roomy(""))]);
    assert!(is_whole(&told(&gateway, "long", "head=long-texts").await));
    assert_eq!(gateway.wait_for_log(1)[0]["labels"]["long-taken"], "0");
    let (head, _) = origin.seen().remove(0);
    assert!(head.len() < 2000, "{} bytes of head went upstream", head.len());
}

#[tokio::test]
async fn methods_that_open_tunnels_echo_or_change_the_framing_are_refused() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("methods", &roomy(""))]);
    assert!(is_whole(&told(&gateway, "methods", "head=methods").await));
    // CONNECT, TRACE, HEAD, nothing, one with a space, one with a line of its own, PUT.
    let said = "forbidden forbidden forbidden invalid invalid invalid taken";
    assert_eq!(gateway.wait_for_log(1)[0]["labels"]["methods"], said);
    assert!(origin.seen()[0].0.starts_with(b"PUT "));
}

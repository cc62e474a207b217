use std::fmt::Write;
use std::time::Duration;

use http::{Method, StatusCode};

use super::plugin::METRICS_PER_ENTRY_MAX;
use sluicegate_runtime::Phase;

use super::*;
use crate::error::{Code, Fault};
use crate::telemetry::outcome::Outcome;

fn answered(method: &Method) -> Answered<'_> {
    Answered {
        method,
        status: Some(StatusCode::TOO_MANY_REQUESTS),
        outcome: Outcome::Rejected,
        fault: Some(Fault::Policy),
        duration: Duration::from_millis(30),
        overhead: Duration::from_micros(40),
    }
}

fn metric(name: &str, kind: MetricKind) -> PluginMetric {
    PluginMetric { name: name.to_string(), kind, help: "What it counts\nsecond line \\".to_string() }
}

#[test]
fn the_names_that_dashboards_rest_on() {
    let mut text = String::new();
    for (kind, name, labels) in names::TABLE {
        writeln!(text, "{kind} {name} {labels:?}").unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn everything_counted_once_is_printed_under_the_names_of_the_table() {
    let metrics = Metrics::new();
    let route = metrics.route(Some("chat"));
    route.answered(&answered(&Method::POST));
    drop(route.upgraded());
    metrics.route(None).answered(&Answered {
        status: None,
        outcome: Outcome::ClientGone,
        fault: None,
        ..answered(&Method::GET)
    });
    metrics.upstream("provider").attempted(&Method::POST, Ok(StatusCode::OK), Duration::from_millis(3));
    metrics.upstream("provider").attempted(&Method::POST, Err(Code::UpstreamTimeout), Duration::from_secs(30));
    metrics.connection_closed("address_limit");
    metrics.stream_refused("protocol_error");
    let entry = metrics.entry("limit", Version::Stable);
    entry.called(Phase::Head, Duration::from_micros(3));
    entry.trapped("cpu");
    entry.bypassed();
    entry.breaker_open(true);
    entry.decided("reject");
    entry.chosen();
    metrics.entry("limit", Version::Canary).rolled_back();
    let declared = [metric("denials_total", MetricKind::Counter), metric("size", MetricKind::Histogram)];
    let plugin = metrics.declare("limit", Version::Stable, &declared).unwrap();
    plugin.add(&route, "denials_total", 2);
    plugin.observe(&route, "size", 10.0);
    plugin.add(&route, "undeclared", 1);
    plugin.add(&route, "size", 1);
    plugin.observe(&route, "size", f64::NAN);
    metrics.config_changed("push", false);
    let live = Live {
        generation: 3,
        generations_live: 2,
        connections_open: 4,
        exchanges_open: 10,
        tasks_alive: 11,
        upstreams: vec![UpstreamConnections { upstream: "llm".to_owned(), in_use: 12, idle: 13 }],
        instances_live: 5,
        counter_entries: 6,
        counter_denied_when_full: 7,
        access_log_dropped: 8,
        access_log_failed: 9,
    };
    let text = metrics.text(&live);
    assert!(text.ends_with("# EOF\n"));
    insta::assert_snapshot!(without_buckets(&text));

    let printed: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let expected: BTreeSet<String> = names::TABLE
        .iter()
        .map(|(kind, name, _)| format!("{name} {kind}"))
        .chain(["sluicegate_plugin_denials counter".to_string(), "sluicegate_plugin_size histogram".to_string()])
        .collect();
    assert_eq!(printed, expected.iter().map(String::as_str).collect());
}

#[test]
fn durations_of_exchanges_have_the_buckets_of_the_http_conventions() {
    let metrics = Metrics::new();
    metrics.route(Some("chat")).answered(&answered(&Method::POST));
    let text = metrics.text(&Live::default());
    let bounds: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("http_server_request_duration_seconds_bucket{le=\"")?.split('"').next())
        .collect();
    let expected = [
        "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0",
        "+Inf",
    ];
    assert_eq!(bounds, expected);
}

#[test]
fn names_past_the_limit_of_label_values_are_counted_together() {
    let metrics = Metrics::with_label_values_max(2);
    for name in ["a", "b", "c", "d", "a"] {
        metrics.route(Some(name)).answered(&answered(&Method::GET));
        metrics.entry(name, Version::Stable).bypassed();
    }
    let text = metrics.text(&Live::default());
    let requests: Vec<&str> =
        text.lines().filter(|line| line.starts_with("sluicegate_policy_bypasses_total")).collect();
    let mut requests = requests;
    requests.sort_unstable();
    assert_eq!(
        requests,
        [
            r#"sluicegate_policy_bypasses_total{entry="_other",version="stable"} 2"#,
            r#"sluicegate_policy_bypasses_total{entry="a",version="stable"} 2"#,
            r#"sluicegate_policy_bypasses_total{entry="b",version="stable"} 1"#,
        ]
    );
}

#[test]
fn a_client_cannot_make_series_with_invented_methods() {
    let metrics = Metrics::new();
    let route = metrics.route(Some("chat"));
    for n in 0..100 {
        let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
        route.answered(&answered(&method));
    }
    let text = metrics.text(&Live::default());
    let series = text.lines().filter(|line| line.starts_with("http_server_request_duration_seconds_count")).count();
    assert_eq!(series, 1);
}

#[test]
fn a_name_with_quotes_and_line_ends_cannot_forge_a_line() {
    let metrics = Metrics::new();
    metrics.entry("a\"} 1\nforged 1", Version::Stable).bypassed();
    let text = metrics.text(&Live::default());
    assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    assert!(text.contains(r#"entry="a\"} 1\nforged 1""#), "{text}");
}

#[test]
fn two_entries_share_a_declared_metric_and_are_told_apart_by_label() {
    let metrics = Metrics::new();
    let route = metrics.route(Some("chat"));
    for entry in ["one", "two"] {
        let declared = metrics.declare(entry, Version::Stable, &[metric("hits", MetricKind::Counter)]).unwrap();
        declared.add(&route, "hits", 1);
    }
    let text = metrics.text(&Live::default());
    assert_eq!(text.matches("# TYPE sluicegate_plugin_hits counter").count(), 1);
    assert!(text.contains(r#"sluicegate_plugin_hits_total{plugin="one",version="stable",route="chat"} 1"#), "{text}");
    assert!(text.contains(r#"sluicegate_plugin_hits_total{plugin="two",version="stable",route="chat"} 1"#), "{text}");
}

#[test]
fn a_declaration_that_cannot_be_kept_is_refused_whole() {
    let metrics = Metrics::new();
    metrics.declare("one", Version::Stable, &[metric("hits", MetricKind::Counter)]).unwrap();
    for name in ["", "Hits", "1hits", "a-b", "a b", "_total", &"x".repeat(65)] {
        let error = metrics
            .declare("two", Version::Stable, &[metric("fine", MetricKind::Counter), metric(name, MetricKind::Counter)])
            .unwrap_err();
        assert_eq!(error, PluginMetricError::Name(name.to_string()));
    }
    let error = metrics.declare("two", Version::Stable, &[metric("hits", MetricKind::Histogram)]).unwrap_err();
    insta::assert_snapshot!(error, @"the metric `hits` is a Counter of another entry already; use another name");
    let error = metrics
        .declare("two", Version::Stable, &[metric("x", MetricKind::Counter), metric("x_total", MetricKind::Counter)])
        .unwrap_err();
    assert_eq!(error, PluginMetricError::Twice("x_total".to_string()));
    assert!(!metrics.text(&Live::default()).contains("sluicegate_plugin_fine"));
}

#[test]
fn an_entry_and_all_entries_together_have_a_limit_of_metrics() {
    let metrics = Metrics::new();
    let many = |entry: usize, count: usize| -> Vec<PluginMetric> {
        (0..count).map(|n| metric(&format!("m_{entry}_{n}"), MetricKind::Counter)).collect()
    };
    let error = metrics.declare("e", Version::Stable, &many(0, METRICS_PER_ENTRY_MAX + 1)).unwrap_err();
    assert_eq!(error, PluginMetricError::TooMany(METRICS_PER_ENTRY_MAX + 1));
    for entry in 0..PLUGIN_METRICS_MAX / METRICS_PER_ENTRY_MAX {
        metrics.declare("e", Version::Stable, &many(entry, METRICS_PER_ENTRY_MAX)).unwrap();
    }
    assert_eq!(metrics.declare("e", Version::Stable, &many(9999, 1)).unwrap_err(), PluginMetricError::TooManyInAll);
    metrics.declare("e", Version::Stable, &many(0, METRICS_PER_ENTRY_MAX)).unwrap();
}

/// Series come in no fixed order; their names and labels are what people rest on.
fn without_buckets(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.contains("_bucket{")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn the_page_on_operation_lists_every_metric_with_its_kind_and_labels() {
    let page = include_str!("../../../../docs/operations.md");
    let listed: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `http_") || line.starts_with("| `sluicegate_")).collect();
    assert_eq!(listed.len(), names::TABLE.len());
    for (kind, name, labels) in names::TABLE {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let row = format!("| `{name}` | {kind} | {labels} | ");
        assert!(listed.iter().any(|line| line.starts_with(&row)), "no row begins with {row}");
    }
}

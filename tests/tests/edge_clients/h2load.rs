//! h2load: many requests at once on few connections, in the count of both sides.

use sluicegate_tests::{Gateway, Upstream, config, metric, parts, script, wait_for_metric};

const REQUESTS: usize = 5_000;

/// The number in front of a word, in the line of h2load's summary that begins so.
fn number(summary: &str, line: &str, word: &str) -> u64 {
    let line = summary.lines().find_map(|one| one.strip_prefix(line)).unwrap_or_else(|| panic!("{line} in {summary}"));
    let found = line.split(", ").find_map(|one| one.trim().strip_suffix(word));
    found.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("{word} in {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_requests_on_few_connections_all_succeed_and_both_sides_count_the_same() {
    let upstream = Upstream::ok().await;
    for (protocol, flags) in [("h2", &["-m", "100"][..]), ("http/1.1", &["--h1", "-m", "1"])] {
        let gateway =
            Gateway::start(&format!("[admin]\naddress = \"127.0.0.1:0\"\n{}", config::proxy(&upstream.url())), &[]);
        let before = upstream.received().len();
        let mut h2load = parts::client("h2load");
        h2load.args(["-n", &REQUESTS.to_string(), "-c", "10", "-t", "2"]).args(flags).arg(gateway.url("/load"));
        let summary = script::said(h2load).await;
        for (line, word, expected) in [
            ("requests:", "succeeded", REQUESTS as u64),
            ("requests:", "failed", 0),
            ("requests:", "errored", 0),
            ("requests:", "timeout", 0),
            ("status codes:", "2xx", REQUESTS as u64),
        ] {
            assert_eq!(number(&summary, line, word), expected, "{protocol} {line} {word}: {summary}");
        }
        let log = gateway.wait_for_log(REQUESTS);
        assert_eq!(log.len(), REQUESTS, "{protocol}");
        let good = |line: &&serde_json::Value| {
            line["outcome"] == "complete" && line["status"] == 200 && line["protocol"] == protocol
        };
        assert_eq!(log.iter().filter(good).count(), REQUESTS, "{protocol}");
        assert_eq!(metric(&gateway, "sluicegate_requests_total", &["route=\"all\""]).await, REQUESTS as f64);
        assert_eq!(upstream.received().len() - before, REQUESTS, "{protocol}");
        // h2load ends its connections by closing them, which is no abuse.
        wait_for_metric(&gateway, "sluicegate_connections_open", &[], 0.0).await;
        assert_eq!(metric(&gateway, "sluicegate_connections_closed_total", &[]).await, 0.0);
    }
}

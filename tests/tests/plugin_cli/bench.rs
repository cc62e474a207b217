//! `sluicegate plugin bench`.

use serde_json::Value;
use sluicegate_tests::{guests, sluicegate};

use super::{folder, masked, shown};

const EXCHANGES: &str = r#"
[[exchanges]]
name = "a head"
[[exchanges]]
name = "both bodies"
request = { body = "hello!" }
reply = { body = "bye!" }
"#;

#[test]
fn the_figures_of_each_exchange_are_shown_for_both_kinds_of_isolation() {
    let folder = folder(&[("marker.wasm", guests::MARKER), ("exchanges.toml", EXCHANGES.as_bytes())]);
    let said = sluicegate(folder.path(), &["plugin", "bench", "hostile.wasm", "--seconds", "0.01"]);
    assert_eq!(said.status, 1, "{}", shown(&said));
    std::fs::write(folder.path().join("hostile.wasm"), guests::HOSTILE).unwrap();
    let said = sluicegate(folder.path(), &["plugin", "bench", "hostile.wasm", "--seconds", "0.01"]);
    assert_eq!(said.status, 0, "{}", shown(&said));
    // Columns are as wide as their figures, and a rate has no unit.
    let lines = masked(&said.stdout.split_whitespace().collect::<Vec<_>>().join(" "));
    for part in [
        "a head made compiled in N ms to N bytes of code, configured in N ms, frozen in N ms to N bytes memory N KiB linear",
        "isolation phase median p99 calls a second request head N µs N µs",
        "pooled head N µs N µs",
        "both bodies memory",
        "request reply-body N µs",
    ] {
        assert!(lines.contains(part), "{part}\n{lines}");
    }
    if cfg!(debug_assertions) {
        assert!(said.stderr.contains("this is a debug build of sluicegate"), "{}", shown(&said));
    }
}

#[test]
fn programs_get_figures_that_fit_together() {
    let folder = folder(&[("hostile.wasm", guests::HOSTILE)]);
    let said = sluicegate(folder.path(), &["plugin", "bench", "hostile.wasm", "--seconds", "0.05", "--json"]);
    let json: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}", shown(&said)));
    let measured = &json["exchanges"][0];
    assert_eq!(measured["name"], "GET /", "without a file of exchanges");
    assert_eq!(measured["made"]["frozen"], true);
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(number(&measured["memory"]["start_bytes"]) >= 65_536.0, "{measured:#}");
    assert!(number(&measured["memory"]["after_bytes"]) >= number(&measured["memory"]["start_bytes"]));
    assert!(number(&measured["memory"]["resident_bytes"]) < number(&measured["memory"]["after_bytes"]) * 4.0);
    for times in measured["times"].as_array().unwrap() {
        assert!(
            number(&times["median_us"]) > 0.0 && number(&times["p99_us"]) >= number(&times["median_us"]),
            "{times}"
        );
    }
    let median = |isolation: &str| {
        let of = measured["times"].as_array().unwrap().iter().find(|times| times["isolation"] == isolation);
        number(&of.unwrap()["median_us"])
    };
    assert!(median("request") > median("pooled"), "a fresh instance costs more: {measured:#}");
}

#[test]
fn what_fails_is_not_measured() {
    let file = "[[exchanges]]\nname = \"it traps\"\nrequest = { headers = { x-do = \"head=trap\" } }\n";
    let folder = folder(&[("hostile.wasm", guests::HOSTILE), ("exchanges.toml", file.as_bytes())]);
    let said = sluicegate(folder.path(), &["plugin", "bench", "hostile.wasm", "--seconds", "0.01"]);
    assert!(
        said.status == 1 && said.stderr.contains("exchange \"it traps\": it failed in phase `head`: trap:"),
        "{}",
        shown(&said)
    );
    let said = sluicegate(folder.path(), &["plugin", "bench", "hostile.wasm", "--seconds", "0"]);
    assert!(said.stderr.contains("write seconds from 0.01 to 60"), "{}", shown(&said));
}

#[test]
fn what_cannot_be_frozen_is_measured_pooled_and_told_why() {
    let folder = folder(&[("clerk.wasm", guests::CLERK)]);
    let said = sluicegate(folder.path(), &["plugin", "bench", "clerk.wasm", "--seconds", "0.01"]);
    assert!(said.stdout.contains("the plugin takes part in no phase of this exchange"), "{}", shown(&said));
    let file = "[[exchanges]]\nname = \"with an answer\"\nreply = {}\n";
    std::fs::write(folder.path().join("exchanges.toml"), file).unwrap();
    let said = sluicegate(folder.path(), &["plugin", "bench", "clerk.wasm", "--seconds", "0.01"]);
    assert!(said.stdout.contains("not frozen: it holds a handle of the host after `configure`"), "{}", shown(&said));
    assert!(said.stdout.contains("  pooled ") && !said.stdout.contains("  request "), "{}", shown(&said));
}

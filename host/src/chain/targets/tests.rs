use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::config::{self, Origin};
use crate::telemetry::metrics::Metrics;
use crate::upstream::Tls;

fn targets<const N: usize>(names: [&str; N]) -> (Arc<ManualClock>, Targets) {
    let clock = Arc::new(ManualClock::at_unix_ms(0));
    let metrics = Metrics::new();
    let target = |name: &str| {
        let config = config::Upstream {
            name: name.to_owned(),
            origin: Origin { tls: false, host: "localhost".to_owned(), port: 1 },
            base_path: String::new(),
            credential: None,
            connect_timeout: Duration::from_secs(1),
            reply_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            connections_max: 1,
            protocol: crate::config::UpstreamProtocol::Http1,
            streams_max: 100,
            ca_file: None,
            server_name: None,
            client_certificate: None,
            reply_heads: crate::config::ReplyHeads { bytes_max: 65_536, fields_max: 100 },
        };
        let upstream = Upstream::new(Arc::new(config), &Tls::new(), clock.clone()).unwrap();
        Target { upstream: Arc::new(upstream), metrics: metrics.upstream(name), model: None }
    };
    let targets = Targets::new(names.map(target).into());
    (clock, targets)
}

fn fail(targets: &Targets, number: u32) {
    targets.get(number).unwrap().upstream.health().begin().failed();
}

#[test]
fn targets_are_tried_as_configured_and_those_that_rest_come_last() {
    let (clock, targets) = targets(["a", "b", "c"]);
    assert_eq!(targets.order(), [0, 1, 2]);
    fail(&targets, 0);
    assert_eq!(targets.order(), [1, 2, 0]);
    fail(&targets, 1);
    assert_eq!(targets.order(), [2, 0, 1]);
    fail(&targets, 2);
    assert_eq!(targets.order(), [0, 1, 2], "if all rest, all are tried");
    clock.advance(Duration::from_secs(1));
    assert_eq!(targets.order(), [0, 1, 2]);
}

#[test]
fn the_first_exchange_after_a_rest_tries_the_target_and_others_wait_for_what_it_finds() {
    let (clock, targets) = targets(["a", "b"]);
    fail(&targets, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(targets.order(), [0, 1]);
    let mut probe = targets.get(0).unwrap().upstream.health().begin();
    assert_eq!(targets.order(), [1, 0]);
    probe.answered(Duration::ZERO);
    assert_eq!(targets.order(), [0, 1]);
}

#[test]
fn plugins_are_told_names_and_figures_and_nothing_of_what_is_not_known() {
    let (_, targets) = targets(["a", "b"]);
    fail(&targets, 1);
    let mut busy = targets.get(0).unwrap().upstream.health().begin();
    busy.answered(Duration::from_millis(7));
    assert_eq!((targets.count(), targets.facts("name")), (2, vec!["a".to_owned(), "b".to_owned()]));
    for unknown in ["origin", "credential", ""] {
        assert_eq!(targets.facts(unknown), ["", ""]);
        assert_eq!(targets.figures(unknown), [None, None]);
    }
    assert_eq!(targets.figures("in-flight"), [Some(1), Some(0)]);
    assert_eq!(targets.figures("first-byte-ms"), [Some(7), None]);
    assert_eq!(targets.figures("rests-ms"), [Some(0), Some(1_000)]);
    assert_eq!(targets.figures("failures-per-thousand"), [Some(0), Some(1_000)]);
}

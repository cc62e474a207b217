//! What a connection costs on which nobody asks for anything.

use std::process::Command;

use sluicegate_tests::soak::process::Sample;
use sluicegate_tests::{Gateway, Raw, Upstream, config, metric};

const CONNECTIONS: usize = 10_000;
/// Of the gateway's memory, and not what the system keeps for a socket.
const BYTES_EACH_MAX: usize = 12 << 10;
/// At once while they are made: below what the system lets wait for an accept.
const AT_ONCE: usize = 200;

/// Both this process and the gateway, which inherits it, hold a descriptor for each connection.
fn raise_descriptors() {
    let wanted = format!("--nofile={}:", CONNECTIONS + 1_000);
    let process = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &process, &wanted]).status();
    assert!(
        raised.is_ok_and(|status| status.success()),
        "no {CONNECTIONS} connections can be open: install util-linux, or raise the hard limit of open files"
    );
}

fn text(upstream: &Upstream) -> String {
    format!(
        "workers = 2\naccess_log = \"off\"\n[admin]\naddress = \"127.0.0.1:0\"\n[limits]\nconnections_max = 20_000\n\
         connections_per_address_max = 20_000\nhead_timeout_ms = 600_000\n{}",
        config::proxy(&upstream.url())
    )
}

/// So many connections on each of which a request has been answered.
async fn asked(gateway: &Gateway, count: usize) -> Vec<Raw> {
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let mut some = Vec::new();
        for _ in 0..AT_ONCE.min(count - open.len()) {
            let mut raw = Raw::connect(gateway.address()).await;
            raw.write("GET / HTTP/1.1\r\nhost: x\r\nuser-agent: a client that stays\r\naccept: */*\r\n\r\n").await;
            some.push(raw);
        }
        for raw in &mut some {
            raw.read_until("\r\n\r\nok").await;
        }
        open.append(&mut some);
    }
    open
}

#[tokio::test]
async fn an_idle_connection_costs_at_most_12_kib() {
    raise_descriptors();
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&text(&upstream), &[]);
    // What is there once for all: pools, rooms, the allocator's arenas.
    let warm = asked(&gateway, AT_ONCE).await;
    let before = Sample::of(gateway.id());
    let open = asked(&gateway, CONNECTIONS).await;
    let after = Sample::of(gateway.id());
    assert_eq!(metric(&gateway, "sluicegate_connections_open", &[]).await as usize, CONNECTIONS + warm.len());
    let each = (after.anonymous_kib - before.anonymous_kib) as usize * 1024 / CONNECTIONS;
    eprintln!("{each} bytes for each of {CONNECTIONS} idle connections");
    assert!(each <= BYTES_EACH_MAX, "{each} bytes for each connection");
    drop((open, warm));
}

//! What a connection costs on which nobody asks for anything.

use sluicegate_tests::soak::idle::{Kind, bytes_each};

#[tokio::test]
async fn an_idle_connection_costs_at_most_12_kib() {
    is_kept(Kind { http2: false, tls: false }, 10_000).await;
}

#[tokio::test]
async fn an_idle_connection_of_tls_or_http2_costs_what_is_promised() {
    for kind in Kind::ALL.into_iter().skip(1) {
        is_kept(kind, 2_000).await;
    }
}

async fn is_kept(kind: Kind, count: usize) {
    let each = bytes_each(kind, count).await;
    eprintln!("{each} bytes for each of {count} idle connections of {}", kind.name());
    assert!(each <= kind.bytes_max(), "{}: {each} bytes for each connection", kind.name());
}

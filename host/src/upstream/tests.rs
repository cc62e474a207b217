mod blame;
mod connections;
mod exchanges;
mod retries;
mod server;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Full};

use super::*;
use crate::clock::SystemClock;
use crate::config::Origin;

/// Long enough that reaching it fails a test.
const LONG: Duration = Duration::from_secs(20);

fn config(host: &str, port: u16) -> config::Upstream {
    config::Upstream {
        name: "api".into(),
        origin: Origin { tls: false, host: host.into(), port },
        base_path: String::new(),
        credential: None,
        connect_timeout: LONG,
        reply_timeout: LONG,
        idle_timeout: LONG,
        connections_max: 8,
        protocol: config::UpstreamProtocol::Http1,
        streams_max: 100,
        ca_file: None,
        server_name: None,
        client_certificate: None,
        reply_heads: crate::config::ReplyHeads { bytes_max: 65_536, fields_max: 100 },
    }
}

fn upstream(port: u16) -> Upstream {
    upstream_with(port, |_| ())
}

fn upstream_with(port: u16, change: impl FnOnce(&mut config::Upstream)) -> Upstream {
    let mut config = config("127.0.0.1", port);
    change(&mut config);
    Upstream::new(Arc::new(config), &Tls::new(), Arc::new(SystemClock::new())).unwrap()
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).body(Empty::new()).unwrap()
}

fn post(body: &'static str) -> Request<Full<Bytes>> {
    Request::post("/").body(Full::from(body)).unwrap()
}

async fn text(answer: http::Response<UpstreamBody>) -> Result<String, UpstreamError> {
    Ok(String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec()).unwrap())
}

/// Waits until `condition` holds; fails the test after a while.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("never came true: {what}"));
}

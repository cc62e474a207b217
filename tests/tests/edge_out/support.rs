//! What these tests share: a gateway whose chain may read the bodies, and one request from a client that speaks byte by byte.

use sluicegate_tests::{Gateway, Raw, config, guests};

/// How the one plugin of the route takes the bodies of both ways. It changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    NoPlugin,
    Streamed,
    Buffered,
}

impl Bodies {
    pub const ALL: [Bodies; 3] = [Bodies::NoPlugin, Bodies::Streamed, Bodies::Buffered];

    fn mode(self) -> &'static str {
        match self {
            Bodies::NoPlugin => "none",
            Bodies::Streamed => "stream",
            Bodies::Buffered => "buffered",
        }
    }
}

/// One route to one upstream. `lines` are further ones of the route.
pub fn gateway(upstream: &str, bodies: Bodies, lines: &str) -> Gateway {
    gateway_to(upstream, "", bodies, lines)
}

/// `upstream_lines`: further ones of the upstream.
pub fn gateway_to(upstream: &str, upstream_lines: &str, bodies: Bodies, lines: &str) -> Gateway {
    let service = config::service(upstream, upstream_lines);
    let route = |lines: &str| format!("{service}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n{lines}\n");
    let mode = bodies.mode();
    let chain = format!(
        "chain = [{{ plugin = \"hostile\", grants = [\"identity-writer\"], config = {{ body = \"{mode}\", reply_body = \"{mode}\" }} }}]\n{lines}"
    );
    let plugin = "[admin]\naddress = \"127.0.0.1:0\"\n\n[plugins.hostile]\nfile = \"hostile.wasm\"\n\n";
    let text = match bodies {
        Bodies::NoPlugin => route(lines),
        _ => format!("{plugin}{}", route(&chain)),
    };
    Gateway::start(&text, &[("hostile.wasm", guests::HOSTILE)])
}

/// Sends these bytes and reads until the gateway closes.
pub async fn ask(gateway: &Gateway, bytes: &str) -> String {
    let mut client = Raw::connect(gateway.address()).await;
    client.write(bytes).await;
    client.read_to_end().await.text()
}

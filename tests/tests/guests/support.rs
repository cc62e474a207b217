//! What these tests share: a gateway with hostile plugins, a client and an upstream that speak byte by byte.

mod ask;
mod check;
mod origin;

pub use ask::{Ask, Heard};
pub use check::{check, refusal, refusal_with};
pub use origin::{Origin, WHOLE};

use sluicegate_tests::{Gateway, guests};

/// One route with one hostile entry of the same name.
pub struct Cell<'a> {
    pub name: &'a str,
    /// Further members of the chain entry, as TOML.
    pub entry: &'a str,
}

/// Every request passes the witness first: the neighbour that must not suffer.
pub fn gateway(origin: &Origin, head: &str, cells: &[Cell<'_>]) -> Gateway {
    let mut config = format!(
        r#"
data_dir = "data"
global_chain = "all"
{head}

[admin]
address = "127.0.0.1:0"

[plugins.hostile]
file = "hostile.wasm"

[upstreams.origin]
url = "{url}"

[[chains.all]]
plugin = "hostile"
name = "witness"
grants = ["identity-writer"]
limits = {{ cpu_max_ms = 10_000, wall_max_ms = 60_000 }}
config = {{ witness = true, body = "none", reply_body = "none" }}
"#,
        url = origin.url()
    );
    for Cell { name, entry } in cells {
        config += &format!(
            r#"
[[routes]]
name = "{name}"
path = "/{name}"
upstream = "origin"
dialect = "openai"
chain = [{{ plugin = "hostile", name = "{name}", grants = ["identity-writer"], {entry} }}]
"#
        );
    }
    Gateway::start(&config, &[("hostile.wasm", guests::HOSTILE)])
}

/// The value of one series of the admin listener's metrics; 0 when it is not there.
pub async fn metric(gateway: &Gateway, series: &str) -> f64 {
    let token = std::fs::read_to_string(gateway.folder().join("data/admin.token")).expect("the admin token");
    let address = gateway.admin().trim_start_matches("http://").parse().expect("an address");
    let text = Ask::get("/metrics").field("authorization", format!("Bearer {}", token.trim())).send(address).await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

/// Waits until a series has a value.
pub async fn wait_for_metric(gateway: &Gateway, series: &str, wanted: impl Fn(f64) -> bool) {
    let started = std::time::Instant::now();
    loop {
        let value = metric(gateway, series).await;
        if wanted(value) {
            return;
        }
        assert!(started.elapsed() < sluicegate_tests::gateway::PATIENCE, "{series} is {value}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

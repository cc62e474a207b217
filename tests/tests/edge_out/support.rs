//! What these tests share: a gateway whose chain may read the bodies, and one request from a client that speaks byte by byte.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sluicegate_tests::{Gateway, Raw, config, guests, python};

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

/// A script of `clients/` that serves and prints its port first. Killed when dropped.
pub struct Script(Child);

impl Script {
    pub fn command(name: &str, arguments: &[String]) -> Command {
        let mut command = Command::new(python());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)).args(arguments);
        command.stdout(Stdio::piped());
        command
    }

    pub fn serving(name: &str, arguments: &[String]) -> (Script, u16) {
        let mut child = Script::command(name, arguments).stderr(Stdio::null()).spawn().expect("Python runs");
        let mut port = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut port).expect("it says its port");
        (Script(child), port.trim().parse().expect("a port"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

//! A gateway whose route has several upstreams, and upstreams that say who they are or behave badly.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use sluicegate_tests::{Gateway, RawUpstream, Reply, Upstream, guests, send};
use tokio::net::TcpSocket;

/// The plugin that does what the request's field `x-choose` says.
pub const CHOOSER: &str = "chain = [{ plugin = \"chooser\", grants = [\"targets\"] }]";

/// An upstream's address with a further line in its table.
pub fn with(url: &str, line: &str) -> String {
    format!("{url}\"\n{line} # \"")
}

/// One route to these upstreams; `lines` are of the route, and what must come in front of it may stand in `head`.
pub fn config(upstreams: &[(&str, &str)], head: &str, lines: &str) -> String {
    let tables: String = upstreams.iter().map(|(name, url)| format!("[upstreams.{name}]\nurl = \"{url}\"\n")).collect();
    let names: Vec<String> = upstreams.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n[plugins.chooser]\nfile = \"chooser.wasm\"\n[plugins.hostile]\nfile = \
         \"hostile.wasm\"\n{tables}{head}\n[[routes]]\nname = \"all\"\nupstreams = [{}]\n{lines}\n",
        names.join(", ")
    )
}

pub fn start(config: &str) -> Gateway {
    Gateway::start(config, &[("chooser.wasm", guests::CHOOSER), ("hostile.wasm", guests::HOSTILE)])
}

pub async fn ask(gateway: &Gateway, method: Method, fields: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
    let mut request = Request::builder().method(method).uri(gateway.url("/x"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(Full::new(body.into())).unwrap()).await
}

pub async fn get(gateway: &Gateway) -> Reply {
    ask(gateway, Method::GET, &[], "").await
}

/// Answers 200 with its name.
pub async fn named(name: &'static str) -> Upstream {
    answering(name, StatusCode::OK).await
}

/// Answers everything with this status and its name.
pub async fn answering(name: &'static str, status: StatusCode) -> Upstream {
    Upstream::start(move |_| {
        let mut answer = Response::new(Full::from(name));
        *answer.status_mut() = status;
        answer
    })
    .await
}

/// Answers 429 with its name and `length` bytes in all, of which it sends no more than its name.
pub async fn breaking_off(name: &'static str, length: usize) -> RawUpstream {
    RawUpstream::start(move |mut raw, _| async move {
        raw.read_head().await;
        let head = format!("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: {length}\r\n\r\n");
        raw.write(head + name).await;
        raw.closed().await;
    })
    .await
}

/// An address at which nobody listens, and nobody else can as long as this lives.
pub struct Closed(TcpSocket);

impl Closed {
    pub fn new() -> Closed {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Closed(socket)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }
}

/// Takes a request's head and body, says nothing, and notes `arrived`; then it waits for the end of the connection.
pub async fn silent() -> RawUpstream {
    RawUpstream::start(|mut raw, notes| async move {
        raw.read_head().await;
        notes.add("arrived");
        raw.closed().await;
    })
    .await
}

/// Takes a request, whose body is `body`, and hangs up.
pub async fn hangs_up(body: &'static str) -> RawUpstream {
    RawUpstream::start(move |mut raw, notes| async move {
        raw.read_head().await;
        raw.read_exact(body.len()).await;
        notes.add("arrived");
    })
    .await
}

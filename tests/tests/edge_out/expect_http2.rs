//! `expect: 100-continue` where a side of the gateway speaks HTTP/2, in which a 100 is a HEADERS frame of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{RecvStream, client};
use http::{Request, Response};
use sluicegate_tests::{Gateway, Notes, PATIENCE, Raw, RawUpstream, config};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::{Bodies, gateway, gateway_to};

const ASKS: &str = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// What an upstream says before it has anything of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// These, one after another, each when it is told to.
    Informational(&'static [u16]),
    /// This is the answer.
    Answer(u16),
    Nothing,
}

/// Notes `asked` or `not asked`, `body BYTES` when that has come, and `cancelled` if it never will.
struct Server {
    address: SocketAddr,
    notes: Notes,
}

impl Server {
    async fn start(first: First) -> Server {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let notes = Notes::default();
        let for_requests = notes.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let notes = for_requests.clone();
                tokio::spawn(async move {
                    let mut connection = server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(serve(first, request, respond, notes.clone()));
                    }
                });
            }
        });
        Server { address, notes }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(first: First, request: Request<RecvStream>, mut respond: SendResponse<Bytes>, notes: Notes) {
    let asked = request.headers().get("expect").is_some_and(|expect| expect == "100-continue");
    notes.add(if asked { "asked" } else { "not asked" });
    let answer = |status: u16| Response::builder().status(status).body(()).expect("an answer");
    if let First::Informational(all) = first {
        for status in all {
            notes.wait_for(&format!("say {status}")).await;
            respond.send_informational(answer(*status)).expect("the stream is open");
        }
    }
    let mut body = request.into_body();
    if let First::Answer(status) = first {
        respond.send_response(answer(status), true).expect("the stream is open");
    }
    let mut whole = Vec::new();
    loop {
        match body.data().await {
            Some(Ok(bytes)) => whole.extend(bytes),
            Some(Err(_)) => return notes.add("cancelled"),
            None => break,
        }
    }
    notes.add(format!("body {}", String::from_utf8_lossy(&whole)));
    if !matches!(first, First::Answer(_)) {
        let mut stream = respond.send_response(answer(200), false).expect("the stream is open");
        stream.send_data(Bytes::from_static(b"ok"), true).expect("the stream is open");
    }
}

fn to(server: &Server, bodies: Bodies) -> Gateway {
    gateway_to(&server.url(), "protocols = [\"h2\"]", bodies, "")
}

#[tokio::test]
async fn a_100_of_an_upstream_of_http_2_lets_the_body_begin_and_a_103_does_not() {
    for bodies in [Bodies::NoPlugin, Bodies::Streamed] {
        let server = Server::start(First::Informational(&[103, 100])).await;
        let gateway = to(&server, bodies);
        let mut client = Raw::connect(gateway.address()).await;
        client.write(ASKS).await;
        server.notes.wait_for("asked").await;
        server.notes.add("say 103");
        // Long enough for a 100 to be here if the 103 was taken for one; the gateway's own patience is a second.
        sleep(Duration::from_millis(300)).await;
        assert!(client.has_read_nothing(), "{bodies:?}");
        server.notes.add("say 100");
        let told = Instant::now();
        assert_eq!(client.read_head().await, CONTINUE, "{bodies:?}");
        assert!(told.elapsed() < Duration::from_millis(600), "{bodies:?}: {:?}", told.elapsed());
        client.write("hello").await;
        assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"), "{bodies:?}");
        server.notes.wait_for("body hello").await;
    }
}

#[tokio::test]
async fn an_upstream_of_http_2_that_refuses_gets_no_body_and_the_client_is_not_asked_for_it() {
    for bodies in [Bodies::NoPlugin, Bodies::Streamed] {
        let server = Server::start(First::Answer(413)).await;
        let gateway = to(&server, bodies);
        let mut client = Raw::connect(gateway.address()).await;
        client.write(ASKS).await;
        let answer = client.read_to_end().await.text();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(!answer.contains("100 Continue"), "{bodies:?}: {answer}");
        server.notes.wait_for("cancelled").await;
        assert_eq!(gateway.wait_for_log(1)[0]["request_bytes"], 0, "{bodies:?}");
    }
}

#[tokio::test]
async fn an_upstream_of_http_2_that_says_nothing_gets_the_body_after_a_second() {
    let server = Server::start(First::Nothing).await;
    let gateway = to(&server, Bodies::NoPlugin);
    let mut client = Raw::connect(gateway.address()).await;
    let asked = Instant::now();
    client.write(ASKS).await;
    assert_eq!(client.read_head().await, CONTINUE);
    assert!((0.9..10.0).contains(&asked.elapsed().as_secs_f64()), "{:?}", asked.elapsed());
    client.write("hello").await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.notes.all(), ["asked", "body hello"]);
}

#[tokio::test]
async fn what_is_there_already_goes_to_an_upstream_of_http_2_without_being_asked_for() {
    let server = Server::start(First::Nothing).await;
    let gateway = to(&server, Bodies::Buffered);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(ASKS).await;
    assert_eq!(client.read_head().await, CONTINUE);
    assert!(server.notes.all().is_empty());
    client.write("hello").await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.notes.all(), ["not asked", "body hello"]);
}

/// A request of HTTP/2 that waits with its body for a 100: for so long, then it sends.
async fn ask_waiting(address: SocketAddr, patience: Duration) -> (u16, bool) {
    let stream = TcpStream::connect(address).await.expect("the gateway accepts");
    let (sender, connection) = client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("the connection is open");
    let request = Request::post("http://x/").header("expect", "100-continue").header("content-length", 5);
    let (mut answer, mut body) = sender.send_request(request.body(()).expect("a request"), false).expect("it is sent");
    let informed = std::future::poll_fn(|context| answer.poll_informational(context));
    match timeout(patience, informed).await {
        // The answer is there.
        Ok(None) => {
            return (timeout(PATIENCE, answer).await.expect("in time").expect("an answer").status().as_u16(), false);
        }
        Ok(Some(one)) => panic!("{one:?}"),
        Err(_) => {}
    }
    body.send_data(Bytes::from_static(b"hello"), true).expect("the stream is open");
    (timeout(PATIENCE, answer).await.expect("in time").expect("an answer").status().as_u16(), true)
}

#[tokio::test]
async fn a_client_of_http_2_that_waits_is_refused_without_its_body_and_else_sends_by_its_own_patience() {
    // Refused at the head, by the gateway and by upstreams of both kinds: at once.
    let upstream = RawUpstream::start(|mut raw, notes: Notes| async move {
        let head = raw.read_head().await;
        notes.add(if head.contains("\r\nexpect: 100-continue\r\n") { "asked" } else { "not asked" });
        raw.write("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno").await;
        raw.closed().await;
    })
    .await;
    let server = Server::start(First::Answer(413)).await;
    let keys = gateway(&upstream.url(), Bodies::NoPlugin, "chain = [{ plugin = \"api-key\" }]");
    let plain = gateway(&upstream.url(), Bodies::NoPlugin, "");
    let both = to(&server, Bodies::NoPlugin);
    for (gateway, status) in [(&keys, 401), (&plain, 413), (&both, 413)] {
        assert_eq!(ask_waiting(gateway.address(), PATIENCE).await, (status, false));
    }
    upstream.notes.wait_for("asked").await;

    // Wanted: no 100 comes, and the body is taken when it is sent.
    let server = Server::start(First::Informational(&[100])).await;
    server.notes.add("say 100");
    let gateway = Gateway::start(
        &format!(
            "{}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n",
            config::service(&server.url(), "protocols = [\"h2\"]")
        ),
        &[],
    );
    assert_eq!(ask_waiting(gateway.address(), Duration::from_millis(300)).await, (200, true));
    server.notes.wait_for("body hello").await;
}

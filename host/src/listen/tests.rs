use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::config::{self, Limits, Protocols};

mod drain;

/// Long enough that reaching it fails a test.
const LONG: Duration = Duration::from_secs(20);

fn limits() -> Limits {
    Limits {
        connections_max: 100,
        connections_per_address_max: 100,
        head_bytes_max: 16 * 1024,
        headers_max: 50,
        head_timeout: LONG,
        http2_streams_max: 100,
        http2_idle_timeout: LONG,
        body_bytes_max: 1 << 20,
        buffer_bytes_max: 1 << 20,
        decode_ratio_max: 100,
        decoded_bytes_max: 1 << 20,
        body_idle_timeout: LONG,
        slow_bytes_per_second: 0,
        drain_delay: Duration::ZERO,
        drain_timeout: LONG,
        upgraded_max: 1,
        instances_max: 1,
    }
}

/// In clear text, with both protocols.
fn bind(address: &str, limits: &Limits) -> Result<Listener, BindError> {
    let address = address.parse().unwrap();
    let protocols = Protocols { http1: true, http2: true };
    let terms = Terms::new(
        &config::Listener { address, protocols, tls: None, proxy_protocol: false, addresses: Arc::default() },
        limits,
    )
    .unwrap();
    Listener::bind(address, terms)
}

struct Gateway {
    address: SocketAddr,
    drain: Drain,
    task: JoinHandle<()>,
}

impl Gateway {
    async fn ended(self) {
        tokio::time::timeout(LONG, self.task).await.expect("the listener did not end").unwrap();
    }
}

fn start<S, F>(limits: &Limits, service: S) -> Gateway
where
    S: Fn(Request<Incoming>, ClientInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response<Full<Bytes>>, io::Error>> + Send + 'static,
{
    let listener = bind("127.0.0.1:0", limits).unwrap();
    let address = listener.address();
    let (drain, watch) = Drain::new();
    let task = tokio::spawn(listener.serve(Arc::default(), Allowance::new(limits, Arc::default()), watch, service));
    Gateway { address, drain, task }
}

/// Answers with the method, the path and the length of the body.
async fn describe(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let line = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::new(Full::from(format!("{line} {}", body.len()))))
}

fn describing(limits: &Limits) -> Gateway {
    start(limits, |request, _| describe(request))
}

async fn connect(gateway: &Gateway) -> TcpStream {
    TcpStream::connect(gateway.address).await.unwrap()
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Everything until the connection is closed.
async fn rest(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    let result = tokio::time::timeout(LONG, stream.read_to_end(&mut read)).await.expect("the connection stays open");
    assert!(result.is_ok() || !read.is_empty(), "{result:?}");
    String::from_utf8(read).unwrap()
}

/// One answer with a `content-length`.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let reading = async {
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() >= length.parse().unwrap() {
                    return text;
                }
            }
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "closed after {text:?}");
        }
    };
    tokio::time::timeout(LONG, reading).await.expect("no answer")
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let gateway = describing(&limits());
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET /one HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer(&mut stream).await.ends_with("\r\n\r\nGET /one 0"));
    say(&mut stream, "POST /two HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
    assert!(answer(&mut stream).await.ends_with("\r\n\r\nPOST /two 3"));
    say(&mut stream, "GET /three HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let last = rest(stream).await;
    assert!(last.contains("connection: close\r\n") && last.ends_with("GET /three 0"), "{last}");
}

#[tokio::test]
async fn the_service_learns_both_addresses() {
    let (sender, mut seen) = mpsc::channel(1);
    let gateway = start(&limits(), move |_, client| {
        sender.try_send(client).unwrap();
        async { Ok(Response::new(Full::default())) }
    });
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let client = seen.recv().await.unwrap();
    assert_eq!((client.address, client.local), (stream.local_addr().unwrap(), gateway.address));
}

/// hyper refuses these by itself, without a body, and closes.
#[tokio::test]
async fn a_head_that_cannot_be_understood_is_refused() {
    let gateway = describing(&limits());
    let long_field = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(17 * 1024));
    let many_fields = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(50));
    for (request, status) in [
        ("GET /\r\n\r\n", "400 Bad Request"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/3.0\r\nhost: a\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: \u{0}\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"),
        (&long_field, "431 Request Header Fields Too Large"),
        (&many_fields, "431 Request Header Fields Too Large"),
    ] {
        let mut stream = connect(&gateway).await;
        // The listener may close before it has read all of an oversized head.
        let _ = stream.write_all(request.as_bytes()).await;
        let read = rest(stream).await;
        assert!(read.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:.60?}: {read:?}");
        assert!(read.contains("content-length: 0\r\n") && read.ends_with("\r\n\r\n"), "{request:.60?}: {read:?}");
    }
}

#[tokio::test]
async fn a_target_beyond_what_a_uri_can_hold_is_too_long() {
    let gateway = describing(&Limits { head_bytes_max: 256 * 1024, ..limits() });
    let mut stream = connect(&gateway).await;
    say(&mut stream, &format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(70_000))).await;
    let read = rest(stream).await;
    assert!(read.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{read}");
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_count() {
    let gateway = describing(&limits());
    for fields in
        ["content-length: 50\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 50"]
    {
        let mut stream = connect(&gateway).await;
        say(&mut stream, &format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n3\r\nabc\r\n0\r\n\r\n")).await;
        assert!(answer(&mut stream).await.ends_with("POST / 3"));
    }
}

#[tokio::test]
async fn the_limits_of_a_head_hold_at_their_edge() {
    let gateway = describing(&limits());
    let mut stream = connect(&gateway).await;
    say(&mut stream, &format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(49))).await;
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    let frame = "GET / HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n".len();
    let value = "a".repeat(limits().head_bytes_max - frame);
    say(&mut stream, &format!("GET / HTTP/1.1\r\nhost: a\r\nx: {value}\r\n\r\n")).await;
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_slow_head_closes_the_connection() {
    let gateway = describing(&Limits { head_timeout: Duration::from_millis(50), ..limits() });
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost:").await;
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn above_the_limit_a_connection_waits_until_another_ends() {
    let gateway = describing(&Limits { connections_max: 1, ..limits() });
    let mut first = connect(&gateway).await;
    say(&mut first, "GET /first HTTP/1.1\r\nhost: a\r\n\r\n").await;
    answer(&mut first).await;

    let mut second = connect(&gateway).await;
    say(&mut second, "GET /second HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(50), second.read(&mut byte)).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    drop(first);
    assert!(answer(&mut second).await.ends_with("GET /second 0"));
}

#[tokio::test]
async fn a_panic_or_an_error_ends_its_own_connection_alone() {
    let gateway = start(&limits(), |request, _| async move {
        match request.uri().path() {
            "/panic" => panic!("on purpose"),
            "/error" => Err(io::Error::other("on purpose")),
            _ => describe(request).await,
        }
    });
    let mut bystander = connect(&gateway).await;
    for path in ["/panic", "/error"] {
        let mut stream = connect(&gateway).await;
        say(&mut stream, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert_eq!(rest(stream).await, "");
    }
    say(&mut bystander, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer(&mut bystander).await.ends_with("GET / 0"));
}

#[tokio::test]
async fn a_panic_gives_the_right_to_a_connection_back() {
    let gateway = start(&Limits { connections_max: 1, ..limits() }, |request, _| async move {
        if request.uri().path() == "/panic" {
            panic!("on purpose");
        }
        describe(request).await
    });
    for _ in 0..3 {
        let mut stream = connect(&gateway).await;
        say(&mut stream, "GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(rest(stream).await, "");
    }
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer(&mut stream).await.ends_with("GET / 0"));
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_request() {
    struct OnDrop(Option<oneshot::Sender<()>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }
    let (started, mut request_started) = mpsc::channel(1);
    let (report, cancelled) = oneshot::channel();
    let report = Mutex::new(Some(report));
    let gateway = start(&limits(), move |_, _| {
        let guard = OnDrop(report.lock().unwrap().take());
        started.try_send(()).unwrap();
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    request_started.recv().await.unwrap();
    drop(stream);
    tokio::time::timeout(LONG, cancelled).await.expect("the request goes on").unwrap();
}

/// A gateway whose requests wait for a word from the test.
fn waiting(limits: &Limits) -> (Gateway, mpsc::Receiver<oneshot::Sender<()>>) {
    let (sender, requests) = mpsc::channel(8);
    let gateway = start(limits, move |_, _| {
        let (go_on, may_go_on) = oneshot::channel();
        sender.try_send(go_on).unwrap();
        async move {
            may_go_on.await.map_err(io::Error::other)?;
            Ok(Response::new(Full::from("done")))
        }
    });
    (gateway, requests)
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let gateway = describing(&limits());
    let error = bind(&gateway.address.to_string(), &limits()).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {}: another process has this port; stop it, or choose another port for the listener",
            gateway.address
        )
    );
    let error = bind("192.0.2.1:0", &limits()).err().unwrap();
    assert!(error.to_string().contains("this machine has no such address"), "{error}");
}

#[tokio::test]
async fn a_port_is_free_again_right_after_the_end() {
    let gateway = describing(&limits());
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    answer(&mut stream).await;
    let address = gateway.address;
    gateway.drain.begin(Duration::ZERO, LONG);
    gateway.ended().await;
    assert_eq!(bind(&address.to_string(), &limits()).unwrap().address(), address);
}

/// Logs of one test, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_whose_fault_it_was() {
    let log = Log::default();
    let writer = {
        let log = log.clone();
        move || log.clone()
    };
    // The runtime of a test has one thread, so that its subscriber sees what the listener's tasks log.
    let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let gateway = start(&Limits { head_timeout: Duration::from_millis(50), ..limits() }, |_, _| async {
        Err(io::Error::other("the chain is broken"))
    });
    for (request, expected) in [
        ("nonsense\r\n\r\n", r#"the request's head cannot be understood; refused client=127.0.0.1:"#),
        (
            "GET / HTTP/1.1\r\nhost",
            r#"no whole request head came in time; the connection was closed client=127.0.0.1:"#,
        ),
        (
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            r#"the answer could not be completed; the connection was closed client=127.0.0.1:"#,
        ),
    ] {
        log.0.lock().unwrap().clear();
        let mut stream = connect(&gateway).await;
        say(&mut stream, request).await;
        rest(stream).await;
        let logged = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let waiting = async {
            while !logged().contains(expected) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(5), waiting).await.is_err() {
            panic!("{request:?}: {}", logged());
        }
        let fault = if request.starts_with("GET / HTTP/1.1\r\nhost: a") { "gateway" } else { "client" };
        assert!(logged().contains(&format!("fault=\"{fault}\"")), "{}", logged());
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_blaming_the_client() {
    let log = Log::default();
    let writer = {
        let log = log.clone();
        move || log.clone()
    };
    let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let gateway =
        start(&Limits { head_timeout: Duration::from_millis(50), ..limits() }, |request, _| describe(request));
    let never_used = connect(&gateway).await;
    let mut used = connect(&gateway).await;
    say(&mut used, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
    answer(&mut used).await;
    assert_eq!((rest(never_used).await, rest(used).await), (String::new(), String::new()));
    gateway.drain.begin(Duration::ZERO, LONG);
    gateway.ended().await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!logged.contains("sluicegate"), "{logged}");
}

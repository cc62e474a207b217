//! HTTP/2 to upstreams: many requests on one connection, what is refused is sent again, and what breaks never looks whole.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sluicegate_tests::{Gateway, Notes, RawUpstream, Reply, get, post, send};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::frames::{
    self, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM, STATUS_200, field,
};
use crate::support::{Bodies, ask};

/// One worker, so that what is counted on connections is not divided.
fn gateway(url: &str, lines: &str) -> Gateway {
    Gateway::start(
        &format!(
            "workers = 1\n[admin]\naddress = \"127.0.0.1:0\"\n[upstreams.service]\nurl = \"{url}\"\nprotocols = [\"h2\"]\n{lines}\n\n\
             [[routes]]\nname = \"all\"\nupstream = \"service\"\n"
        ),
        &[],
    )
}

/// A proper server, which answers each request once `together` are there, by what it got.
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    arrived: Arc<AtomicUsize>,
}

impl Server {
    async fn start(together: usize) -> Server {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", socket.local_addr().expect("bound"));
        let connections: Arc<AtomicUsize> = Arc::default();
        let arrived: Arc<AtomicUsize> = Arc::default();
        let (count, requests, barrier) = (connections.clone(), arrived.clone(), Arc::new(Barrier::new(together)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (barrier, requests) = (barrier.clone(), requests.clone());
                let service = service_fn(move |request| {
                    requests.fetch_add(1, Ordering::Relaxed);
                    answer(request, barrier.clone())
                });
                tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
            }
        });
        Server { url, connections, arrived }
    }
}

async fn answer(request: Request<Incoming>, together: Arc<Barrier>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    assert_eq!(head.version, Version::HTTP_2);
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    together.wait().await;
    let text = format!(
        "{} {} {} {}",
        head.method,
        head.uri,
        head.headers.get("x-number").and_then(|number| number.to_str().ok()).unwrap_or_default(),
        body.len()
    );
    Ok(Response::new(Full::new(text.into())))
}

#[tokio::test]
async fn many_requests_at_once_go_on_one_connection_and_each_gets_its_own_answer() {
    let server = Server::start(50).await;
    let gateway = gateway(&server.url, "");
    let asking = (0..50).map(|number| {
        let url = gateway.url(&format!("/a/{number}?q=1"));
        tokio::spawn(async move {
            let body = Bytes::from(vec![b'x'; number * 1000]);
            let request = Request::post(url).header("x-number", number).body(Full::new(body)).expect("a request");
            (number, send(request).await)
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        let (number, reply) = asked.await.expect("it asked");
        let expected = format!("POST {}/a/{number}?q=1 {number} {}", server.url, number * 1000);
        assert_eq!((reply.status.as_u16(), reply.text(), reply.complete), (200, expected, true));
        assert_eq!(reply.header("via"), Some("2.0 sluicegate"));
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn no_more_requests_go_on_a_connection_than_the_limit_and_then_there_is_another() {
    let server = Server::start(6).await;
    let gateway = gateway(&server.url, "streams_max = 2\nconnections_max = 3\nconnect_timeout_ms = 300");
    let asking: Vec<_> = (0..6).map(|_| tokio::spawn(get_of(gateway.url("/")))).collect();
    for asked in asking {
        assert_eq!(asked.await.expect("it asked").status, 200);
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 3);

    // With all in use, the seventh is told so.
    let server = Server::start(7).await;
    let gateway = self::gateway(&server.url, "streams_max = 2\nconnections_max = 3\nconnect_timeout_ms = 300");
    let asking: Vec<_> = (0..6).map(|_| tokio::spawn(get_of(gateway.url("/")))).collect();
    while server.arrived.load(Ordering::Relaxed) < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seventh = get(&gateway.url("/")).await;
    assert_eq!((seventh.status.as_u16(), &seventh.json()["code"]), (503, &"upstream_busy".into()));
    drop(asking);
}

fn get_of(url: String) -> impl Future<Output = Reply> {
    async move { get(&url).await }
}

/// It accepts, and says nothing in TLS.
async fn silent() -> (String, tokio::task::JoinHandle<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}", socket.local_addr().expect("bound"));
    let accepting = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok(accepted) = socket.accept().await {
            open.push(accepted);
        }
    });
    (url, accepting)
}

/// How long each of so many requests at once waits to be told that there is no connection, which may take 600 ms.
async fn waits(url: &str, workers: usize, count: usize) -> Vec<Duration> {
    let gateway = Gateway::start(
        &format!(
            "workers = {workers}\n[upstreams.service]\nurl = \"{url}\"\nprotocols = [\"h2\"]\nconnect_timeout_ms = 600\n\
             connections_max = 1\n\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n"
        ),
        &[],
    );
    let began = Instant::now();
    let ask = |_| {
        let asking = get_of(gateway.url("/"));
        tokio::spawn(async move { (asking.await.status.as_u16(), began.elapsed()) })
    };
    let mut waited = Vec::new();
    for asked in (0..count).map(ask).collect::<Vec<_>>() {
        let (status, after) = asked.await.expect("it asked");
        assert!(matches!(status, 502 | 503), "{status}");
        waited.push(after);
    }
    waited
}

#[tokio::test]
async fn requests_that_wait_for_one_connection_wait_no_longer_than_it_may_take() {
    let (url, accepting) = silent().await;
    let waited = waits(&url, 1, 20).await;
    assert!(waited.iter().all(|waited| *waited < Duration::from_secs(5)), "one after the other: {waited:?}");
    accepting.abort();
}

#[tokio::test]
async fn with_one_connection_for_all_workers_none_is_refused_while_it_opens() {
    let (url, accepting) = silent().await;
    let waited = waits(&url, 4, 8).await;
    assert!(waited.iter().all(|waited| *waited > Duration::from_millis(500)), "told at once: {waited:?}");
    accepting.abort();
}

#[tokio::test]
async fn an_answer_that_goes_on_behind_a_goaway_keeps_no_place_from_a_new_connection() {
    let upstream = frames::upstream(|mut frames: Frames, notes: Notes| async move {
        let Some(first) = frames.request().await else { return };
        if notes.all().iter().any(|note| note == "leaving") {
            frames.answer(first).await;
            // Closed with bytes unread, the connection would take the answer away again.
            while frames.request().await.is_some() {}
            return;
        }
        frames.write(HEADERS, END_HEADERS, first, STATUS_200).await;
        frames.go_away(first, NO_ERROR).await;
        notes.add("leaving");
        notes.wait_for("served elsewhere").await;
        frames.write(DATA, END_STREAM, first, b"late").await;
        frames.request().await;
    })
    .await;
    let gateway = gateway(&upstream.url(), "connections_max = 1\nconnect_timeout_ms = 1000");
    let first = tokio::spawn(get_of(gateway.url("/first")));
    upstream.notes.wait_for("leaving").await;
    assert_eq!(get(&gateway.url("/second")).await.text(), "ok");
    upstream.notes.add("served elsewhere");
    assert_eq!(first.await.expect("it asked").text(), "late");
}

#[tokio::test]
async fn a_request_that_is_refused_is_sent_again_whatever_its_method() {
    let refusing = |mut frames: Frames, notes: Notes| async move {
        let mut first = true;
        while let Some(stream) = frames.request().await {
            notes.add(format!("stream {stream}"));
            match std::mem::take(&mut first) {
                true => frames.reset(stream, REFUSED_STREAM).await,
                false => frames.answer(stream).await,
            }
        }
    };
    let upstream = frames::upstream(refusing).await;
    let gateway = gateway(&upstream.url(), "");
    let reply = post(&gateway.url("/"), "").await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "ok"));
    assert_eq!(upstream.notes.all(), ["connection", "stream 1", "stream 3"]);
}

#[tokio::test]
async fn a_request_behind_a_goaway_is_sent_again_on_a_new_connection() {
    let leaving = |mut frames: Frames, notes: Notes| async move {
        let is_first = notes.all().iter().filter(|note| *note == "connection").count() == 1;
        let Some(first) = frames.request().await else { return };
        frames.answer(first).await;
        if is_first && let Some(second) = frames.request().await {
            notes.add(format!("stream {second} comes too late"));
            frames.go_away(first, NO_ERROR).await;
        }
        while let Some(stream) = frames.request().await {
            notes.add(format!("stream {stream} of the new connection"));
            frames.answer(stream).await;
        }
    };
    let upstream = frames::upstream(leaving).await;
    let gateway = gateway(&upstream.url(), "");
    for _ in 0..2 {
        assert_eq!(post(&gateway.url("/"), "").await.text(), "ok");
    }
    assert_eq!(upstream.notes.all()[1..], ["stream 3 comes too late", "connection"]);
    assert_eq!(post(&gateway.url("/"), "").await.text(), "ok");
    assert_eq!(upstream.notes.all()[3..], ["stream 3 of the new connection"]);
}

#[tokio::test]
async fn what_the_upstream_may_have_done_is_not_sent_again() {
    let failing = |mut frames: Frames, notes: Notes| async move {
        while let Some(stream) = frames.request().await {
            notes.add("request");
            frames.reset(stream, INTERNAL_ERROR).await;
        }
    };
    let upstream = frames::upstream(failing).await;
    let gateway = gateway(&upstream.url(), "");
    let reply = post(&gateway.url("/"), "").await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (502, &"upstream_broken".into()));
    assert_eq!(upstream.notes.all(), ["connection", "request"]);
}

/// What an upstream does in the middle of its answer.
#[derive(Debug, Clone, Copy)]
enum Break {
    Reset(u32),
    GoAway(u32),
    HangUp,
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole_however_politely() {
    use Break::{GoAway, HangUp, Reset};
    for (with_length, way) in [
        (false, Reset(NO_ERROR)),
        (true, Reset(NO_ERROR)),
        (false, Reset(INTERNAL_ERROR)),
        (false, GoAway(NO_ERROR)),
        (false, GoAway(INTERNAL_ERROR)),
        (false, HangUp),
    ] {
        let breaking = move |mut frames: Frames, _: Notes| async move {
            let Some(stream) = frames.request().await else { return };
            let length = if with_length { field("content-length", "10") } else { Vec::new() };
            frames.write(HEADERS, END_HEADERS, stream, &[STATUS_200, &length].concat()).await;
            frames.write(DATA, 0, stream, b"half").await;
            match way {
                Reset(code) => frames.reset(stream, code).await,
                GoAway(code) => frames.go_away(0, code).await,
                HangUp => return,
            }
            while frames.request().await.is_some() {}
        };
        let upstream = frames::upstream(breaking).await;
        let gateway = gateway(&upstream.url(), "");
        let reply = get(&gateway.url("/")).await;
        assert!(!reply.complete, "{way:?} {with_length}: {}", reply.text());
        let line = gateway.wait_for_log(1).remove(0);
        assert_eq!((&line["outcome"], &line["fault"]), (&"upstream_cut".into(), &"upstream".into()), "{way:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_has_ended_is_whole() {
    let early = |mut frames: Frames, _: Notes| async move {
        let Some(stream) = frames.request().await else { return };
        frames.answer(stream).await;
        // As RFC 9113, 8.1 allows: the rest is not needed.
        frames.reset(stream, NO_ERROR).await;
        while frames.request().await.is_some() {}
    };
    let upstream = frames::upstream(early).await;
    let gateway = gateway(&upstream.url(), "");
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nonly the beginning";
    let mut client = sluicegate_tests::Raw::connect(gateway.address()).await;
    client.write(head).await;
    let answer = client.read_until("ok").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn trailers_of_grpc_come_through_and_so_does_what_a_client_of_http_1_asks_for() {
    let grpc = |mut frames: Frames, _: Notes| async move {
        while let Some(stream) = frames.request().await {
            let head =
                [STATUS_200.to_vec(), field("content-type", "application/grpc"), field("trailer", "grpc-status")];
            frames.write(HEADERS, END_HEADERS, stream, &head.concat()).await;
            frames.write(DATA, 0, stream, b"\0\0\0\0\x02hi").await;
            frames.write(HEADERS, END_HEADERS | END_STREAM, stream, &field("grpc-status", "0")).await;
        }
    };
    let upstream = frames::upstream(grpc).await;
    let plain = gateway(&upstream.url(), "");
    let through = crate::support::gateway_to(&upstream.url(), "protocols = [\"h2\"]", Bodies::Streamed, "");
    for gateway in [&plain, &through] {
        let answer = ask(gateway, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close, te\r\nte: trailers\r\n\r\n").await;
        assert!(answer.ends_with("hi\r\n0\r\ngrpc-status: 0\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn an_upstream_that_speaks_http_1_alone_is_said_to_be_so() {
    let upstream = RawUpstream::start(|mut raw, _| async move {
        raw.read_until("\r\n\r\n").await;
        raw.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        raw.closed().await;
    })
    .await;
    let gateway = gateway(&upstream.url(), "");
    let reply = get(&gateway.url("/")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (502, &"upstream_broken".into()));
}

#[tokio::test]
async fn a_route_of_models_goes_to_a_provider_in_http_2() {
    let answer = br#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
    let provider = move |mut frames: Frames, _: Notes| async move {
        while let Some(stream) = frames.request().await {
            let head = [STATUS_200.to_vec(), field("content-type", "application/json")].concat();
            frames.write(HEADERS, END_HEADERS, stream, &head).await;
            frames.write(DATA, END_STREAM, stream, answer).await;
        }
    };
    let upstream = frames::upstream(provider).await;
    let text = format!(
        "[providers.vendor]\nkind = \"openai\"\nurl = \"{}\"\nprotocols = [\"h2\"]\n\n\
         [models.small]\ntargets = [{{ provider = \"vendor\", model = \"m\" }}]\n\n\
         [[routes]]\nname = \"models\"\nmodels = [\"*\"]\n",
        upstream.url()
    );
    let gateway = Gateway::start(&text, &[]);
    let call = r#"{"model":"small","messages":[{"role":"user","content":"Hi"}]}"#;
    let reply = post(&gateway.url("/v1/chat/completions"), call).await;
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "Hello", "{}", reply.text());
}

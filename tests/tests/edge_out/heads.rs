//! How much of an answer is taken besides its body: fields, bytes of a head, informational answers in front of it.

use bytes::Bytes;
use h2::server;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use sluicegate_tests::{Gateway, Raw, RawUpstream, get};
use tokio::net::{TcpListener, TcpStream};

use crate::support::ask;

/// What an upstream answers.
#[derive(Debug, Clone, Copy)]
struct Answer {
    /// Informational ones in front of it, with a field of so many bytes each.
    informational: (usize, usize),
    fields: usize,
    /// Of each field's value.
    value_bytes: usize,
    /// Fields behind the body.
    trailers: usize,
}

const PLAIN: Answer = Answer { informational: (0, 0), fields: 1, value_bytes: 1, trailers: 0 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

async fn answer_http1(raw: &mut Raw, answer: Answer) {
    while let Some(_head) = raw.try_read_until("\r\n\r\n").await {
        let (count, bytes) = answer.informational;
        for _ in 0..count {
            // The gateway may have had enough.
            let hint = format!("HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n", "l".repeat(bytes));
            if !raw.try_write(hint).await {
                return;
            }
        }
        let mut head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: t0\r\n".to_owned();
        for number in 2..answer.fields {
            head.push_str(&format!("x{number}: {}\r\n", "v".repeat(answer.value_bytes)));
        }
        let trailers: String = (0..answer.trailers).map(|number| format!("t{number}: v\r\n")).collect();
        if !raw.try_write(format!("{head}\r\n2\r\nok\r\n0\r\n{trailers}\r\n")).await {
            return;
        }
    }
}

fn numbered(prefix: &str, numbers: std::ops::Range<usize>, value: &str) -> HeaderMap {
    let name = |number| HeaderName::try_from(format!("{prefix}{number}")).expect("a name");
    numbers.map(|number| (name(number), HeaderValue::from_str(value).expect("a value"))).collect()
}

async fn answer_http2(stream: TcpStream, answer: Answer) {
    let mut connection = server::handshake(stream).await.expect("HTTP/2");
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let (count, bytes) = answer.informational;
        for _ in 0..count {
            let hint = Response::builder().status(103).header("link", "l".repeat(bytes)).body(()).expect("an answer");
            if respond.send_informational(hint).is_err() {
                break;
            }
        }
        let mut head = Response::new(());
        *head.headers_mut() = numbered("x", 1..answer.fields, &"v".repeat(answer.value_bytes));
        head.headers_mut().insert("trailer", HeaderValue::from_static("t0"));
        let Ok(mut body) = respond.send_response(head, false) else { continue };
        if answer.trailers == 0 {
            drop(body.send_data(Bytes::from_static(b"ok"), true));
        } else {
            drop(body.send_data(Bytes::from_static(b"ok"), false));
            drop(body.send_trailers(numbered("t", 0..answer.trailers, "v")));
        }
    }
}

/// A gateway with these limits in front of an upstream that answers so.
async fn through(protocol: Protocol, answer: Answer, limits: &str) -> (Gateway, Option<RawUpstream>) {
    let (url, upstream) = match protocol {
        Protocol::Http1 => {
            let upstream =
                RawUpstream::start(move |mut raw, _| async move { answer_http1(&mut raw, answer).await }).await;
            (upstream.url(), Some(upstream))
        }
        Protocol::Http2 => {
            let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let url = format!("http://{}", socket.local_addr().expect("bound"));
            tokio::spawn(async move {
                while let Ok((stream, _)) = socket.accept().await {
                    tokio::spawn(answer_http2(stream, answer));
                }
            });
            (url, None)
        }
    };
    let spoken = if protocol == Protocol::Http2 { "h2" } else { "http/1.1" };
    let text = format!(
        "[limits]\n{limits}\n\n[upstreams.service]\nurl = \"{url}\"\nprotocols = [\"{spoken}\"]\n\n\
         [[routes]]\nname = \"all\"\nupstream = \"service\"\n"
    );
    (Gateway::start(&text, &[]), upstream)
}

/// What the client is told in place of the answer.
async fn refusal(protocol: Protocol, answer: Answer, limits: &str) -> String {
    let (gateway, _upstream) = through(protocol, answer, limits).await;
    let reply = get(&gateway.url("/")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (502, &"upstream_broken".into()), "{protocol:?}");
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["outcome"], &line["fault"]), (&"rejected".into(), &"upstream".into()), "{protocol:?}");
    reply.json()["detail"].as_str().expect("a sentence").to_owned()
}

async fn is_whole(protocol: Protocol, answer: Answer, limits: &str) {
    let (gateway, _upstream) = through(protocol, answer, limits).await;
    let reply = ask(&gateway, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{protocol:?} {answer:?}: {reply}");
    assert!(reply.ends_with("\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "{protocol:?} {answer:?}: {reply}");
}

#[tokio::test]
async fn an_answer_may_have_as_many_fields_as_the_limit_says() {
    for protocol in PROTOCOLS {
        for (limits, max) in [("", 100), ("reply_headers_max = 200", 200)] {
            is_whole(protocol, Answer { fields: max, ..PLAIN }, limits).await;
            let told = refusal(protocol, Answer { fields: max + 1, ..PLAIN }, limits).await;
            let expected = match protocol {
                Protocol::Http1 => format!("more than {max} fields"),
                Protocol::Http2 => format!("{} fields; {max} are taken", max + 1),
            };
            assert!(told.contains(&expected), "{told}");
        }
    }
}

#[tokio::test]
async fn the_head_of_an_answer_may_be_as_long_as_the_limit_says() {
    for protocol in PROTOCOLS {
        for (limits, bytes_max) in [("", 65_536), ("reply_head_bytes_max = 200000", 200_000)] {
            // Twenty fields that come near the limit together, and then pass it.
            let fits = Answer { fields: 20, value_bytes: bytes_max / 20 - 100, ..PLAIN };
            is_whole(protocol, fits, limits).await;
            let told = refusal(protocol, Answer { value_bytes: bytes_max / 18 + 100, ..fits }, limits).await;
            assert!(told.contains(&format!("whose head is longer than {bytes_max} bytes")), "{protocol:?}: {told}");
        }
    }
}

#[tokio::test]
async fn a_few_informational_answers_are_passed_over_and_a_flood_of_them_ends_the_exchange() {
    for protocol in PROTOCOLS {
        is_whole(protocol, Answer { informational: (20, 1000), ..PLAIN }, "").await;
        let told = refusal(protocol, Answer { informational: (100_000, 1000), ..PLAIN }, "").await;
        assert!(told.contains("too many informational answers (1xx)"), "{protocol:?}: {told}");
    }
}

#[tokio::test]
async fn more_trailers_than_the_limit_says_cut_the_answer() {
    for protocol in PROTOCOLS {
        is_whole(protocol, Answer { trailers: 20, ..PLAIN }, "reply_headers_max = 20").await;
        let (gateway, _upstream) = through(protocol, Answer { trailers: 21, ..PLAIN }, "reply_headers_max = 20").await;
        let reply = get(&gateway.url("/")).await;
        assert_eq!((reply.status.as_u16(), reply.complete), (200, false), "{protocol:?}");
        assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "upstream_cut", "{protocol:?}");
    }
}

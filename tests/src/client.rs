//! A plain HTTP client: one connection a request, whole answers.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A whole answer, or as much of it as came.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body came to its end as HTTP demands.
    pub complete: bool,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub async fn get(url: &str) -> Reply {
    send(Request::get(url).body(Full::default()).expect("a valid request")).await
}

pub async fn post(url: &str, body: impl Into<Bytes>) -> Reply {
    send(Request::post(url).body(Full::new(body.into())).expect("a valid request")).await
}

/// Sends to the host of an absolute URI.
pub async fn send(request: Request<Full<Bytes>>) -> Reply {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().expect("an absolute URI").to_string();
    let stream = TcpStream::connect(&authority).await.expect("the gateway accepts");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    head.uri = target.parse::<Uri>().expect("still valid");
    head.headers.entry(header::HOST).or_insert(authority.parse().expect("a host"));
    let answer = sender.send_request(Request::from_parts(head, body)).await.expect("an answer");
    let (head, mut body) = answer.into_parts();
    let mut whole = Vec::new();
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => whole.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Err(_) => {
                complete = false;
                break;
            }
        }
    }
    Reply { status: head.status, headers: head.headers, body: whole.into(), complete }
}

//! A service behind the gateway that answers with what it received, so that a plugin's edits can be seen.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections served at once; further ones wait.
const CONNECTIONS_MAX: usize = 256;
/// Of a body that is shown. The gateway has a limit of its own, which may be higher.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Starts one on a free port, which serves as long as the process does.
pub(super) async fn start(name: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::spawn(async move {
        while let Ok(permit) = permits.clone().acquire_owned().await {
            // A connection that could not be accepted is the gateway's to report.
            let Ok((stream, _)) = listener.accept().await else { continue };
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(name, request));
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                drop(permit);
            });
        }
    });
    Ok(address)
}

/// The answer's members in their order.
#[derive(Serialize)]
struct Received<'a> {
    upstream: &'a str,
    method: &'a str,
    path: &'a str,
    headers: BTreeMap<&'a str, Value>,
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    /// Byte for byte as it came.
    Json(&'a RawValue),
    Text(&'a str),
    Bytes {
        bytes: usize,
    },
    None,
}

async fn answer(name: &str, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let (status, text) = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let received = Received {
                upstream: name,
                method: head.method.as_str(),
                path: head.uri.path_and_query().map_or("/", |target| target.as_str()),
                headers: shown(&head.headers),
                body: Body::of(&body),
            };
            (StatusCode::OK, serde_json::to_string_pretty(&received))
        }
        Err(error) => {
            let problem = json!({ "error": format!("the body could not be read: {error}") });
            (StatusCode::BAD_REQUEST, serde_json::to_string_pretty(&problem))
        }
    };
    let mut answer = Response::new(Full::new(Bytes::from(text.unwrap_or_default() + "\n")));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}

/// A field that came several times is a list.
fn shown(fields: &HeaderMap) -> BTreeMap<&str, Value> {
    let value = |value: &HeaderValue| Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned());
    let values = |name| {
        let mut values: Vec<Value> = fields.get_all(name).iter().map(value).collect();
        if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
    };
    fields.keys().map(|name| (name.as_str(), values(name))).collect()
}

impl Body<'_> {
    fn of(bytes: &[u8]) -> Body<'_> {
        match (bytes, std::str::from_utf8(bytes)) {
            ([], _) => Body::None,
            (_, Ok(text)) => serde_json::from_str(text).map_or(Body::Text(text), Body::Json),
            (_, Err(_)) => Body::Bytes { bytes: bytes.len() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_as_it_came() {
        let shown = |bytes: &[u8]| serde_json::to_string_pretty(&Body::of(bytes)).unwrap();
        assert_eq!(shown(br#"{"b":1.50,  "a":[] }"#), r#"{"b":1.50,  "a":[] }"#);
        assert_eq!(shown(b"{"), r#""{""#);
        assert_eq!(shown(b"\xff"), "{\n  \"bytes\": 1\n}");
        assert_eq!(shown(b""), "null");
    }
}

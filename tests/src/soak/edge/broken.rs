//! Requests that come to no good end, each on a connection of its own.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::PATIENCE;
use crate::raw::Raw;

/// Who breaks off, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ClientInHead,
    ClientInBody,
    ClientInAnswer,
    /// By a reset of its stream, and then of the connection.
    Http2ClientInAnswer,
    UpstreamInHead,
    UpstreamInAnswer,
}

pub const WAYS: [Way; 6] = [
    Way::ClientInHead,
    Way::ClientInBody,
    Way::ClientInAnswer,
    Way::Http2ClientInAnswer,
    Way::UpstreamInHead,
    Way::UpstreamInAnswer,
];

pub(super) async fn break_off(address: SocketAddr, way: Way) -> Result<(), String> {
    let breaking = async {
        match way {
            Way::Http2ClientInAnswer => return reset_stream(address).await.map_err(|error| format!("{error:?}")),
            Way::ClientInHead => {
                let mut raw = Raw::connect(address).await;
                raw.write("GET /x HTTP/1.1\r\nhost: x\r\nx-half: ").await;
                raw.reset();
            }
            Way::ClientInBody => {
                let mut raw = Raw::connect(address).await;
                raw.write("POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nhalf").await;
                raw.reset();
            }
            Way::ClientInAnswer => {
                let mut raw = Raw::connect(address).await;
                raw.write("GET /policy/long HTTP/1.1\r\nhost: x\r\n\r\n").await;
                raw.read_until("xxxx").await;
                raw.reset();
            }
            Way::UpstreamInHead => {
                let answer = asked(address, "/broken/head").await;
                if !answer.starts_with("HTTP/1.1 502 ") {
                    return Err(format!("{answer:.100} for an upstream that hangs up"));
                }
            }
            Way::UpstreamInAnswer => {
                let answer = asked(address, "/broken/body").await;
                if !answer.starts_with("HTTP/1.1 200 ") {
                    return Err(format!("{answer:.100} for an upstream that breaks off"));
                }
            }
        }
        Ok(())
    };
    timeout(PATIENCE, breaking).await.map_err(|_| format!("{way:?} takes too long"))?
}

/// A POST, since nobody asks twice for one.
async fn asked(address: SocketAddr, path: &str) -> String {
    let mut raw = Raw::connect(address).await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    raw.write(head).await;
    raw.read_to_end().await.text()
}

async fn reset_stream(address: SocketAddr) -> Result<(), hyper::Error> {
    let stream = TcpStream::connect(address).await.expect("the gateway accepts");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let running = tokio::spawn(connection);
    sender.ready().await?;
    let request = Request::get(format!("http://{address}/policy/long")).body(Empty::<Bytes>::new());
    let mut answer = sender.send_request(request.expect("a valid request")).await?.into_body();
    drop(answer.frame().await.transpose()?);
    // The stream is reset, and the connection goes with its last handle.
    drop((answer, sender));
    drop(running.await);
    Ok(())
}

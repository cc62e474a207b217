//! A client in good order: it asks, reads whole answers, and connects anew now and then.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::PATIENCE;

/// Requests on one connection.
const EACH: u64 = 500;

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

pub(super) struct Client {
    address: SocketAddr,
    http2: bool,
    sender: Option<Sender>,
    asked: u64,
}

impl Client {
    pub(super) fn new(address: SocketAddr, http2: bool) -> Client {
        Client { address, http2, sender: None, asked: 0 }
    }

    /// So many requests, one after the other.
    pub(super) async fn ask(&mut self, count: u64) -> Result<(), String> {
        for _ in 0..count {
            if self.asked.is_multiple_of(EACH) {
                self.sender = None;
            }
            self.asked += 1;
            let (number, address) = (self.asked, self.address);
            let one = self.one(number);
            timeout(PATIENCE, one).await.map_err(|_| format!("no answer from {address}"))??;
        }
        Ok(())
    }

    async fn one(&mut self, number: u64) -> Result<(), String> {
        let length = match number % 8 {
            3 => 700,
            7 => 20_000,
            _ => 0,
        };
        let method = if length > 0 { Method::POST } else { Method::GET };
        let path = if number.is_multiple_of(4) { "/policy/x" } else { "/x" };
        let body = Full::new(Bytes::from(vec![b'y'; length]));
        let uri = if self.http2 { format!("http://{}{path}", self.address) } else { path.to_owned() };
        let mut request = Request::builder().method(method).uri(uri).body(body).map_err(|error| error.to_string())?;
        if !self.http2 {
            let host = self.address.to_string().parse().expect("an address is a host");
            request.headers_mut().insert(header::HOST, host);
        }
        let answer = self.send(request).await.map_err(|error| format!("request {number}: {error:?}"))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| format!("answer {number}: {error:?}"))?;
        let read = body.to_bytes().len();
        match status == 200 && read == length + 1 {
            true => Ok(()),
            false => Err(format!("answer {number}: status {status} and {read} bytes")),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
        let sender = match &mut self.sender {
            Some(sender) => sender,
            none => none.insert(connect(self.address, self.http2).await?),
        };
        match sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

async fn connect(address: SocketAddr, http2: bool) -> Result<Sender, hyper::Error> {
    let stream = TcpStream::connect(address).await.expect("the gateway accepts");
    stream.set_nodelay(true).expect("it is open");
    let io = TokioIo::new(stream);
    Ok(match http2 {
        false => {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        }
        true => {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        }
    })
}

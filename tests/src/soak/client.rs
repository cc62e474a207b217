//! A client with one connection that is kept: what it asks for, and what must come back.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::book::Book;
use super::config::State;
use super::marks;
use crate::gateway::PATIENCE;

pub struct Client {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Result<Client, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("no connection: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| format!("no connection: {error}"))?;
        tokio::spawn(connection);
        Ok(Client { address, sender })
    }

    /// A request without body. Its answer names the request, so that nobody else's passes for it.
    pub async fn get(&mut self, book: &Book) -> Result<State, String> {
        let (number, id) = book.number();
        let answer = self.send(Method::GET, "/load/get", &id, Bytes::new()).await?;
        let (state, body) = whole(answer, &["down"]).await?;
        if body != format!("answer to {id}").as_bytes() {
            return Err(format!("{id}: another answer: {:?}", String::from_utf8_lossy(&body)));
        }
        book.saw(number, state);
        Ok(state)
    }

    /// A request with a body of so many bytes, which must come back.
    pub async fn post(&mut self, book: &Book, bytes: usize) -> Result<(), String> {
        let (number, id) = book.number();
        let line = format!("body of {id}; ");
        let sent: Bytes = line.bytes().cycle().take(bytes).collect::<Vec<u8>>().into();
        let answer = self.send(Method::POST, "/load/post", &id, sent.clone()).await?;
        let (state, body) = whole(answer, &["down", "up"]).await?;
        if body != sent {
            return Err(format!("{id}: {bytes} bytes were sent, {} others came back", body.len()));
        }
        book.saw(number, state);
        Ok(())
    }

    /// An answer of which the head is there.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        id: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header("x-request-id", id)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let sending = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let answer = timeout(PATIENCE, sending).await.map_err(|_| format!("{id}: no answer"))?;
        answer.map_err(|error| format!("{id}: no answer: {error:?}"))
    }
}

/// What the marks of a whole answer say, and its body without them.
async fn whole(answer: Response<Incoming>, ways: &[&str]) -> Result<(State, Vec<u8>), String> {
    let (head, body) = answer.into_parts();
    let body = timeout(PATIENCE, body.collect()).await.map_err(|_| "the answer does not end".to_owned())?;
    let body = body.map_err(|error| format!("an answer that was cut: {error:?}"))?.to_bytes();
    if head.status != 200 {
        return Err(format!("status {}: {}", head.status, String::from_utf8_lossy(&body)));
    }
    let state = marks::of_heads(&head.headers)?;
    let plain = marks::without_marks(&body, state.mark, ways)?;
    Ok((state, plain))
}

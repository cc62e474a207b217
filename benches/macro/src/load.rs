//! A small client: one request, or as many as so many connections can send one after another.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, HOST};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub address: SocketAddr,
    pub path: &'a str,
    pub key: &'a str,
}

/// An error unless the answer is a whole 200.
pub async fn one_request(target: Target<'_>) -> Result<()> {
    Connection::open(target).await?.send().await
}

/// Each connection sends its next request when it has its answer.
pub async fn requests_a_second(target: Target<'_>, connections: usize, time: Duration) -> Result<f64> {
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..connections {
        let mut connection = Connection::open(target).await?;
        tasks.spawn(async move {
            let mut answers = 0_u64;
            while began.elapsed() < time {
                connection.send().await?;
                answers += 1;
            }
            anyhow::Ok(answers)
        });
    }
    let mut answers = 0;
    while let Some(ended) = tasks.join_next().await {
        answers += ended??;
    }
    Ok(answers as f64 / began.elapsed().as_secs_f64())
}

struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
}

impl Connection {
    async fn open(target: Target<'_>) -> Result<Connection> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get(target.path)
            .header(HOST, target.address.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", target.key))
            .body(Empty::new())?;
        Ok(Connection { sender, request })
    }

    async fn send(&mut self) -> Result<()> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(self.request.clone()).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status == 200, "{status} instead of 200: {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}

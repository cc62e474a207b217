//! One request to the admin listener, and its answer.

use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::config::AdminAddress;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

pub(super) struct Client {
    address: AdminAddress,
    token: String,
}

impl Client {
    pub(super) fn new(address: AdminAddress, token_file: &Path) -> anyhow::Result<Client> {
        let token = std::fs::read_to_string(token_file).with_context(|| {
            let file = token_file.display();
            format!("cannot read the admin token in {file}: run this as the gateway's user, or give --token-file")
        })?;
        Ok(Client { address, token: token.trim_end().to_owned() })
    }

    /// The answer's JSON. What the gateway refuses is an error that says why.
    pub(super) fn ask(&self, method: Method, target: &str, body: String) -> anyhow::Result<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, bytes) = runtime.block_on(async {
            match &self.address {
                AdminAddress::Tcp(address) => {
                    let stream =
                        TcpStream::connect(address).await.with_context(|| not_running(&address.to_string()))?;
                    self.exchange(stream, method, target, body).await
                }
                AdminAddress::Unix(path) => {
                    let stream =
                        UnixStream::connect(path).await.with_context(|| not_running(&path.display().to_string()))?;
                    self.exchange(stream, method, target, body).await
                }
            }
        })?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let word = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        match word("reason") {
            "" if word("detail").is_empty() => bail!("the gateway answered with status {}", status.as_u16()),
            "" => bail!("{}", word("detail")),
            reason => bail!("{}\n{}", word("detail"), reason.trim_end()),
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        method: Method,
        target: &str,
        body: String,
    ) -> anyhow::Result<(http::StatusCode, Bytes)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = "the gateway closed the connection; its log may say why";
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context(broken)?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Full::new(Bytes::from(body)))
            .context("the admin token holds characters that cannot be sent")?;
        let (head, body) = sender.send_request(request).await.context(broken)?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        connection.abort();
        let body = body.map_err(|error| anyhow::anyhow!("the gateway's answer broke off: {error}"))?;
        Ok((head.status, body.to_bytes()))
    }
}

fn not_running(address: &str) -> String {
    format!("no gateway answers at {address}; start it with `sluicegate run`, or give --admin")
}

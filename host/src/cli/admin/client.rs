//! One request to the admin listener, and its answer: whole, or line by line.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::config::AdminAddress;

const BROKEN: &str = "the gateway closed the connection; its log may say why";
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Bytes of one line of an answer that comes line by line.
const LINE_BYTES_MAX: usize = 16 << 20;

/// How the listener refuses who has not its token.
const UNAUTHORIZED: &str = "admin_unauthorized";
/// Of an answer that comes line by line.
const LINES_TYPE: &str = "application/x-ndjson";

pub(in crate::cli) struct Client {
    address: AdminAddress,
    token: String,
    token_file: PathBuf,
}

/// An answer under way, with the connection that it comes on.
struct Answer {
    response: Response<Incoming>,
    connection: JoinHandle<Result<(), hyper::Error>>,
}

trait ReadWrite: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ReadWrite for T {}

impl Client {
    pub(super) fn new(address: AdminAddress, token_file: &Path) -> anyhow::Result<Client> {
        let token = std::fs::read_to_string(token_file).with_context(|| {
            let file = token_file.display();
            format!("cannot read the admin token in {file}: run this as the gateway's user, or give --token-file")
        })?;
        Ok(Client { address, token: token.trim_end().to_owned(), token_file: token_file.to_owned() })
    }

    /// The answer's JSON. What the gateway refuses is an error that says why.
    pub(super) fn ask(&self, method: Method, target: &str, body: String) -> anyhow::Result<Value> {
        runtime()?.block_on(async { self.json(self.send(method, target, body).await?).await })
    }

    /// The answer line by line, each as soon as it is there, until `each` has enough.
    pub(in crate::cli) fn follow(
        &self,
        target: &str,
        body: String,
        each: impl FnMut(&str) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        runtime()?.block_on(async {
            let answer = self.send(Method::POST, target, body).await?;
            let is_lines = answer.response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == LINES_TYPE);
            match answer.response.status().is_success() {
                true if is_lines => answer.lines(each).await,
                true => bail!("what answers at {} is no admin listener: give its address by --admin", self.address()),
                false => self.json(answer).await.map(drop),
            }
        })
    }

    /// What the gateway refuses is an error that says why.
    async fn json(&self, answer: Answer) -> anyhow::Result<Value> {
        let (status, answer) = answer.json().await?;
        let word = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        match (word("code"), word("reason")) {
            _ if status.is_success() => Ok(answer),
            (UNAUTHORIZED, _) => bail!(
                "the token in {} is not that of the gateway at {}: give the file of its own by --token-file",
                self.token_file.display(),
                self.address()
            ),
            ("", _) => bail!(
                "what answers at {} is no admin listener (status {}): give its address by --admin",
                self.address(),
                status.as_u16()
            ),
            (_, "") => bail!("{}", word("detail")),
            (_, reason) => bail!("{}\n{}", word("detail"), reason.trim_end()),
        }
    }

    fn address(&self) -> String {
        match &self.address {
            AdminAddress::Tcp(address) => address.to_string(),
            AdminAddress::Unix(path) => path.display().to_string(),
        }
    }

    async fn send(&self, method: Method, target: &str, body: String) -> anyhow::Result<Answer> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.connect().await?)).await.context(BROKEN)?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Full::new(Bytes::from(body)))
            .context("the admin token holds characters that cannot be sent")?;
        let response = sender.send_request(request).await.context(BROKEN)?;
        Ok(Answer { response, connection })
    }

    async fn connect(&self) -> anyhow::Result<Box<dyn ReadWrite>> {
        Ok(match &self.address {
            AdminAddress::Tcp(address) => {
                Box::new(TcpStream::connect(address).await.with_context(|| not_running(&self.address()))?)
            }
            AdminAddress::Unix(path) => {
                Box::new(UnixStream::connect(path).await.with_context(|| not_running(&self.address()))?)
            }
        })
    }
}

impl Answer {
    /// Null where it is no JSON.
    async fn json(self) -> anyhow::Result<(StatusCode, Value)> {
        let (head, body) = self.response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        self.connection.abort();
        let body = body.map_err(|error| anyhow::anyhow!("the gateway's answer broke off: {error}"))?;
        Ok((head.status, serde_json::from_slice(&body.to_bytes()).unwrap_or_default()))
    }

    async fn lines(self, mut each: impl FnMut(&str) -> anyhow::Result<ControlFlow<()>>) -> anyhow::Result<()> {
        let mut body = self.response.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.context("the gateway's answer broke off")?;
            rest.extend_from_slice(frame.data_ref().map_or(&[], |bytes| bytes));
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                if each(String::from_utf8_lossy(&line).trim_end())?.is_break() {
                    self.connection.abort();
                    return Ok(());
                }
            }
            if rest.len() > LINE_BYTES_MAX {
                bail!("a line of the gateway's answer has over {LINE_BYTES_MAX} bytes");
            }
        }
        Ok(())
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn not_running(address: &str) -> String {
    format!("no gateway answers at {address}; start it with `sluicegate run`, or give --admin")
}

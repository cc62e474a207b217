//! A server that answers each request as a test says, byte for byte.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::config::{OciReference, Origin, RemotePlace, Url};

pub struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

pub struct Reply {
    bytes: Vec<u8>,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    Close,
    Hang,
    /// Sends the last byte again and again.
    Repeat,
}

impl Server {
    /// `answer` gets each request's head.
    pub async fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), seen.clone());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, log) = (answer.clone(), log.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let request = String::from_utf8(request).unwrap();
                    log.lock().unwrap().push(request.clone());
                    let Reply { bytes, then } = answer(&request);
                    let sent = stream.write_all(&bytes).await;
                    let last = *bytes.last().unwrap_or(&0);
                    match then {
                        Then::Close => {}
                        Then::Hang => std::future::pending().await,
                        Then::Repeat => while sent.is_ok() && stream.write_all(&[last; 4096]).await.is_ok() {},
                    }
                });
            }
        });
        Server { port, seen, task: task.abort_handle() }
    }

    /// The same answer to everything but the signature, which is not there.
    pub async fn always(bytes: Reply) -> Server {
        let bytes = Arc::new(bytes);
        Server::start(move |request| match request.contains(".sig ") {
            true => Reply::status(404, ""),
            false => Reply { bytes: bytes.bytes.clone(), then: bytes.then },
        })
        .await
    }

    pub fn origin(&self) -> Origin {
        Origin { tls: false, host: "127.0.0.1".into(), port: self.port }
    }

    pub fn url(&self, target: &str) -> Url {
        Url { origin: self.origin(), target: target.to_owned() }
    }

    pub fn place(&self, target: &str) -> RemotePlace {
        RemotePlace::Url { url: self.url(target), signature: None }
    }

    /// `team/audit:1` in this registry, or what stands behind `team/audit`.
    pub fn artifact(&self, rest: &str) -> RemotePlace {
        let text = format!("127.0.0.1:{}/team/audit{rest}", self.port);
        RemotePlace::Oci(OciReference::parse(&text, false).unwrap())
    }

    /// The heads of all requests so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reply {
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply { bytes: bytes.into(), then: Then::Close }
    }

    pub fn ok(body: &[u8]) -> Reply {
        Reply::with("", body)
    }

    /// Each of `fields` ends with a line end.
    pub fn with(fields: &str, body: &[u8]) -> Reply {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\n\r\n", body.len());
        Reply::raw([head.as_bytes(), body].concat())
    }

    pub fn status(status: u16, fields: &str) -> Reply {
        Reply::raw(format!("HTTP/1.1 {status} Said\r\n{fields}content-length: 0\r\n\r\n"))
    }

    pub fn status_with(status: u16, body: &[u8]) -> Reply {
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n", body.len());
        Reply::raw([head.as_bytes(), body].concat())
    }

    pub fn redirect(to: &str) -> Reply {
        Reply::status(302, &format!("location: {to}\r\n"))
    }

    pub fn hanging(self) -> Reply {
        Reply { then: Then::Hang, ..self }
    }

    pub fn repeating(self) -> Reply {
        Reply { then: Then::Repeat, ..self }
    }
}

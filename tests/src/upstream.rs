//! A scripted upstream that keeps its own record of what it received.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Ends when dropped.
pub struct Upstream {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Upstream {
    /// Answers each request by `script`, once its body has arrived.
    pub async fn start(script: impl Fn(&Received) -> Response<Full<Bytes>> + Send + Sync + 'static) -> Upstream {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let record = received.clone();
        let connections: Arc<AtomicUsize> = Arc::default();
        let count = connections.clone();
        let script = Arc::new(script);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (record, script) = (record.clone(), script.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (record, script) = (record.clone(), script.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
                        let request = Received { method: head.method, target, headers: head.headers, body };
                        let answer = script(&request);
                        record.lock().expect("no panic here").push(request);
                        Ok::<_, hyper::Error>(answer)
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Upstream { address, received, connections, accepting }
    }

    /// Answers 200 with `ok` to everything.
    pub async fn ok() -> Upstream {
        Upstream::start(|_| Response::new(Full::new(Bytes::from_static(b"ok")))).await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic here").clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

//! A proxy of bare hyper, which is what ours is built on: one thread, a pool of connections, and nothing else.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result};
use clap::Args;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::Program;
use crate::ground::Ground;

#[derive(Debug, Clone, Args)]
pub struct Options {
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    upstream: SocketAddr,
}

pub(super) fn prepare(ground: &Ground, address: SocketAddr) -> Result<Program> {
    let (address, upstream) = (address.to_string(), ground.service.address.to_string());
    let arguments = ["bare-hyper", "--address", &address, "--upstream", &upstream];
    Ok(Program { path: std::env::current_exe()?, arguments: arguments.map(Into::into).into(), environment: Vec::new() })
}

/// Serves until it is killed.
pub fn run(options: &Options) -> Result<()> {
    let upstream = Rc::new(Upstream {
        address: options.upstream,
        host: HeaderValue::from_str(&options.upstream.to_string())?,
        idle: RefCell::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(options.address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let upstream = upstream.clone();
            let service = service_fn(move |request| {
                let upstream = upstream.clone();
                async move { upstream.exchange(request).await }
            });
            tokio::task::spawn_local(server::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

struct Upstream {
    address: SocketAddr,
    host: HeaderValue,
    /// Connections on which no request is under way, the one used last on top.
    idle: RefCell<Vec<SendRequest<Incoming>>>,
}

impl Upstream {
    async fn exchange(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>> {
        request.headers_mut().remove(CONNECTION);
        request.headers_mut().insert(HOST, self.host.clone());
        let mut sender = self.connection().await?;
        let answer = sender.send_request(request).await?;
        // It is taken again only once this answer's body is through: until then it is not ready.
        self.idle.borrow_mut().push(sender);
        Ok(answer)
    }

    async fn connection(&self) -> Result<SendRequest<Incoming>> {
        while let Some(mut sender) = self.take() {
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(self.address).await.context("the upstream is not there")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    /// One that can be used at once, so that no request waits for another's answer.
    fn take(&self) -> Option<SendRequest<Incoming>> {
        let mut idle = self.idle.borrow_mut();
        let place = idle.iter().rposition(|sender| sender.is_ready() || sender.is_closed())?;
        Some(idle.swap_remove(place))
    }
}

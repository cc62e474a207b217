//! The upstream of a run: whole answers, long ones, and such as break off.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const PIECE: Bytes = Bytes::from_static(&[b'x'; 16 << 10]);
/// More than the sockets on the way to a client hold.
const LONG_PIECES: u64 = 1024;

#[derive(Default)]
struct Counts {
    answering: AtomicU64,
    broken_off: AtomicU64,
}

/// Ends when dropped.
pub(super) struct Site {
    address: SocketAddr,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

impl Site {
    pub(super) async fn start() -> Site {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let counts: Arc<Counts> = Arc::default();
        let shared = counts.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                drop(stream.set_nodelay(true));
                let counts = shared.clone();
                let service = service_fn(move |request| serve(request, counts.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Site { address, counts, accepting }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests whose answers are under way.
    pub(super) fn answering(&self) -> u64 {
        self.counts.answering.load(Ordering::SeqCst)
    }

    pub(super) fn broken_off(&self) -> u64 {
        self.counts.broken_off.load(Ordering::SeqCst)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An answer of so many bytes, in pieces. One that breaks promises more than it has.
struct Answer {
    rest: u64,
    breaks: bool,
    /// What there was is on its way, so that the break is one in the middle.
    flushed: bool,
    counts: Arc<Counts>,
}

async fn serve(request: Request<Incoming>, counts: Arc<Counts>) -> Result<Response<Answer>, std::io::Error> {
    let (head, body) = request.into_parts();
    counts.answering.fetch_add(1, Ordering::SeqCst);
    let mut answer = Answer { rest: 0, breaks: false, flushed: false, counts };
    // A client that leaves in its body ends it here as well.
    let sent = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    match head.uri.path().trim_start_matches("/policy") {
        "/long" => answer.rest = LONG_PIECES * PIECE.len() as u64,
        "/broken/head" => return Err(answer.broken()),
        "/broken/body" => (answer.rest, answer.breaks) = (PIECE.len() as u64, true),
        _ => answer.rest = sent.len() as u64 + 1,
    }
    Ok(Response::new(answer))
}

impl Answer {
    fn broken(&self) -> std::io::Error {
        self.counts.broken_off.fetch_add(1, Ordering::SeqCst);
        std::io::Error::other("as it was asked to")
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let length = self.rest.min(PIECE.len() as u64);
        if length == 0 && self.breaks && !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if length == 0 {
            return Poll::Ready(self.breaks.then(|| Err(self.broken())));
        }
        self.rest -= length;
        Poll::Ready(Some(Ok(Frame::data(PIECE.slice(..length as usize)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest == 0 && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest + if self.breaks { 1 } else { 0 })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.counts.answering.fetch_sub(1, Ordering::SeqCst);
    }
}

//! The upstream of a run: it says what it saw of each request, gives bodies back, and streams for as long as it is told.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::streams::{Kind, piece};

/// Between two pieces of a stream.
const PIECE_INTERVAL: Duration = Duration::from_millis(20);
/// Pieces that wait for their reader.
const PIECES_MAX: usize = 4;

/// Ends when dropped.
pub struct ScriptedUpstream {
    address: SocketAddr,
    swaps: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

/// The end of a stream: when there have been so many swaps.
struct Wanted {
    swaps: Arc<AtomicU64>,
    until: u64,
}

impl ScriptedUpstream {
    pub async fn start() -> ScriptedUpstream {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let swaps: Arc<AtomicU64> = Arc::default();
        let count = swaps.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                drop(stream.set_nodelay(true));
                let count = count.clone();
                let service = service_fn(move |request| serve(request, count.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        ScriptedUpstream { address, swaps, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many swaps there have been; streams wait for a number of it to end.
    pub fn swaps(&self) -> &Arc<AtomicU64> {
        &self.swaps
    }
}

impl Drop for ScriptedUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    request: Request<Incoming>,
    swaps: Arc<AtomicU64>,
) -> Result<Response<Either<Full<Bytes>, Pieces>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let id = head.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let mut answer = match head.uri.path().strip_prefix("/load/").and_then(Kind::from_path) {
        Some((kind, until)) => {
            let (sender, receiver) = mpsc::channel(PIECES_MAX);
            tokio::spawn(write(sender, kind, id.to_owned(), Wanted { swaps, until }));
            let mut answer = Response::new(Either::Right(Pieces(receiver)));
            answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
            answer
        }
        None if body.is_empty() => Response::new(Either::Left(Full::new(format!("answer to {id}").into()))),
        None => Response::new(Either::Left(Full::new(body))),
    };
    for name in ["order", "mark", "route"] {
        for value in head.headers.get_all(format!("x-{name}")) {
            let name = HeaderName::from_bytes(format!("seen-{name}").as_bytes()).expect("a name");
            answer.headers_mut().append(name, value.clone());
        }
    }
    Ok(answer)
}

async fn write(sender: mpsc::Sender<Bytes>, kind: Kind, id: String, wanted: Wanted) {
    for number in 0.. {
        let last = wanted.swaps.load(Ordering::Relaxed) >= wanted.until;
        if sender.send(piece(kind, &id, number, last).into()).await.is_err() || last {
            return;
        }
        tokio::time::sleep(PIECE_INTERVAL).await;
    }
}

/// A body whose pieces come from a task of their own.
struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

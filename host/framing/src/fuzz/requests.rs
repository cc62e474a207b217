//! hyper behind the [`Watch`], as the gateway sets both up, against the strict reader of [`super::reference`].

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;

use super::reference::{self, Request};
use super::{cut, fuzz};
use crate::Watch;
use crate::http1::{HeadLimits, has_unknown_transfer_coding, server};

const LIMITS: HeadLimits = HeadLimits { bytes_max: 65_536, fields_max: 100, timeout: Duration::from_secs(10) };

/// A client that sends these pieces, one after the other, and takes all that comes. What is wrong in them is held back.
struct Pieces {
    rest: VecDeque<Vec<u8>>,
    watch: Watch,
    /// The next piece is still on its way.
    waits: bool,
}

impl Read for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.waits = !self.waits;
        if self.waits {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(mut piece) = self.rest.pop_front() {
            let more = piece.split_off(piece.len().min(buffer.remaining()));
            piece.truncate(self.watch.pass(&piece));
            if let Some(fault) = self.watch.fault().filter(|_| piece.is_empty()) {
                return Poll::Ready(Err(std::io::Error::new(std::io::ErrorKind::InvalidData, fault)));
            }
            buffer.put_slice(&piece);
            if !more.is_empty() {
                self.rest.push_front(more);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The requests that hyper finds in these pieces, and that the gateway would not refuse for their coding.
async fn seen(pieces: &[&[u8]]) -> Vec<Request> {
    let rest = pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| piece.to_vec()).collect();
    let found: Arc<Mutex<Vec<Request>>> = Arc::default();
    let record = found.clone();
    // The gateway refuses a coding that it does not know, and closes the connection: what comes behind is nobody's.
    let refused = Arc::new(AtomicBool::new(false));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (record, refused) = (record.clone(), refused.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
            let fields = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
            let (method, target) = (head.method.to_string(), head.uri.to_string().into_bytes());
            let is_refused = has_unknown_transfer_coding(&head.headers);
            if !refused.fetch_or(is_refused, Ordering::Relaxed) && !is_refused {
                let request = Request { method, target, fields: fields.collect(), body };
                record.lock().expect("no panic here").push(request);
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    // How it ends says nothing that the requests do not.
    let connection = server(LIMITS).serve_connection(Pieces { rest, watch: Watch::requests(), waits: false }, service);
    drop(tokio::time::timeout(Duration::from_secs(20), connection).await.expect("it ends"));
    let mut found = found.lock().expect("no panic here");
    std::mem::take(&mut *found)
}

/// What both readers have to agree on. hyper groups fields by name, and has a length once, or not at all where it does not count.
fn compared(request: &Request) -> (String, String, Vec<(String, Vec<u8>)>, Option<Vec<u8>>) {
    let is_chunked = request.fields.iter().any(|field| field.0 == "transfer-encoding");
    let mut fields = request.fields.clone();
    fields.retain(|field| !is_chunked || field.0 != "content-length");
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields.dedup_by(|one, other| one.0 == "content-length" && one == other);
    // As hyper writes it down: what is in absolute form is put together anew from its parts.
    let target = String::from_utf8_lossy(&request.target).parse::<http::Uri>().map(|uri| uri.to_string());
    let target = target.unwrap_or_else(|error| format!("{error}: {:?}", request.target));
    (request.method.clone(), target, fields, request.body.clone())
}

#[test]
fn fuzzed_requests_are_framed_as_a_strict_reader_frames_them_and_the_same_in_any_pieces() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (mut same, mut bodies) = (0, 0);
    fuzz("requests", |_, bytes, random| {
        let whole = runtime.block_on(seen(&[bytes]));
        for pieces in [cut(bytes, random), bytes.chunks(1).collect()] {
            assert_eq!(runtime.block_on(seen(&pieces)), whole, "in pieces");
        }
        let strict = reference::requests(bytes);
        // What is held back is nothing that the strict reader takes.
        let in_order = &bytes[..Watch::requests().pass(bytes)];
        let taken = |bytes| reference::requests(bytes).iter().filter(|request| request.body.is_some()).count();
        assert_eq!(taken(in_order), taken(bytes), "{} bytes pass", in_order.len());
        // What hyper refuses it may refuse. What it takes must be there for the strict reader as well, and be the same.
        assert!(whole.len() <= strict.len(), "{whole:?}\n{strict:?}");
        for (at, (here, there)) in whole.iter().zip(&strict).enumerate() {
            let (here_compared, mut there_compared) = (compared(here), compared(there));
            if here.body.is_none() {
                assert_eq!(at + 1, whole.len(), "nothing is read behind a body that is refused");
                there_compared.3 = None;
            }
            assert_eq!(here_compared, there_compared);
            bodies += usize::from(here.body.as_ref().is_some_and(|body| !body.is_empty()));
        }
        same += whole.len();
    });
    assert!(same > 1_000 && bodies > 300, "{same} {bodies}");
}

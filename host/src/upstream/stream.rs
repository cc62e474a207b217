//! One request on a connection of HTTP/2, and what comes back on its stream.
//!
//! h2 is used without hyper's client, which hides a 100, takes a reset with `NO_ERROR` for the end of an answer, and goes on sending
//! a request whose answer nobody wants any more.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;

use super::body::SendBody;
use super::error::Cause;
use super::received::{Answers, Received, lock};

/// Informational answers that are taken in front of an answer.
const INFORMATIONAL_MAX: usize = 64;

/// Why there is no answer.
pub(super) struct Unanswered {
    pub(super) cause: Cause,
    /// The request, when not a byte of it was written.
    pub(super) unsent: Option<Request<SendBody>>,
}

/// Sends what is left of a request behind its answer's head. Dropped, it takes the request back, if that has not ended.
pub(super) struct Upload(AbortHandle);

/// The body of an answer.
pub(super) struct StreamBody {
    received: Arc<Mutex<Received>>,
    /// As the head has announced it.
    left: Option<u64>,
}

/// The request's body towards its stream.
struct Outgoing {
    body: SendBody,
    stream: SendStream<Bytes>,
    /// Taken from the body; waits for the upstream to open its window. A window that is asked for before there is something to
    /// send would be taken from other streams.
    chunk: Option<Bytes>,
}

/// Returns with the head of the answer, whose body is then one of `answers`.
pub(super) async fn send(
    sender: SendRequest<Bytes>,
    request: Request<SendBody>,
    answers: &Answers,
) -> Result<(Response<StreamBody>, Option<Upload>), Unanswered> {
    let mut sender = match sender.ready().await {
        Ok(sender) => sender,
        Err(error) => return Err(Unanswered { cause: error.into(), unsent: Some(request) }),
    };
    let (head, body) = request.into_parts();
    let is_head = head.method == Method::HEAD;
    let ends = body.is_end_stream();
    let failed = |cause: Cause| Unanswered { cause, unsent: None };
    let sent = sender.send_request(Request::from_parts(head, ()), ends);
    let (mut answer, stream) = sent.map_err(|error| failed(error.into()))?;
    // Nothing keeps the connection open for the sake of further requests of this one.
    drop(sender);
    let mut outgoing = (!ends).then_some(Outgoing { body, stream, chunk: None });
    let mut informational = 0;
    let answered = poll_fn(|context| {
        // Before the body: the 100 that it waits for may be here.
        let answered = poll_answer(&mut answer, &mut informational, outgoing.as_ref(), context);
        if answered.is_ready() {
            return answered;
        }
        if let Some(sending) = &mut outgoing {
            match sending.poll(context) {
                Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
                // If the upstream takes no more of it, its answer says why.
                Poll::Ready(Ok(())) => outgoing = None,
                Poll::Pending => {}
            }
        }
        Poll::Pending
    });
    let (head, stream) = answered.await.map_err(failed)?.into_parts();
    // What comes of its failure is for who reads the answer.
    let upload = outgoing.map(|mut outgoing| {
        let sending = async move { drop(poll_fn(|context| outgoing.poll(context)).await) };
        Upload(tokio::spawn(sending).abort_handle())
    });
    let left = match is_head || stream.is_end_stream() {
        true => Some(0),
        false => head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()),
    };
    Ok((Response::from_parts(head, StreamBody { received: answers.add(stream), left }), upload))
}

fn poll_answer(
    answer: &mut ResponseFuture,
    informational: &mut usize,
    outgoing: Option<&Outgoing>,
    context: &mut Context<'_>,
) -> Poll<Result<Response<RecvStream>, Cause>> {
    loop {
        match ready!(answer.poll_informational(context)) {
            Some(Ok(one)) => {
                if let (StatusCode::CONTINUE, Some(outgoing)) = (one.status(), outgoing) {
                    outgoing.body.open();
                }
                *informational += 1;
                if *informational > INFORMATIONAL_MAX {
                    return Poll::Ready(Err(Cause::Informational));
                }
            }
            Some(Err(error)) => return Poll::Ready(Err(error.into())),
            None => return Pin::new(answer).poll(context).map_err(Cause::from),
        }
    }
}

impl Outgoing {
    /// Ready when nothing more is to be sent. The error: the body failed.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        loop {
            if let Poll::Ready(_reset) = self.stream.poll_reset(context) {
                return Poll::Ready(Ok(()));
            }
            if self.chunk.is_some() && !ready!(self.poll_room(context)) {
                return Poll::Ready(Ok(()));
            }
            if let Some(chunk) = self.chunk.take() {
                let ends = self.body.is_end_stream();
                if self.stream.send_data(chunk, ends).is_err() || ends {
                    return Poll::Ready(Ok(()));
                }
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if chunk.is_empty() && !self.body.is_end_stream() => {}
                    Ok(chunk) => {
                        // The rest of it is asked for when it is handed over.
                        self.stream.reserve_capacity(usize::from(!chunk.is_empty()));
                        self.chunk = Some(chunk);
                    }
                    Err(frame) => {
                        self.stream.reserve_capacity(0);
                        let trailers = frame.into_trailers().unwrap_or_default();
                        // A stream that is gone says so to who waits for the answer.
                        return Poll::Ready(self.stream.send_trailers(trailers).or(Ok(())));
                    }
                },
                Some(Err(_)) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Err(Cause::RequestBody));
                }
                None => return Poll::Ready(self.stream.send_data(Bytes::new(), true).or(Ok(()))),
            }
        }
    }

    /// Waits until the upstream takes something of the chunk; false if it never will.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.chunk.as_ref().is_none_or(Bytes::is_empty) {
            return Poll::Ready(true);
        }
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(context)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl StreamBody {
    pub(super) fn is_end_stream(&self) -> bool {
        lock(&self.received).is_end_stream()
    }

    /// All of its length is there, and its end is not.
    pub(super) fn waits_for_its_end(&self) -> bool {
        self.left == Some(0) && !self.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }

    /// Any error breaks the answer off: a reset behind its end is none.
    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let mut received = lock(&self.received);
        if let Some(bytes) = ready!(received.poll_data(context)).transpose()? {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.left = self.left.map(|left| left.saturating_sub(length));
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let trailers = ready!(received.poll_trailers(context))?;
        Poll::Ready(trailers.map(|fields| Ok(Frame::trailers(fields))))
    }
}

//! What a listener asks for answers.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;

use super::ClientInfo;
use crate::error::Refusal;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Called for each request. Its error, a panic and a broken body end the stream or the connection, not the process.
pub trait Service: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;
    type Error: Into<BoxError> + Send + 'static;
    type Answer: Future<Output = Result<Response<Self::Body>, Self::Error>> + Send + 'static;

    fn answer(&self, request: Request<Incoming>, client: ClientInfo) -> Self::Answer;

    /// What the client of a request of HTTP/1.1 is told whose head cannot be read. Its status alone unless said otherwise.
    fn refuse_unread(&self, refusal: &Refusal, _client: &ClientInfo) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = refusal.status;
        answer
    }
}

/// Two functions as a service.
pub struct Answers<A, R> {
    /// Called for each request.
    pub answer: A,
    pub refuse_unread: R,
}

impl<S, F, B, E> Service for S
where
    S: Fn(Request<Incoming>, ClientInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    E: Into<BoxError> + Send + 'static,
{
    type Body = B;
    type Error = E;
    type Answer = F;

    fn answer(&self, request: Request<Incoming>, client: ClientInfo) -> F {
        self(request, client)
    }
}

impl<A, R, F, B, E> Service for Answers<A, R>
where
    A: Fn(Request<Incoming>, ClientInfo) -> F + Send + Sync + 'static,
    R: Fn(&Refusal, &ClientInfo) -> Response<Bytes> + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    E: Into<BoxError> + Send + 'static,
{
    type Body = B;
    type Error = E;
    type Answer = F;

    fn answer(&self, request: Request<Incoming>, client: ClientInfo) -> F {
        (self.answer)(request, client)
    }

    fn refuse_unread(&self, refusal: &Refusal, client: &ClientInfo) -> Response<Bytes> {
        (self.refuse_unread)(refusal, client)
    }
}

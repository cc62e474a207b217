//! One request from its head to its answer: the body, the memory, the key, the behaviour, the dialect.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::behaviour::{Behaviour, Cut};
use crate::body::{Chunks, ReplyBody};
use crate::cut::CutSwitch;
use crate::dialect::{Content, Reply, openai};
use crate::received::{Delivery, ReceivedRequest};
use crate::refusal::Refusal;
use crate::{ProviderOptions, Received};

/// What is read and thrown away of a body that is too long: a client that is still writing when the connection is closed
/// would not see the answer.
const DISCARD_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub struct Service {
    options: ProviderOptions,
    received: Received,
}

impl Service {
    pub fn new(options: ProviderOptions, received: Received) -> Service {
        Service { options, received }
    }

    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        switch: Arc<CutSwitch>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let (head, incoming) = request.into_parts();
        let body = self.read_body(incoming).await;
        let mut delivery = self.record(&head, &body);
        let (behaviour, reply) = match self.decide(&head, body) {
            Ok((behaviour, reply)) => (behaviour, reply),
            Err(refusal) => (Behaviour::default(), openai::refuse(&refusal)),
        };
        tokio::time::sleep(behaviour.first_byte_delay).await;
        if behaviour.cut == Some(Cut::BeforeHead) {
            delivery.cut();
            switch.fire();
            // The connection goes, and with it this answer.
            std::future::pending::<()>().await;
        }
        Ok(response(reply, &behaviour, switch, delivery))
    }

    /// A refusal comes at once and whole; everything else follows the behaviour asked for.
    fn decide(&self, head: &Parts, body: ReadBody) -> Result<(Behaviour, Reply), Refusal> {
        self.check_key(&head.headers)?;
        if let Some(refusal) = body.refusal {
            return Err(refusal);
        }
        let behaviour = self.options.behaviour.with_fields(&head.headers);
        let behaviour = behaviour.map_err(|message| Refusal::WrongBehaviour { message })?;
        let reply = match behaviour.failure {
            Some(failure) => {
                openai::refuse(&Refusal::Failure { status: failure.status, retry_after: failure.retry_after })
            }
            None => openai::answer(&head.method, head.uri.path(), &body.bytes)
                .unwrap_or_else(|refusal| openai::refuse(&refusal)),
        };
        Ok((behaviour, reply))
    }

    fn check_key(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let field = headers.get(header::AUTHORIZATION).ok_or(Refusal::MissingKey)?.as_bytes();
        match field.split_at_checked("Bearer ".len()) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"Bearer ") => {
                if self.options.key.matches(key) {
                    Ok(())
                } else {
                    Err(Refusal::WrongKey)
                }
            }
            _ => Err(Refusal::MissingKey),
        }
    }

    async fn read_body(&self, mut incoming: Incoming) -> ReadBody {
        let mut body = BodyBuffer { kept: BytesMut::new(), bytes: 0 };
        let bytes_max = self.options.body_bytes_max;
        let reading = body.fill(&mut incoming, bytes_max);
        let refusal = match tokio::time::timeout(self.options.body_timeout, reading).await {
            Ok(Ok(())) if body.bytes > bytes_max as u64 => Some(Refusal::BodyTooLong { bytes_max }),
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(Refusal::BodyBroken),
            Err(_) => Some(Refusal::BodyTooSlow),
        };
        ReadBody { bytes: body.kept.freeze(), length: body.bytes, refusal }
    }

    fn record(&self, head: &Parts, body: &ReadBody) -> Delivery {
        self.received.record(ReceivedRequest {
            method: head.method.clone(),
            target: head.uri.to_string(),
            headers: head.headers.clone(),
            body: body.bytes.clone(),
            body_bytes: body.length,
            body_complete: body.refusal.is_none(),
        })
    }
}

struct ReadBody {
    bytes: Bytes,
    length: u64,
    refusal: Option<Refusal>,
}

/// Outlives the reading, so that what arrived is known when the time is up.
struct BodyBuffer {
    kept: BytesMut,
    bytes: u64,
}

impl BodyBuffer {
    async fn fill(&mut self, incoming: &mut Incoming, kept_bytes_max: usize) -> Result<(), hyper::Error> {
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            self.bytes += data.len() as u64;
            let room = kept_bytes_max - self.kept.len();
            self.kept.extend_from_slice(data.get(..room).unwrap_or(&data));
            if self.bytes > kept_bytes_max as u64 + DISCARD_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }
}

fn response(reply: Reply, behaviour: &Behaviour, switch: Arc<CutSwitch>, delivery: Delivery) -> Response<ReplyBody> {
    let (chunks, length): (Chunks, Option<u64>) = match reply.content {
        Content::Whole(bytes) => {
            let length = bytes.len() as u64;
            (Box::new(std::iter::once(bytes)), Some(length))
        }
        Content::Events(events) => (events, None),
    };
    let mut response = Response::new(ReplyBody::new(chunks, length, behaviour, switch, delivery));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

//! One request from its head to its answer: the body, the memory, the key, the behaviour, the dialect.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::Value;

use crate::behaviour::{Behaviour, Cut, page, split_name, spoil};
use crate::body::{Chunks, ReplyBody};
use crate::cut::CutSwitch;
use crate::dialect::{Call, Content, Dialect, Kept, Reply};
use crate::invoice::{Account, Invoice};
use crate::json;
use crate::key::ProviderKey;
use crate::received::{Delivery, ReceivedRequest};
use crate::refusal::Refusal;
use crate::{Fault, ProviderOptions, Received};

mod intake;

use intake::{Intake, read_body};

/// No vendor's path: what a key has used.
const INVOICE: &str = "/provider/invoice";

pub struct Service {
    options: ProviderOptions,
    received: Received,
    invoice: Invoice,
    kept: Kept,
}

impl Service {
    pub fn new(options: ProviderOptions, received: Received, invoice: Invoice) -> Service {
        Service { options, received, invoice, kept: Kept::default() }
    }

    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        switch: Arc<CutSwitch>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let (head, incoming) = request.into_parts();
        let body = read_body(incoming, &self.options).await;
        let mut delivery = self.record(&head, &body);
        let dialect = Dialect::of(head.uri.path(), &head.headers);
        let (behaviour, reply) = match self.decide(dialect, &head, body) {
            Ok((behaviour, reply)) => (behaviour, reply),
            Err(refusal) => (Behaviour::default(), dialect.refuse(&refusal)),
        };
        // A sleep of no time ends with the clock's next millisecond.
        if !behaviour.first_byte_delay.is_zero() {
            tokio::time::sleep(behaviour.first_byte_delay).await;
        }
        if behaviour.cut == Some(Cut::BeforeHead) {
            delivery.cut();
            switch.fire();
            // The connection goes, and with it this answer.
            std::future::pending::<()>().await;
        }
        Ok(response(reply, &behaviour, switch, delivery))
    }

    /// A refusal comes at once and whole; everything else follows the behaviour asked for.
    fn decide(&self, dialect: Dialect, head: &Parts, body: Intake) -> Result<(Behaviour, Reply), Refusal> {
        let key = dialect.key(&self.options.keys, head, &body.bytes)?;
        if let Some(refusal) = body.refusal {
            return Err(refusal);
        }
        let json = if body.bytes.is_empty() { Err("it is empty".to_owned()) } else { json::parse(&body.bytes) };
        let path = head.uri.path();
        let behaviour = self.behaviour(head, dialect.model_in(path, &json).as_deref())?;
        if path == INVOICE && head.method == Method::GET {
            return Ok((behaviour, self.invoice_of(key)));
        }
        if let Some(failure) = behaviour.plain_failure() {
            let refusal = Refusal::Failure { status: failure.status, retry_after: failure.retry_after };
            return Ok((behaviour, dialect.refuse(&refusal)));
        }
        if behaviour.fault == Some(Fault::Html) {
            let page = page(&behaviour);
            return Ok((behaviour, page));
        }
        let reply = self.reply(dialect, head, &body.bytes, &json, key, &behaviour);
        let reply = reply.unwrap_or_else(|refusal| dialect.refuse(&refusal));
        let spoiled = spoil(reply, &behaviour, dialect);
        Ok((behaviour, spoiled))
    }

    fn reply(
        &self,
        dialect: Dialect,
        head: &Parts,
        body: &Bytes,
        json: &Result<Value, String>,
        key: &ProviderKey,
        behaviour: &Behaviour,
    ) -> Result<Reply, Refusal> {
        let account = Account { invoice: self.invoice.clone(), key: key.id(), dialect: dialect.name() };
        dialect.answer(&Call {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
            json,
            account,
            kept: &self.kept,
            asked: behaviour.asked(),
            seed: behaviour.answer_seed,
        })
    }

    /// The options', then the fields', then that of the model's name.
    fn behaviour(&self, head: &Parts, model: Option<&str>) -> Result<Behaviour, Refusal> {
        let wrong = |message| Refusal::WrongBehaviour { message };
        let behaviour = self.options.behaviour.with_fields(&head.headers).map_err(wrong)?;
        match model.and_then(|model| split_name(model).1) {
            Some(suffix) => behaviour.with_suffix(suffix).map_err(wrong),
            None => Ok(behaviour),
        }
    }

    fn invoice_of(&self, key: &ProviderKey) -> Reply {
        let id = key.id();
        let lines: Vec<_> = self.invoice.lines().into_iter().filter(|line| line.key == id).collect();
        let answers: Vec<_> = self.invoice.answers().into_iter().filter(|answer| answer.key == id).collect();
        let total = self.invoice.total(&id);
        let body = json::object! { "key": id, "total": total, "lines": lines, "answers": answers };
        Reply::json(StatusCode::OK, &body)
    }

    fn record(&self, head: &Parts, body: &Intake) -> Delivery {
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

fn response(reply: Reply, behaviour: &Behaviour, switch: Arc<CutSwitch>, delivery: Delivery) -> Response<ReplyBody> {
    let (chunks, length): (Chunks, Option<u64>) = match reply.content {
        Content::Whole(bytes) => {
            let length = bytes.len() as u64;
            (Box::new(std::iter::once(bytes)), Some(length))
        }
        Content::Stream(stream) => (Box::new(stream.events.map(|event| event.bytes)), None),
    };
    let mut response = Response::new(ReplyBody::new(chunks, length, behaviour, switch, delivery));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

//! One target after another, as the plan says, until one answers.
//!
//! The next one is tried only where that can do no harm, and before the client has a byte: no upstream has seen the request; or one
//! broke off, was late or answered 503, and the method is idempotent (RFC 9110, 9.2.2); or one said that it has not done it, by 429,
//! or by 503 with a time to ask again. In each case the body must be there to be sent again, of which [`super::resend`] knows.

use std::time::Duration;

use http::{Response, StatusCode, header};

use super::request_body::RequestBody;
use super::resend::Resend;
use super::run::Run;
use super::stop::{Stop, StopReply};
use super::targets::Target;
use crate::config::{Route, UpstreamProtocol};
use crate::error::{Code, Refusal};
use crate::upstream::UpstreamBody;

/// Of an answer that another target is to be better than. A longer one is not kept, ...
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// ... nor one whose end takes longer, so that the next target is not waited for either.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// An attempt that brought no answer.
pub(super) struct Failed {
    pub(super) stop: Stop,
    pub(super) reached: Reached,
}

/// How far an attempt came that brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// Another target would fare no better.
    NoMatter,
    /// The upstream has not seen the request.
    Nothing,
    /// The upstream may have done what was asked.
    Upstream,
    /// So it may, and what it answered cannot be used: another target would fare no better.
    Answered,
}

impl Run {
    /// Sends the request to the targets of the plan until one answers.
    ///
    /// If none does in the end, an answer that another target was to be better than is the answer after all; unless a later target may
    /// have done what must not be done twice, for then nobody may say that it was not done.
    pub(super) async fn send(&self, route: &Route, body: RequestBody) -> Result<Response<UpstreamBody>, Stop> {
        // The plan is not changed any more.
        let (count, is_idempotent, may_be_refused) = {
            let state = self.exchange.lock();
            let order = state.plan.order();
            (order.len(), state.request.method.is_idempotent(), self.may_be_refused(order))
        };
        let mut body = Resend::new(body, count > 1 || is_idempotent || may_be_refused);
        let mut lent = body.lend(true);
        let mut unsent = true;
        let mut fields = None;
        let mut kept = None;
        let mut stop = None;
        for place in 0..count {
            let number = self.exchange.lock().plan.order().get(place).copied().unwrap_or_default();
            let is_last = place + 1 == count;
            let (Some(target), Some(sent)) = (self.targets().get(number), lent.take()) else { break };
            let streams = !matches!(sent, RequestBody::Whole(_));
            let mut request = match self.upstream_request(route, target, sent, is_last, &mut fields) {
                Ok(request) => request,
                Err(fault) => {
                    stop = Some(fault);
                    break;
                }
            };
            let mut again = |refused| body.lend(unsent && refused);
            match self.attempt(route, number, target, &mut request, streams, &mut again).await {
                Ok(answer) => {
                    if is_last || !serves_later(&answer, is_idempotent) {
                        return Ok(answer);
                    }
                    unsent = false;
                    lent = body.lend(unsent);
                    if lent.is_none() {
                        return Ok(answer);
                    }
                    // Boxed, as what seldom happens: else every request would carry the room for it.
                    kept = Some(Box::new((number, Box::pin(self.keep(target, answer)).await)));
                }
                Err(failed) => {
                    stop = Some(failed.stop);
                    match failed.reached {
                        Reached::Nothing => {}
                        Reached::Upstream if is_idempotent => unsent = false,
                        Reached::Upstream | Reached::Answered => {
                            kept = kept.filter(|_| is_idempotent);
                            break;
                        }
                        Reached::NoMatter => break,
                    }
                    lent = body.lend(unsent);
                }
            }
        }
        match (kept.map(|kept| *kept), stop) {
            (Some((number, answer)), _) => {
                self.log().answers_from(number);
                answer
            }
            (None, Some(stop)) => Err(self.with_those_before(stop)),
            (None, None) => {
                let message = "A policy has left no upstream of this route to serve this request.";
                Err(Stop::refuse(Refusal::new(Code::NoTarget, message)))
            }
        }
    }

    /// HTTP/2 has words for what was not looked at, and a body may have begun by then.
    fn may_be_refused(&self, order: &[u32]) -> bool {
        let mut targets = order.iter().filter_map(|number| self.targets().get(*number));
        targets.any(|target| target.upstream.config().protocol != UpstreamProtocol::Http1)
    }

    /// Takes the answer off its connection, which others may wait for. What cannot be kept leaves a refusal in its place.
    async fn keep(&self, target: &Target, answer: Response<UpstreamBody>) -> Result<Response<UpstreamBody>, Stop> {
        let (head, body) = answer.into_parts();
        if let Some(body) = body.gathered(ANSWER_BYTES_MAX, ANSWER_TIME_MAX).await {
            return Ok(Response::from_parts(head, body));
        }
        let (upstream, status) = (&target.upstream.config().name, head.status.as_u16());
        let message =
            format!("Upstream `{upstream}` answered {status} at a length or in a way that could not be kept.");
        tracing::warn!(request_id = self.exchange.facts.id, "{message}");
        let mut refusal = Refusal::new(Code::UpstreamBusy, message);
        if let Some(after) = head.headers.get(header::RETRY_AFTER) {
            refusal.fields.insert(header::RETRY_AFTER, after.clone());
        }
        Err(Stop::refuse(refusal))
    }

    /// The refusal of the last attempt names its upstream; the client learns which others were tried as well.
    pub(super) fn with_those_before(&self, mut stop: Stop) -> Stop {
        let before = self.log().tried.clone();
        let names: Vec<String> =
            before.iter().filter_map(|number| self.targets().name(*number)).map(|name| format!("`{name}`")).collect();
        if let (StopReply::Refuse(refusal), false, None) = (&mut stop.reply, names.is_empty(), stop.by) {
            refusal.message.push_str(&format!(" Tried before it: {}.", names.join(", ")));
        }
        stop
    }
}

/// Whether the upstream does not serve the request now, and another one may.
///
/// A bare 503 does not say that nothing was done: proxies answer so for what broke behind them. One that says when to ask again is
/// taken at its word.
fn serves_later<B>(answer: &Response<B>, is_idempotent: bool) -> bool {
    match answer.status() {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::SERVICE_UNAVAILABLE => is_idempotent || answer.headers().contains_key(header::RETRY_AFTER),
        _ => false,
    }
}

//! One target after another, as the plan says, until one answers.
//!
//! The next one is tried only where that can do no harm, and before the client has a byte: no upstream has seen the request; or one
//! broke off or was late and the method is idempotent (RFC 9110, 9.2.2); or one answered that it does not serve this now. In each
//! case the body must be there to be sent again, of which [`super::resend`] knows.

use http::{Response, StatusCode};

use super::request_body::RequestBody;
use super::resend::Resend;
use super::run::Run;
use super::stop::{Stop, StopReply};
use crate::config::Route;
use crate::error::{Code, Refusal};
use crate::upstream::UpstreamBody;

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
}

impl Run {
    /// Sends the request to the targets of the plan until one answers.
    ///
    /// If none does in the end, an answer that another target was to be better than is the answer after all.
    pub(super) async fn send(&self, route: &Route, body: RequestBody) -> Result<Response<UpstreamBody>, Stop> {
        let (order, is_idempotent) = {
            let state = self.exchange.lock();
            (state.plan.order().to_vec(), state.request.method.is_idempotent())
        };
        let mut body = Resend::new(body, order.len());
        let mut unsent = true;
        let mut answer = None;
        let mut stop = None;
        for (place, number) in (1..).zip(&order) {
            let (Some(target), Some(lent)) = (self.plan.targets.get(*number), body.lend(unsent)) else { break };
            match self.attempt(route, *number, target, lent).await {
                Ok(refusing) if place < order.len() && serves_later(refusing.status()) => {
                    answer = Some((*number, refusing));
                    unsent = false;
                }
                Ok(answer) => return Ok(answer),
                Err(failed) => {
                    stop = Some(failed.stop);
                    match failed.reached {
                        Reached::Nothing => {}
                        Reached::Upstream if is_idempotent => unsent = false,
                        Reached::Upstream | Reached::NoMatter => break,
                    }
                }
            }
        }
        match (answer, stop) {
            (Some((number, answer)), _) => {
                self.log().upstream = Some(number);
                Ok(answer)
            }
            (None, Some(stop)) => Err(self.with_those_before(stop)),
            (None, None) => {
                let message = "A policy has left no upstream of this route to serve this request.";
                Err(Stop::refuse(Refusal::new(Code::NoTarget, message)))
            }
        }
    }

    /// The refusal of the last attempt names its upstream; the client learns which others were tried as well.
    fn with_those_before(&self, mut stop: Stop) -> Stop {
        let tried = self.log().tried.clone();
        let before = tried.split_last().map(|(_, before)| before).unwrap_or_default();
        let names: Vec<String> = before
            .iter()
            .filter_map(|number| self.plan.targets.name(*number))
            .map(|name| format!("`{name}`"))
            .collect();
        if let (StopReply::Refuse(refusal), false, None) = (&mut stop.reply, names.is_empty(), stop.by) {
            refusal.message.push_str(&format!(" Tried before it: {}.", names.join(", ")));
        }
        stop
    }
}

/// Says of itself that the request was not served, whatever its method.
fn serves_later(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
}

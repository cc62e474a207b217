//! One target of the model after another, each with one of its credentials after another, until one answers.
//!
//! A model call changes nothing at a provider, so it may be sent again whatever became of an earlier attempt; what an attempt may
//! have cost is the price of an answer. Once the client has a byte, nothing is sent again.

use std::sync::Arc;

use http::Response;
use hyper::body::Incoming;
use sluicegate_llm::dialect::{Target as Wanted, write_call};
use sluicegate_llm::{Call, ProviderErrorKind, Seen};

use super::answer::Judged;
use super::{ModelExchange, ModelPlans, ModelSide, refusal};
use crate::chain::run::Run;
use crate::chain::stop::{Stop, StopReply};
use crate::chain::targets::Target;
use crate::config::Route;
use crate::error::{Code, Refusal};
use crate::upstream::UpstreamBody;

/// What became of one target.
enum Tried {
    Answered(Response<UpstreamBody>),
    /// The next target may do better.
    Failed(Stop),
    /// None would.
    Final(Stop),
}

impl Run {
    pub(in crate::chain) async fn forward_model(
        self: &Arc<Run>,
        route: &Route,
        model: &ModelExchange,
        plans: &ModelPlans,
        body: Incoming,
    ) -> Result<Response<UpstreamBody>, Stop> {
        let call = self.take_call(model, plans, body).await?;
        self.route_phase().await?;
        self.send_call(route, &call).await
    }

    async fn send_call(self: &Arc<Run>, route: &Route, call: &Arc<Call>) -> Result<Response<UpstreamBody>, Stop> {
        let order = self.exchange.lock().plan.order().to_vec();
        let mut last: Option<Stop> = None;
        for number in order {
            let Some(target) = self.targets().get(number) else { break };
            let Some(side) = &target.model else { break };
            match self.try_target(route, call, number, target, side).await {
                Tried::Answered(answer) => return Ok(answer),
                Tried::Final(stop) => return Err(stop),
                // What a target cannot be sent says least: an earlier failure of another says more.
                Tried::Failed(stop) if last.is_some() && is_no_counterpart(&stop) => {}
                Tried::Failed(stop) => last = Some(stop),
            }
        }
        Err(last.map(|stop| self.with_those_before(stop)).unwrap_or_else(|| {
            let message = "A policy has left no target of this model to serve this call.";
            Stop::refuse(Refusal::new(Code::NoTarget, message))
        }))
    }

    async fn try_target(
        self: &Arc<Run>,
        route: &Route,
        call: &Arc<Call>,
        number: u32,
        target: &Target,
        side: &ModelSide,
    ) -> Tried {
        let upstream = &target.upstream.config().name;
        let config = &side.config;
        let wanted = Wanted { model: &config.model, output_tokens_default: config.output_tokens_default };
        let outgoing = match write_call(call, config.provider.wire_for(call.dialect), wanted) {
            Ok(outgoing) => outgoing,
            Err(problem) => return Tried::Failed(Stop::refuse(refusal::of_no_counterpart(upstream, &problem))),
        };
        let keys = side.keys.order();
        let mut keys: Vec<Option<usize>> = keys.into_iter().map(Some).collect();
        if keys.is_empty() {
            keys.push(None);
        }
        let mut failed = None;
        for key in keys {
            if let Some(model) = &self.model {
                *model.seen() = Seen::default();
            }
            let request = match self.model_request(call, &outgoing, target, side, key) {
                Ok(request) => request,
                Err(stop) => return Tried::Final(stop),
            };
            let answer = match self.attempt(route, number, target, request, false).await {
                Ok(answer) => answer,
                Err(failure) => return Tried::Failed(failure.stop),
            };
            match self.judge(call, target, side, answer).await {
                Judged::Answer(answer) => return Tried::Answered(answer),
                Judged::Broken(stop) => return Tried::Failed(stop),
                Judged::Error { error, stop } => {
                    let is_of_key = rest(side, key, error.kind, error.retry_after);
                    if !error.kind.is_of_target() {
                        return Tried::Final(stop);
                    }
                    failed = Some(stop);
                    if !is_of_key {
                        break;
                    }
                }
            }
        }
        match failed {
            Some(stop) => Tried::Failed(stop),
            None => {
                Tried::Failed(Stop::refuse(Refusal::new(Code::Internal, "The gateway could not ask the provider.")))
            }
        }
    }
}

/// Puts the credential to rest where the error is its own; then another one may do better at the same target.
fn rest(side: &ModelSide, key: Option<usize>, kind: ProviderErrorKind, after: Option<std::time::Duration>) -> bool {
    let Some(key) = key else { return false };
    match kind {
        ProviderErrorKind::RateLimited => side.keys.rate_limited(key, after),
        ProviderErrorKind::Exhausted | ProviderErrorKind::Authentication => side.keys.refused(key),
        // Of this model or this call: others may well be served with it.
        ProviderErrorKind::Permission => {}
        _ => return false,
    }
    true
}

fn is_no_counterpart(stop: &Stop) -> bool {
    matches!(&stop.reply, StopReply::Refuse(refusal) if refusal.code == Code::NoCounterpart.as_str())
}

//! One target of the model after another, each with one of its credentials after another, until one answers.
//!
//! A model call changes nothing at a provider, so it may be sent again whatever became of an earlier attempt; what an attempt may
//! have cost is the price of an answer. Once the client has a byte, nothing is sent again.

use std::sync::Arc;

use http::Response;
use hyper::body::Incoming;
use sluicegate_llm::dialect::{Target as Wanted, write_call};
use sluicegate_llm::{ProviderError, ProviderErrorKind, Seen};

use super::answer::Judged;
use super::attempt_phase::{Ended, Prepared};
use super::call_phase::Ready;
use super::{ModelExchange, ModelPlans, ModelSide, refusal};
use crate::chain::request_body::RequestBody;
use crate::chain::run::Run;
use crate::chain::stop::Stop;
use crate::chain::targets::Target;
use crate::config::Route;
use crate::error::{Code, Refusal};
use crate::http::path;
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
        {
            let state = self.exchange.lock();
            let path = path::strip_prefix(&state.request.path, &route.strip_prefix).unwrap_or(&state.request.path);
            model.move_to(state.request.method.as_str(), path);
        }
        let ready = self.take_call(model, plans, body).await?;
        self.route_phase().await?;
        self.send_call(route, &ready).await
    }

    async fn send_call(self: &Arc<Run>, route: &Route, ready: &Ready) -> Result<Response<UpstreamBody>, Stop> {
        let order = self.exchange.lock().plan.order().to_vec();
        let mut last: Option<Stop> = None;
        for number in order {
            let Some(target) = self.targets().get(number) else { break };
            let Some(side) = &target.model else { break };
            match self.try_target(route, ready, number, target, side).await {
                Tried::Answered(answer) => return Ok(answer),
                Tried::Final(stop) => return Err(stop),
                // What a target cannot be sent says least: an earlier failure of another says more.
                Tried::Failed(stop) if last.is_some() && says_little(&stop) => {}
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
        ready: &Ready,
        number: u32,
        target: &Target,
        side: &ModelSide,
    ) -> Tried {
        let prepared = match self.attempt_phase(ready, number, side).await {
            Ok(prepared) => prepared,
            Err(stop) => {
                let reason = stop.refusal().map(|refusal| refusal.code.to_string()).unwrap_or_default();
                self.note_ended(Ended { word: "refused", reason, ..Ended::default() });
                return Tried::Final(stop);
            }
        };
        let tried = self.try_prepared(route, ready, &prepared, number, target, side).await;
        self.note_ended(match &tried {
            (Tried::Answered(answer), _) => {
                Ended { word: "answered", status: Some(answer.status().as_u16()), ..Ended::default() }
            }
            (Tried::Failed(stop) | Tried::Final(stop), error) => ended(stop, &prepared, error.as_ref()),
        });
        tried.0
    }

    /// Also tells what the provider said last, if it said what was wrong.
    async fn try_prepared(
        self: &Arc<Run>,
        route: &Route,
        ready: &Ready,
        prepared: &Prepared,
        number: u32,
        target: &Target,
        side: &ModelSide,
    ) -> (Tried, Option<ProviderError>) {
        let upstream = &target.upstream.config().name;
        let (call, config) = (&prepared.call, &side.config);
        if let Some(why) = &prepared.skipped {
            tracing::info!(
                request_id = self.exchange.facts.id,
                "a policy leaves provider `{upstream}` out: {}",
                why.escape_debug()
            );
            return (Tried::Failed(Stop::refuse(refusal::of_skipped(upstream))), None);
        }
        if let Some(feature) = ready.needs.iter().find(|feature| !config.serves(**feature)) {
            return (Tried::Failed(Stop::refuse(refusal::of_feature(upstream, *feature))), None);
        }
        let wanted = Wanted { model: &config.model, output_tokens_default: config.output_tokens_default };
        let outgoing = match write_call(call, config.provider.wire_for(call.dialect), wanted) {
            Ok(outgoing) => outgoing,
            Err(problem) => {
                return (Tried::Failed(Stop::refuse(refusal::of_no_counterpart(upstream, &problem))), None);
            }
        };
        let mut keys: Vec<Option<usize>> = match prepared.key {
            Some(chosen) => vec![Some(chosen)],
            None => side.keys.order().into_iter().map(Some).collect(),
        };
        if keys.is_empty() {
            keys.push(None);
        }
        let mut failed = None;
        for key in keys {
            if let Some(model) = &self.model {
                *model.seen() = Seen::default();
            }
            let mut request = match self.model_request(call, &prepared.head, &outgoing, target, side, key) {
                Ok(request) => request,
                Err(stop) => return (Tried::Final(stop), None),
            };
            let mut again = |_| Some(RequestBody::Whole(outgoing.body.clone().into()));
            let answer = match self.attempt(route, number, target, &mut request, false, &mut again).await {
                Ok(answer) => answer,
                Err(failure) => return (Tried::Failed(failure.stop), None),
            };
            match self.judge(&ready.call, target, side, answer).await {
                Judged::Answer(answer) => return (Tried::Answered(answer), None),
                Judged::Broken(stop) => return (Tried::Failed(stop), None),
                Judged::Error { error, stop } => {
                    let is_of_key = rest(side, key, error.kind, error.retry_after);
                    if !error.kind.is_of_target() {
                        return (Tried::Final(stop), Some(error));
                    }
                    failed = Some((stop, error));
                    if !is_of_key {
                        break;
                    }
                }
            }
        }
        match failed {
            Some((stop, error)) => (Tried::Failed(stop), Some(error)),
            None => {
                let message = "The gateway could not ask the provider.";
                (Tried::Failed(Stop::refuse(Refusal::new(Code::Internal, message))), None)
            }
        }
    }
}

/// What plugins are told of a failure.
fn ended(stop: &Stop, prepared: &Prepared, error: Option<&ProviderError>) -> Ended {
    if let Some(reason) = &prepared.skipped {
        return Ended { word: "skipped", reason: reason.clone(), ..Ended::default() };
    }
    let refusal = stop.refusal();
    let reason = refusal.map(|refusal| refusal.code.to_string()).unwrap_or_default();
    if let Some(error) = error {
        return Ended { word: "refused", reason, status: Some(error.status), retry_after: error.retry_after };
    }
    let word = match reason.as_str() {
        code if code == Code::UpstreamTimeout.as_str() => "timed-out",
        code if code == Code::UpstreamBroken.as_str() => "cut",
        code if code == Code::NoCounterpart.as_str() => "refused",
        _ => "unreachable",
    };
    Ended { word, reason, ..Ended::default() }
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

fn says_little(stop: &Stop) -> bool {
    let codes = [Code::NoCounterpart, Code::NoTarget].map(Code::as_str);
    stop.refusal().is_some_and(|refusal| codes.contains(&refusal.code.as_ref()))
}

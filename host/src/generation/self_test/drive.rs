//! Takes one exchange through the phases of a plugin, in their order, as the chain would.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluicegate_runtime::services::Services;
use sluicegate_runtime::{
    Answer, BodyMode, Call, Entry, Exchange, ExchangeFacts, Failure, Held, Phase, PhaseSet, Plugin, Rejection,
    ReplyHead, RequestHead, Setup, State, TargetPlan, Verdict,
};

use super::Bench;
use super::model::{ModelOutcome, ModelWalk};
use super::service::{Idle, Written, counters};
use crate::chain::credential_fields;
use crate::config::{Decision, TestExchange, TestReply};
use crate::generation::services::SharedClock;
use crate::http::fields;

/// One exchange with all its phases.
const EXCHANGE_TIME_MAX: Duration = Duration::from_secs(10);
/// Who has established the identity that an exchange begins with.
pub(super) const GIVEN: &str = "self-test";

/// An exchange that has been driven.
pub struct Drive {
    /// The chain entry's name.
    pub(super) entry: Arc<str>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) written: Arc<Written>,
    pub outcome: Outcome,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    pub rejection: Option<Rejection>,
    pub answer: Option<Answer>,
    /// It wrote the answer of a model.
    pub is_written: bool,
    /// Where the plugin replaced it.
    pub request_body: Option<Bytes>,
    pub reply_body: Option<Bytes>,
    /// Why the exchange did not come to its end, in a sentence that begins with "it".
    pub failure: Option<String>,
    /// Of a model's call.
    pub model: Option<ModelOutcome>,
    /// How long each call took.
    pub calls: Vec<(Phase, Duration)>,
}

/// The way through the phases: which call comes next, and what is made of a verdict.
pub struct Walk<'a> {
    test: &'a TestExchange,
    setup: &'a Setup,
    phases: PhaseSet,
    left: std::slice::Iter<'static, Phase>,
    model: Option<ModelWalk>,
    pub outcome: Outcome,
}

impl Bench {
    /// `id`: the exchange's, which stands in the lines of its log.
    ///
    /// # Errors
    /// Why there can be no such exchange.
    pub async fn drive(&self, entry: &Entry, test: &TestExchange, id: &str) -> Result<Drive, String> {
        let (exchange, written) = self.begin(test, id)?;
        let mut walk = Walk::new(test, &entry.plugin);
        let mut held = Held::default();
        let driven = async {
            while let Some(call) = walk.next(&exchange) {
                let began = Instant::now();
                let verdict = entry.call(&mut held, &exchange, 0, &call).await;
                walk.record(&exchange, &call, verdict, began.elapsed());
            }
        };
        if tokio::time::timeout(EXCHANGE_TIME_MAX, driven).await.is_err() {
            let seconds = EXCHANGE_TIME_MAX.as_secs();
            walk.outcome.failure = Some(format!("it took over {seconds} seconds, which is the limit of one test"));
        }
        let Walk { mut outcome, model, .. } = walk;
        outcome.model = model.map(|model| model.finish(&exchange.lock()));
        Ok(Drive { entry: entry.name.clone(), exchange, written, outcome })
    }

    /// An exchange that no plugin has met.
    ///
    /// # Errors
    /// Why there can be no such exchange.
    pub fn begin(&self, test: &TestExchange, id: &str) -> Result<(Arc<Exchange>, Arc<Written>), String> {
        let written = Arc::new(Written::default());
        let services = Services {
            keys: self.keys.clone(),
            counters: Arc::new(counters(self.clock.clone())),
            metrics: written.clone(),
            clock: Arc::new(SharedClock(self.clock.clone())),
        };
        let facts = ExchangeFacts {
            id: id.to_owned(),
            route: GIVEN.into(),
            generation: self.generation,
            client_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            started: Instant::now(),
            services: Arc::new(services),
            credential_fields: credential_fields(&[]),
            candidates: Arc::new(Idle(test.request.targets.clone())),
        };
        let mut headers = test.request.headers.clone();
        let (presented, query) = fields::take_presented(&mut headers, test.request.query.as_deref(), &[]);
        let request = RequestHead {
            method: test.request.method.clone(),
            scheme: "http",
            authority: "localhost".to_owned(),
            path: test.request.path.clone(),
            query,
            headers,
            sent: false,
        };
        let exchange = Exchange::new(facts, request, presented);
        for (part, value) in &test.identity {
            if !exchange.lock().identity.establish(part, value, GIVEN) {
                return Err(format!("its identity has a part `{part}` that cannot be established"));
            }
        }
        Ok((Arc::new(exchange), written))
    }
}

impl<'a> Walk<'a> {
    pub fn new(test: &'a TestExchange, plugin: &'a Plugin) -> Walk<'a> {
        static WHOLE: [Phase; Phase::ALL.len()] = Phase::ALL;
        // A body that streams is sent once there is a target.
        static STREAMED: [Phase; 6] =
            [Phase::Head, Phase::Route, Phase::Body, Phase::ReplyHead, Phase::ReplyBody, Phase::Finish];
        let (setup, phases) = (plugin.setup(), plugin.phases());
        let is_for_models = [Phase::Call, Phase::Attempt, Phase::Delta].into_iter().any(|phase| phases.contains(phase));
        let model = ModelWalk::new(&test.request, is_for_models);
        // What is a call of a model is only known once its body is whole.
        let streams = setup.body.mode == BodyMode::Stream && model.is_none();
        let order = if streams { &STREAMED[..] } else { &WHOLE[..] };
        Walk { test, setup, phases, left: order.iter(), model, outcome: Outcome::default() }
    }

    /// The exchange is made ready for the call. None at the end.
    pub fn next(&mut self, exchange: &Exchange) -> Option<Call> {
        loop {
            let mut state = exchange.lock();
            if self.goes_on()
                && let Some(call) = self.model.as_mut().and_then(|model| model.next(&mut state))
            {
                return Some(call);
            }
            let phase = *self.left.next()?;
            if self.outcome.failure.is_some() || !(phase == Phase::Finish || self.goes_on()) {
                continue;
            }
            self.enter(&mut state, phase);
            if let Some(call) = self.call(phase, &state) {
                self.prepare(&mut state, phase);
                return Some(call);
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.outcome.failure.is_none() && self.outcome.decision() == Decision::Proceed
    }

    /// What a call of a model has at this phase.
    fn enter(&mut self, state: &mut State, phase: Phase) {
        let Some(model) = &mut self.model else { return };
        match phase {
            Phase::Call => {
                let body = self.outcome.request_body.as_ref().unwrap_or(&self.test.request.body);
                self.outcome.failure = model.begin(state, body).err();
            }
            Phase::Route => model.end_call(state),
            Phase::Attempt if !self.test.request.targets.is_empty() => {
                if !self.phases.contains(Phase::Route) {
                    state.plan = TargetPlan::open((0..).take(self.test.request.targets.len()).collect());
                }
                state.plan.close();
                state.request.sent = true;
                model.plan(state.plan.order(), self.phases.contains(Phase::Attempt));
            }
            Phase::Delta if !model.has_nobody() => {
                if let Some(reply) = self.test.reply.as_ref().filter(|reply| !reply.text.is_empty()) {
                    receive(state, reply);
                    model.answer(&reply.text, self.phases.contains(Phase::Delta));
                }
            }
            _ => {}
        }
    }

    pub fn record(&mut self, exchange: &Exchange, call: &Call, verdict: Result<Verdict, Failure>, took: Duration) {
        let phase = call.phase();
        self.outcome.calls.push((phase, took));
        if let (Some(model), Ok(verdict)) = (&mut self.model, &verdict) {
            model.record(&mut exchange.lock(), call, verdict);
        }
        match verdict {
            Ok(Verdict::Proceed) => {}
            Ok(Verdict::Replace(bytes)) if phase == Phase::Body => self.outcome.request_body = Some(*bytes),
            Ok(Verdict::Replace(bytes)) => self.outcome.reply_body = Some(*bytes),
            Ok(Verdict::Reject(rejection)) => self.outcome.rejection = Some(*rejection),
            Ok(Verdict::Written) => self.outcome.is_written = true,
            // The model's part has taken these.
            Ok(Verdict::ReplaceText(_) | Verdict::Skip(_) | Verdict::Stop(_)) => {}
            Ok(Verdict::Respond(answer)) => {
                let reply = ReplyHead { status: answer.status, headers: answer.fields.clone(), sent: false };
                exchange.lock().reply = Some(reply);
                self.outcome.answer = Some(*answer);
            }
            Err(failure) => {
                self.outcome.failure = Some(format!("it failed in phase `{}`: {failure}", phase.as_str()));
            }
        }
    }

    /// None when the plugin takes no part in the phase, or the exchange has nothing for it.
    fn call(&self, phase: Phase, state: &State) -> Option<Call> {
        let test = self.test;
        let call = match phase {
            Phase::Head => Some(Call::Head),
            Phase::Body => {
                let bytes = Some(&test.request.body).filter(|bytes| !bytes.is_empty());
                let bytes = bytes.filter(|_| self.setup.body.mode != BodyMode::None);
                bytes.map(|bytes| Call::Body { bytes: bytes.clone(), end: true })
            }
            Phase::Route => Some(Call::Route).filter(|_| !test.request.targets.is_empty()),
            // Nobody answers where every target was left out.
            Phase::ReplyHead | Phase::ReplyBody if self.model.as_ref().is_some_and(ModelWalk::has_nobody) => None,
            Phase::ReplyHead => test.reply.as_ref().map(|_| Call::ReplyHead),
            Phase::ReplyBody => {
                let reply = test.reply.as_ref().filter(|reply| reply.text.is_empty()).filter(|reply| {
                    // What the phase before has made of it.
                    let status = state.reply.as_ref().map_or(reply.status, |reply| reply.status);
                    self.setup.reply_body.mode != BodyMode::None
                        && fields::reply_can_have_body(&test.request.method, status)
                });
                reply.map(|reply| Call::ReplyBody { bytes: reply.body.clone(), end: true })
            }
            Phase::Finish => Some(Call::Finish),
            Phase::Call => state.model.as_ref().map(|_| Call::Model),
            // One at a time, as long as there are any.
            Phase::Attempt | Phase::Delta => None,
        };
        call.filter(|_| self.phases.contains(phase))
    }

    /// What the gateway does between the phases.
    fn prepare(&self, state: &mut State, phase: Phase) {
        let came = self.test.reply.as_ref().filter(|_| !self.model.as_ref().is_some_and(ModelWalk::has_nobody));
        if let (Phase::ReplyHead | Phase::ReplyBody | Phase::Finish, Some(reply)) = (phase, came) {
            receive(state, reply);
        }
        // What streams has its head in front of it.
        match phase {
            Phase::Body => state.request.sent = self.setup.body.mode == BodyMode::Stream && self.model.is_none(),
            Phase::ReplyBody => {
                let sent = self.setup.reply_body.mode == BodyMode::Stream;
                state.reply.iter_mut().for_each(|reply| reply.sent = sent);
            }
            Phase::Finish if self.outcome.decision() == Decision::Proceed => state.request.sent = true,
            _ => {}
        }
        match phase {
            Phase::Route => state.plan = TargetPlan::open((0..).take(self.test.request.targets.len()).collect()),
            _ => state.plan.close(),
        }
        if phase == Phase::Finish {
            let went_upstream = self.outcome.decision() == Decision::Proceed;
            let first = match (&self.model, self.phases.contains(Phase::Route)) {
                (Some(model), _) => model.outcome.target,
                (None, true) => state.plan.order().first().copied(),
                // It had no part in the plan, which begins with the first one.
                (None, false) => (!self.test.request.targets.is_empty()).then_some(0),
            };
            state.upstream = first.filter(|_| went_upstream);
            state.outcome = if self.outcome.decision() == Decision::Reject { "rejected" } else { "complete" };
            state.reply.iter_mut().for_each(|reply| reply.sent = true);
        }
    }
}

/// The answer's head has come, if it had not yet.
fn receive(state: &mut State, reply: &TestReply) {
    if state.reply.is_none() {
        state.request.sent = true;
        state.reply = Some(ReplyHead { status: reply.status, headers: reply.headers.clone(), sent: false });
    }
}

impl Outcome {
    pub fn decision(&self) -> Decision {
        match (&self.rejection, &self.answer, self.is_written) {
            (Some(_), _, _) => Decision::Reject,
            (None, Some(_), _) | (None, None, true) => Decision::Respond,
            (None, None, false) => Decision::Proceed,
        }
    }

    /// Of the rejection or of the plugin's own answer.
    pub fn status(&self) -> Option<u16> {
        let rejected = self.rejection.as_ref().map(|rejection| rejection.status.as_u16());
        rejected.or_else(|| Some(self.answer.as_ref()?.status.as_u16()))
    }

    pub fn code(&self) -> Option<&str> {
        self.rejection.as_ref().map(|rejection| rejection.code.as_str())
    }
}

//! Records the steps of one exchange, and tells them at its end to the traces that it belongs to.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, header};
use serde::Serialize;
use sluicegate_runtime::{Done, Phase, Presented, RequestHead, Shown};
use tokio::sync::OwnedSemaphorePermit;

use super::call::micros;
use super::filter::Head;
use super::registry::{Claim, Traces};
use super::step::{BodyWay, CallStep, Step};
use super::veil::Veil;
use super::why::why;
use crate::chain::pipe::Way;
use crate::chain::plan::{Ground, Plan};
use crate::error::Refusal;
use crate::telemetry::access_log::rfc_3339;

/// Steps kept of one exchange; the rest are counted.
pub(super) const STEPS_MAX: usize = 1024;
/// Bytes of what is kept of one exchange.
pub(super) const EXCHANGE_BYTES_MAX: usize = 1 << 20;
/// Pieces of one body that have a step each for each entry; the rest are summed up in one.
pub(super) const PIECES_MAX: u64 = 3;
/// Deeds in one step, of all pieces that it sums up.
const DEEDS_MAX: usize = 128;

pub(in crate::chain) struct Recorder {
    started: Instant,
    veil: Veil,
    steps: Mutex<Steps>,
    /// Taken when it is told.
    claims: Mutex<Vec<Claim>>,
    _place: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Steps {
    list: Vec<Step>,
    bytes: usize,
    left_out: u64,
    /// By position, phase, and how the calls ended: how many there were, and which step sums them up.
    pieces: HashMap<(usize, Phase, &'static str), (u64, Option<usize>)>,
}

/// An exchange at its end. It is told only as the veil shows it.
#[derive(Serialize)]
pub(in crate::chain) struct Ending<'a> {
    pub(in crate::chain) request_id: &'a str,
    pub(in crate::chain) generation: u64,
    #[serde(serialize_with = "as_time")]
    pub(in crate::chain) time: u64,
    pub(in crate::chain) client_address: IpAddr,
    #[serde(serialize_with = "as_word")]
    pub(in crate::chain) method: &'a Method,
    pub(in crate::chain) authority: &'a str,
    pub(in crate::chain) path: &'a str,
    pub(in crate::chain) route: Option<&'a str>,
    pub(in crate::chain) consumer: Option<&'a str>,
    pub(in crate::chain) key_id: Option<&'a str>,
    pub(in crate::chain) status: Option<u16>,
    pub(in crate::chain) outcome: &'static str,
    pub(in crate::chain) fault: Option<&'static str>,
    pub(in crate::chain) code: Option<&'a str>,
    pub(in crate::chain) decided_by: Option<String>,
    pub(in crate::chain) request_bytes: u64,
    pub(in crate::chain) reply_bytes: u64,
    pub(in crate::chain) first_byte_us: Option<u64>,
    pub(in crate::chain) duration_us: u64,
}

#[derive(Serialize)]
struct Told<'a> {
    exchange: Exchange<'a>,
}

#[derive(Serialize)]
struct Exchange<'a> {
    #[serde(flatten)]
    ending: Ending<'a>,
    steps: &'a [Step],
    steps_left_out: u64,
}

impl Recorder {
    /// None unless a trace wants it. `id` and `request`: as they are before the first plugin sees them.
    pub(in crate::chain) fn begin(
        ground: &Ground,
        plan: &Plan,
        id: &str,
        started: Instant,
        request: &RequestHead,
        presented: &Presented,
    ) -> Option<Arc<Recorder>> {
        if !ground.traces.is_armed() {
            return None;
        }
        let head = Head {
            route: &plan.name,
            method: &request.method,
            path: &request.path,
            headers: &request.headers,
            request_id: id,
        };
        let veil = || Veil::new(ground.redaction.clone(), presented);
        let recorder = Recorder::of(&ground.traces, &head, started, veil)?;
        let why = match &plan.route {
            Some(route) => why(&route.matcher),
            None => "no route matches".to_owned(),
        };
        recorder.push(Step::Route {
            at_us: recorder.at_us(Instant::now()),
            route: plan.route.as_ref().map(|route| route.name.clone()),
            why,
        });
        Some(recorder)
    }

    pub(super) fn of(
        traces: &Traces,
        head: &Head<'_>,
        started: Instant,
        veil: impl FnOnce() -> Veil,
    ) -> Option<Arc<Recorder>> {
        let claims = traces.claims(head);
        if claims.is_empty() {
            return None;
        }
        let Some(place) = traces.place() else {
            claims.iter().for_each(Claim::miss);
            return None;
        };
        let (steps, claims) = (Mutex::default(), Mutex::new(claims));
        Some(Arc::new(Recorder { started, veil: veil(), steps, claims, _place: place }))
    }

    pub(in crate::chain) fn body(&self, way: Way, began: Instant, body: BodyWay) {
        self.push(Step::Body {
            at_us: self.at_us(began),
            took_us: micros(began.elapsed()),
            of: match way {
                Way::Request => "request",
                Way::Reply => "answer",
            },
            how: body.word(),
            bytes: body.bytes(),
        });
    }

    /// Only the gateway's own: a plugin's rejection stands in its call.
    pub(in crate::chain) fn refused(&self, refusal: &Refusal) {
        self.push(Step::Refused {
            at_us: self.at_us(Instant::now()),
            status: refusal.status.as_u16(),
            code: self.shown(&refusal.code.to_string()),
            message: self.message(&refusal.message),
        });
    }

    pub(in crate::chain) fn answer(&self, status: u16) {
        self.push(Step::Answer { at_us: self.at_us(Instant::now()), status });
    }

    pub(in crate::chain) fn cut(&self, code: &str, message: &str) {
        let (code, message) = (self.shown(code), self.message(message));
        self.push(Step::Cut { at_us: self.at_us(Instant::now()), code, message });
    }

    /// The exchange is over.
    pub(in crate::chain) fn end(&self, ending: &Ending<'_>) {
        let mut steps = std::mem::take(&mut *self.steps());
        steps.list.push(Step::End { at_us: ending.duration_us, outcome: ending.outcome });
        // A call stands where it began, and is known when it ends.
        steps.list.sort_by_key(Step::at_us);
        let line = || {
            let shown = |text: &str| self.shown(text);
            // Each text here is one that a client or a plugin can choose.
            let (consumer, key_id) = (ending.consumer.map(shown), ending.key_id.map(shown));
            let code = ending.code.map(shown);
            let ending = Ending {
                request_id: &shown(ending.request_id),
                authority: &shown(ending.authority),
                path: &shown(ending.path),
                consumer: consumer.as_deref(),
                key_id: key_id.as_deref(),
                code: code.as_deref(),
                decided_by: ending.decided_by.clone(),
                ..*ending
            };
            let exchange = Exchange { ending, steps: &steps.list, steps_left_out: steps.left_out };
            // Nothing in it can fail to be JSON.
            let mut line = serde_json::to_vec(&Told { exchange }).unwrap_or_default();
            line.push(b'\n');
            Bytes::from(line)
        };
        let claims = std::mem::take(&mut *self.claims.lock().unwrap_or_else(PoisonError::into_inner));
        // Asked for is the consumer as it is.
        claims.into_iter().for_each(|claim| claim.tell(ending.consumer, line));
    }

    pub(super) fn called(&self, position: usize, phase: Phase, step: CallStep) {
        let mut steps = self.steps();
        let sort = match step.decision {
            "proceed" | "replace" => "passed",
            "fail" => step.failure.unwrap_or_default(),
            _ => return steps.push(Step::Call(Box::new(step))),
        };
        if !matches!(phase, Phase::Body | Phase::Delta | Phase::ReplyBody) {
            return steps.push(Step::Call(Box::new(step)));
        }
        let key = (position, phase, sort);
        let (count, sum) = steps.pieces.get(&key).copied().unwrap_or_default();
        let sum = match sum {
            Some(index) => {
                steps.add(index, step);
                Some(index)
            }
            None => {
                let index = steps.list.len();
                steps.push(Step::Call(Box::new(step)));
                // What there was no room for sums nothing up.
                (count >= PIECES_MAX && steps.list.len() > index).then_some(index)
            }
        };
        steps.pieces.insert(key, (count + 1, sum));
    }

    pub(super) fn at_us(&self, moment: Instant) -> u64 {
        micros(moment.saturating_duration_since(self.started))
    }

    /// Credentials that have come up since: set by a plugin for the upstream, or by the upstream for the client.
    pub(super) fn learn(&self, exchange: &sluicegate_runtime::Exchange, done: &Done) {
        for deed in &done.deeds {
            if let Shown::Hidden(credential) = &deed.value {
                self.veil.learn_field(credential.expose());
            }
        }
        let state = exchange.lock();
        if state.presented.fields_for_upstream() > 0 {
            self.veil.learn(&state.presented);
        }
        let cookies = state.reply.iter().flat_map(|reply| reply.headers.get_all(header::SET_COOKIE));
        // Behind the first pair stand attributes.
        let pairs = cookies.filter_map(|cookie| cookie.as_bytes().split(|byte| *byte == b';').next());
        pairs.for_each(|pair| self.veil.learn_field(pair));
    }

    pub(in crate::chain) fn shown(&self, text: &str) -> String {
        self.veil.text(text)
    }

    pub(super) fn message(&self, text: &str) -> String {
        self.veil.message(text)
    }

    pub(super) fn shown_value(&self, value: &Shown) -> Option<String> {
        self.veil.shown(value)
    }

    pub(super) fn push(&self, step: Step) {
        self.steps().push(step);
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Steps {
    fn push(&mut self, step: Step) {
        let bytes = self.bytes + step.weight();
        if self.list.len() >= STEPS_MAX || bytes > EXCHANGE_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes = bytes;
        self.list.push(step);
    }

    /// Adds a further piece to the step that sums them up.
    fn add(&mut self, index: usize, piece: CallStep) {
        let Some(Step::Call(sum)) = self.list.get_mut(index) else { return };
        sum.until_us = Some(piece.at_us.saturating_add(piece.took_us));
        sum.calls += 1;
        sum.took_us += piece.took_us;
        sum.waited_us += piece.waited_us;
        sum.host_calls += piece.host_calls;
        let add = |sum: &mut Option<u64>, piece: Option<u64>| *sum = Some(sum.unwrap_or(0) + piece.unwrap_or(0));
        add(&mut sum.bytes_in, piece.bytes_in);
        add(&mut sum.bytes_out, piece.bytes_out);
        if piece.decision == "replace" {
            sum.decision = "replace";
        }
        sum.did_left_out += piece.did_left_out;
        for did in piece.did {
            let bytes = self.bytes + did.weight();
            if sum.did.len() >= DEEDS_MAX || bytes > EXCHANGE_BYTES_MAX {
                sum.did_left_out += 1;
                continue;
            }
            self.bytes = bytes;
            sum.did.push(did);
        }
    }
}

fn as_time<S: serde::Serializer>(unix_ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc_3339(*unix_ms))
}

fn as_word<S: serde::Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.as_str())
}

#[cfg(test)]
mod tests;

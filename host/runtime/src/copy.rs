//! A second exchange on which a plugin may do what it likes: what it reads is kept up to date, what it changes stays there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::deeds::Deeds;
use crate::exchange::{Exchange, Identity, ReplyHead, RequestHead, State};
use crate::model::ModelState;
use crate::targets::{Candidates, TargetPlan};

/// What plugins read of an exchange, at one moment.
#[derive(Clone)]
pub struct Snapshot {
    request: RequestHead,
    fields_for_upstream: usize,
    reply: Option<ReplyHead>,
    identity: Identity,
    labels: BTreeMap<String, String>,
    plan: TargetPlan,
    candidates: OnceLock<Arc<dyn Candidates>>,
    outcome: &'static str,
    upstream: Option<u32>,
    model: Option<Box<ModelState>>,
    request_bytes: u64,
    reply_bytes: u64,
}

/// Which parts a plugin changed on its copy; bodies are not part of an exchange's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    pub request_head: bool,
    pub reply_head: bool,
    pub identity: bool,
    pub labels: bool,
    pub plan: bool,
    pub call: bool,
}

impl Exchange {
    /// A copy that nobody else sees, with the same facts and what the client presents, and with no notes. It is traced if this is.
    pub fn copy(&self) -> Exchange {
        let state = self.lock();
        let copy = State {
            request: state.request.clone(),
            presented: state.presented.clone(),
            reply: state.reply.clone(),
            identity: state.identity.clone(),
            labels: state.labels.clone(),
            plan: state.plan.clone(),
            outcome: state.outcome,
            upstream: state.upstream,
            model: state.model.clone(),
            notes: Vec::new(),
        };
        drop(state);
        let now = |bytes: &AtomicU64| AtomicU64::new(bytes.load(Ordering::Relaxed));
        Exchange {
            facts: self.facts.clone(),
            request_bytes: now(&self.request_bytes),
            reply_bytes: now(&self.reply_bytes),
            log_lines: AtomicU32::new(0),
            deeds: self.deeds.as_ref().map(|_| Deeds::default()),
            candidates: self.candidates.clone(),
            state: Mutex::new(copy),
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        Snapshot {
            request: state.request.clone(),
            fields_for_upstream: state.presented.fields_for_upstream(),
            reply: state.reply.clone(),
            identity: state.identity.clone(),
            labels: state.labels.clone(),
            plan: state.plan.clone(),
            candidates: self.candidates.clone(),
            outcome: state.outcome,
            upstream: state.upstream,
            model: state.model.clone(),
            request_bytes: self.request_bytes.load(Ordering::Relaxed),
            reply_bytes: self.reply_bytes.load(Ordering::Relaxed),
        }
    }

    /// Takes over what has happened to the original since, but for the parts that the copy's plugin has changed for itself.
    pub fn refresh(&self, now: Snapshot, own: Changes) {
        let mut state = self.lock();
        state.outcome = now.outcome;
        if let Some(candidates) = now.candidates.into_inner() {
            self.choose_candidates(candidates);
        }
        state.upstream = now.upstream;
        self.request_bytes.store(now.request_bytes, Ordering::Relaxed);
        self.reply_bytes.store(now.reply_bytes, Ordering::Relaxed);
        match own.request_head {
            true => state.request.sent = now.request.sent,
            false => state.request = now.request,
        }
        match (own.reply_head, &mut state.reply, now.reply) {
            (true, Some(kept), Some(now)) => kept.sent = now.sent,
            (_, reply, now) => *reply = now,
        }
        if !own.identity {
            state.identity = now.identity;
        }
        if !own.labels {
            state.labels = now.labels;
        }
        match own.plan {
            true => state.plan.open_as(&now.plan),
            false => state.plan = now.plan,
        }
        match (own.call, &mut state.model, now.model) {
            // Its call goes on; what has become of the attempts it is told.
            (true, Some(kept), Some(now)) => {
                let (call, edits) = (std::mem::replace(&mut kept.call, now.call.copy()), kept.edits);
                **kept = ModelState { call, edits, ..*now };
            }
            (_, model, now) => *model = now,
        }
    }

    /// What differs from an earlier moment of the same exchange.
    pub fn changes_since(&self, before: &Snapshot) -> Changes {
        let state = self.lock();
        let (request, was) = (&state.request, &before.request);
        Changes {
            request_head: request.method != was.method
                || request.path != was.path
                || request.query != was.query
                || request.headers != was.headers
                || state.presented.fields_for_upstream() != before.fields_for_upstream,
            reply_head: match (&state.reply, &before.reply) {
                (Some(reply), Some(was)) => reply.status != was.status || reply.headers != was.headers,
                (reply, was) => reply.is_some() != was.is_some(),
            },
            identity: state.identity != before.identity,
            labels: state.labels != before.labels,
            plan: state.plan.order() != before.plan.order(),
            call: match (&state.model, &before.model) {
                (Some(model), Some(was)) => model.edits != was.edits,
                _ => false,
            },
        }
    }
}

impl Changes {
    pub fn and(self, other: Changes) -> Changes {
        Changes {
            request_head: self.request_head || other.request_head,
            reply_head: self.reply_head || other.reply_head,
            identity: self.identity || other.identity,
            labels: self.labels || other.labels,
            plan: self.plan || other.plan,
            call: self.call || other.call,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, StatusCode};

    use super::*;
    use crate::exchange::tests::exchange;

    #[test]
    fn what_happens_on_a_copy_does_not_happen_to_the_original() {
        let original = exchange();
        let copy = original.copy();
        let before = copy.snapshot();
        assert_eq!(copy.changes_since(&before), Changes::default());
        {
            let mut state = copy.lock();
            state.request.method = Method::DELETE;
            state.labels.insert("a".to_owned(), "b".to_owned());
            assert!(state.identity.establish("consumer", "acme", "shadow"));
            state.reply = Some(ReplyHead { status: StatusCode::OK, headers: Default::default(), sent: false });
            state.plan = TargetPlan::open(vec![0]);
        }
        let all =
            Changes { request_head: true, reply_head: true, identity: true, labels: true, plan: true, call: false };
        assert_eq!(copy.changes_since(&before), all);
        assert_eq!(original.changes_since(&before), Changes::default());
    }

    #[test]
    fn a_refreshed_copy_takes_over_what_its_plugin_has_not_changed() {
        let original = exchange();
        let copy = original.copy();
        copy.lock().request.headers.insert("x-own", HeaderValue::from_static("1"));
        original.lock().request.headers.insert("x-later", HeaderValue::from_static("1"));
        original.lock().labels.insert("later".to_owned(), "1".to_owned());
        let own = Changes { request_head: true, ..Changes::default() };
        copy.refresh(original.snapshot(), own);
        let state = copy.lock();
        assert!(state.request.headers.contains_key("x-own") && !state.request.headers.contains_key("x-later"));
        assert!(state.labels.contains_key("later"));
    }

    #[test]
    fn a_copy_knows_what_the_original_has_used() {
        let original = exchange();
        original.request_bytes.store(3, Ordering::Relaxed);
        let copy = original.copy();
        assert_eq!(copy.request_bytes.load(Ordering::Relaxed), 3);
        original.request_bytes.store(5, Ordering::Relaxed);
        original.add_reply_bytes(7);
        original.lock().upstream = Some(1);
        copy.refresh(original.snapshot(), Changes::default());
        let used = (copy.request_bytes.load(Ordering::Relaxed), copy.reply_bytes.load(Ordering::Relaxed));
        assert_eq!((used, copy.lock().upstream), ((5, 7), Some(1)));
    }

    #[test]
    fn a_plan_that_the_copys_plugin_has_set_stays_there_and_ends_with_its_phase() {
        let (original, copy) = (exchange(), exchange().copy());
        original.lock().plan = TargetPlan::open(vec![0, 1]);
        copy.refresh(original.snapshot(), Changes::default());
        assert!(copy.lock().plan.set(vec![1], 2));
        assert_eq!(original.lock().plan.order(), [0, 1]);
        original.lock().plan.close();
        copy.refresh(original.snapshot(), Changes { plan: true, ..Changes::default() });
        assert_eq!(copy.lock().plan.order(), [1]);
        assert!(!copy.lock().plan.set(vec![0], 2));
    }

    #[test]
    fn a_field_that_an_earlier_plugin_set_for_the_upstream_is_no_change_of_the_copys() {
        let original = exchange();
        original.lock().presented.set_header(http::header::AUTHORIZATION, HeaderValue::from_static("x"));
        let copy = original.copy();
        let before = copy.snapshot();
        assert!(!copy.changes_since(&before).request_head);
        copy.lock().presented.set_header(http::header::COOKIE, HeaderValue::from_static("x"));
        assert!(copy.changes_since(&before).request_head);
    }
}

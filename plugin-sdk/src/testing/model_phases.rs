//! The phases of a model's call, run against a script.

use super::exchange::Stage;
use super::{Configured, END_REASONS, Exchange, check_rejection, script};
use crate::{AttemptDecision, CallDecision, DeltaDecision, Exported, Phase, Plugin, Rejection};

/// Bytes of why a target is left out.
const REASON_BYTES_MAX: usize = 1024;

/// What a client has been given of one choice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivered {
    pub text: String,
    /// Empty if a rejection ended the answer.
    pub end: String,
    pub rejection: Option<Rejection>,
}

impl<P: Plugin + Exported> Configured<P> {
    /// Runs the phase `call`, if it is declared. Make the exchange with [`Exchange::model_call`].
    ///
    /// # Panics
    /// If the exchange is no call of a model, or the decision breaks the contract. So do the other phases of a model's call.
    pub fn call(&self, exchange: &mut Exchange) -> CallDecision {
        exchange.model_mut();
        if !self.runs(Phase::Call) {
            return CallDecision::Proceed;
        }
        let decision = script::run(exchange, Stage::Call, || self.policy.call());
        match &decision {
            CallDecision::Proceed => {}
            CallDecision::Reject(rejection) => check_rejection(rejection),
            CallDecision::Answer => {
                let operation = &exchange.call().operation;
                assert!(operation == "chat", "an answer can be written for a chat alone, and not for {operation}");
            }
        }
        decision
    }

    /// Begins an attempt at one of the [targets](Exchange::targets), and runs the phase `attempt` for it, if it is declared.
    /// Say with [`Exchange::attempt_ended`] what became of it.
    pub fn attempt(&self, exchange: &mut Exchange, target: &str) -> AttemptDecision {
        exchange.begin_attempt(target);
        if !self.runs(Phase::Attempt) {
            return AttemptDecision::Proceed;
        }
        let decision = script::run(exchange, Stage::Attempt, || self.policy.attempt());
        match &decision {
            AttemptDecision::Proceed => {}
            AttemptDecision::Skip(reason) => {
                assert!(reason.len() <= REASON_BYTES_MAX, "the reason has over {REASON_BYTES_MAX} bytes");
                exchange.attempt_ended("skipped", []);
                if let Some(attempt) = exchange.model_mut().attempts.last_mut() {
                    attempt.reason.clone_from(reason);
                }
            }
            AttemptDecision::Reject(rejection) => check_rejection(rejection),
        }
        decision
    }

    /// Hands over a piece of the answer's text, if the phase `delta` is declared.
    pub fn delta_text(&self, exchange: &mut Exchange, choice: u32, text: &str) -> DeltaDecision {
        self.delta(exchange, |policy| policy.delta_text(choice, text.to_owned()))
    }

    /// Hands over a piece of a tool's arguments, if the phase `delta` is declared.
    pub fn delta_tool_arguments(&self, exchange: &mut Exchange, choice: u32, tool: u32, text: &str) -> DeltaDecision {
        self.delta(exchange, |policy| policy.delta_tool_arguments(choice, tool, text.to_owned()))
    }

    /// Tells that usage was reported, if the phase `delta` is declared. Say what with [`Exchange::used`] before.
    pub fn delta_usage(&self, exchange: &mut Exchange) {
        exchange.model_mut();
        if self.runs(Phase::Delta) {
            script::run(exchange, Stage::Delta, || self.policy.delta_usage());
        }
    }

    /// Ends a choice with a reason such as `stop` or `cut`, if the phase `delta` is declared.
    pub fn delta_end(&self, exchange: &mut Exchange, choice: u32, reason: &str) -> DeltaDecision {
        self.delta(exchange, |policy| policy.delta_end(choice, reason))
    }

    /// Hands over a whole answer of one choice: its text in these pieces, and the end `stop`. Gives what the client would get of it.
    ///
    /// A policy that holds text back, because what it looks for may lie across two pieces, is best tried with the same text cut in
    /// several ways.
    pub fn answer(&self, exchange: &mut Exchange, pieces: &[&str]) -> Delivered {
        let mut delivered = Delivered::default();
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            match self.delta_text(exchange, 0, piece) {
                DeltaDecision::Pass => delivered.text.push_str(piece),
                DeltaDecision::Replace(text) => delivered.text.push_str(&text),
                DeltaDecision::Stop(reason) => return Delivered { end: reason, ..delivered },
                DeltaDecision::Reject(rejection) => return Delivered { rejection: Some(rejection), ..delivered },
            }
        }
        "stop".clone_into(&mut delivered.end);
        match self.delta_end(exchange, 0, "stop") {
            DeltaDecision::Pass => {}
            DeltaDecision::Replace(text) => delivered.text.push_str(&text),
            DeltaDecision::Stop(reason) => delivered.end = reason,
            DeltaDecision::Reject(rejection) => {
                return Delivered { end: String::new(), rejection: Some(rejection), ..delivered };
            }
        }
        delivered
    }

    fn delta(&self, exchange: &mut Exchange, call: impl FnOnce(&P) -> DeltaDecision) -> DeltaDecision {
        exchange.model_mut();
        if !self.runs(Phase::Delta) {
            return DeltaDecision::Pass;
        }
        let decision = script::run(exchange, Stage::Delta, || call(&self.policy));
        match &decision {
            DeltaDecision::Pass | DeltaDecision::Replace(_) => {}
            DeltaDecision::Stop(reason) => {
                let reason = reason.as_str();
                assert!(
                    END_REASONS.contains(&reason),
                    "an answer stops with one of {END_REASONS:?}, and not {reason:?}"
                );
            }
            DeltaDecision::Reject(rejection) => check_rejection(rejection),
        }
        decision
    }
}

#[cfg(test)]
mod tests;

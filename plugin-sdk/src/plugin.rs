//! What a policy is: the trait that its author implements.

use serde::de::DeserializeOwned;

use crate::{AttemptDecision, CallDecision, Decision, DeltaDecision, Piece, Problems, Schema, Setup};

/// A policy. `configure` builds it, and each phase that `export!` names is then called for every exchange.
///
/// A phase that is not exported costs nothing and does not run, even if it is written here.
pub trait Plugin: Sized + 'static {
    /// The chain entry's `config`. Derive `Deserialize` with `#[serde(deny_unknown_fields, expecting = "a table")]`, so that a
    /// misspelt name is found when the gateway starts, and said in the words of a config. Derive [`Schema`] beside it, whose
    /// descriptions and bounds the component carries to whoever writes the config. `()` is a config without any name.
    type Config: DeserializeOwned + Schema;

    /// Checks the config and builds whatever the phases need: tables, automata, parsed templates.
    ///
    /// A pure function of `config`. It may write to the log and call nothing else: the host freezes the instance afterwards
    /// and starts requests from that image.
    fn configure(config: Self::Config, setup: &mut Setup) -> Result<Self, Problems>;

    /// 1. Method, path, header fields and identity of the request.
    fn head(&self) -> Decision {
        Decision::Proceed
    }

    /// 2. The client's bytes. `end` is set on the last call of a body, and only there.
    fn body(&self, _bytes: Vec<u8>, _end: bool) -> Piece {
        Piece::Pass
    }

    /// 3. The call of a language model, read by the gateway; [`model_call`](crate::model_call) has it. Runs for calls on routes that
    ///    serve models, before anything is sent.
    fn call(&self) -> CallDecision {
        CallDecision::Proceed
    }

    /// 4. Where the request goes; [`targets`](crate::targets) has candidates and plan. Its head has not gone upstream yet.
    fn route(&self) -> Decision {
        Decision::Proceed
    }

    /// 5. Once for each target that is tried, on a copy of the call and of the head that goes there: what is changed here, with
    ///    [`model_call`](crate::model_call) and [`upstream_request`](crate::upstream_request), no other target sees.
    fn attempt(&self) -> AttemptDecision {
        AttemptDecision::Proceed
    }

    /// 6. Status and header fields of the answer. `Reject` and `Respond` replace it.
    fn reply_head(&self) -> Decision {
        Decision::Proceed
    }

    /// 7. A piece of the text of a model's answer, in pieces as they come, or in one if the answer came in one. `choice` counts
    ///    from 0.
    fn delta_text(&self, _choice: u32, _text: String) -> DeltaDecision {
        DeltaDecision::Pass
    }

    /// 7. A piece of the JSON text of the arguments of tool call number `tool` of this choice.
    fn delta_tool_arguments(&self, _choice: u32, _tool: u32, _text: String) -> DeltaDecision {
        DeltaDecision::Pass
    }

    /// 7. The provider has told what it used; [`usage`](crate::usage) has it.
    fn delta_usage(&self) {}

    /// 7. A choice ends, once for each: `stop`, `length`, `tool-calls`, `content-filter`, `error` or `cut`. `Replace` puts text that
    ///    was held back in front of the end; after `error` and `cut` no text goes out any more.
    fn delta_end(&self, _choice: u32, _reason: &str) -> DeltaDecision {
        DeltaDecision::Pass
    }

    /// 8. The bytes of the answer.
    fn reply_body(&self, _bytes: Vec<u8>, _end: bool) -> Piece {
        Piece::Pass
    }

    /// 9. The exchange is over; [`exchange::outcome`](crate::exchange::outcome) says how. Exactly once for each plugin that ran.
    fn finish(&self) {}
}

/// Implemented by [`export!`](crate::export).
pub trait Exported {
    const PHASES: &'static [Phase];
    /// Where `export!` stands, which begins with the crate's name.
    const MODULE: &'static str;
}

/// A point in the life of an exchange at which a plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Head,
    Body,
    Call,
    Route,
    Attempt,
    ReplyHead,
    Delta,
    ReplyBody,
    Finish,
}

impl Phase {
    /// The name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Head => "head",
            Phase::Body => "body",
            Phase::Call => "call",
            Phase::Route => "route",
            Phase::Attempt => "attempt",
            Phase::ReplyHead => "reply-head",
            Phase::Delta => "delta",
            Phase::ReplyBody => "reply-body",
            Phase::Finish => "finish",
        }
    }
}

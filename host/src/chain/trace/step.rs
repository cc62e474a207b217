//! The steps of an exchange as they are told, in JSON.

use std::sync::Arc;

use serde::Serialize;

/// One thing that happened. Times are microseconds from the head of the request.
#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum Step {
    /// Where the request goes; no route where none matched.
    Route {
        at_us: u64,
        route: Option<String>,
        why: String,
    },
    /// A plugin was called.
    Call(Box<CallStep>),
    /// A body begins its way through the chain.
    Body {
        at_us: u64,
        took_us: u64,
        of: &'static str,
        how: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
    /// A try at an upstream.
    Attempt {
        at_us: u64,
        took_us: u64,
        upstream: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'static str>,
    },
    /// The gateway's own refusal.
    Refused {
        at_us: u64,
        status: u16,
        code: String,
        message: String,
    },
    /// The answer's head is on its way to the client.
    Answer {
        at_us: u64,
        status: u16,
    },
    /// The answer ends before its time.
    Cut {
        at_us: u64,
        code: String,
        message: String,
    },
    End {
        at_us: u64,
        outcome: &'static str,
    },
}

/// How a body goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chain) enum BodyWay {
    None,
    /// No plugin reads it.
    AsItComes,
    /// Piece by piece through plugins.
    Streamed,
    /// The whole was there before it went on.
    Buffered(u64),
}

/// One call of a plugin, or several calls for pieces of one body.
#[derive(Debug, Default, Serialize)]
pub(super) struct CallStep {
    pub(super) at_us: u64,
    pub(super) took_us: u64,
    /// Of that, in host calls that wait for the gateway's state.
    pub(super) waited_us: u64,
    pub(super) host_calls: u64,
    pub(super) phase: &'static str,
    #[serde(serialize_with = "as_text")]
    pub(super) entry: Arc<str>,
    pub(super) version: &'static str,
    /// How many calls it stands for.
    pub(super) calls: u64,
    /// When the last of several calls had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_out: Option<u64>,
    /// `proceed`, `replace`, `reject`, `respond`, `fail` or `cancelled`.
    pub(super) decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// Of a rejection or of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// The kind of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<&'static str>,
    /// What the entry's `on_error` made of it: `deny`, `allow`, or `nothing` where there was nothing to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<&'static str>,
    pub(super) did: Vec<Did>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) did_left_out: u64,
}

/// A deed of a plugin, with nothing in it that must not be seen.
#[derive(Debug, Serialize)]
pub(super) struct Did {
    pub(super) call: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<&'static str>,
}

impl Step {
    pub(super) fn at_us(&self) -> u64 {
        match self {
            Step::Call(call) => call.at_us,
            Step::Route { at_us, .. }
            | Step::Body { at_us, .. }
            | Step::Attempt { at_us, .. }
            | Step::Refused { at_us, .. }
            | Step::Answer { at_us, .. }
            | Step::Cut { at_us, .. }
            | Step::End { at_us, .. } => *at_us,
        }
    }

    /// Bytes of its texts, and something for the rest.
    pub(super) fn weight(&self) -> usize {
        /// What a step's names and numbers take in JSON.
        const FRAME_BYTES: usize = 256;
        FRAME_BYTES
            + match self {
                Step::Call(call) => {
                    let message = call.message.as_ref().map_or(0, String::len);
                    message + call.did.iter().map(Did::weight).sum::<usize>()
                }
                Step::Route { why, .. } => why.len(),
                Step::Refused { message, .. } | Step::Cut { message, .. } => message.len(),
                _ => 0,
            }
    }
}

impl Did {
    pub(super) fn weight(&self) -> usize {
        const FRAME_BYTES: usize = 64;
        FRAME_BYTES + self.name.len() + self.value.as_ref().map_or(0, String::len)
    }
}

impl BodyWay {
    pub(super) fn word(self) -> &'static str {
        match self {
            BodyWay::None => "none",
            BodyWay::AsItComes => "as-it-comes",
            BodyWay::Streamed => "streamed",
            BodyWay::Buffered(_) => "buffered",
        }
    }

    pub(super) fn bytes(self) -> Option<u64> {
        match self {
            BodyWay::Buffered(bytes) => Some(bytes),
            _ => None,
        }
    }
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

//! Calls of language models and their answers: one typed form, read from and written to the dialects of the vendors.
//!
//! A client's request becomes a [`Call`], a provider's answer a sequence of [`Event`]s, whether it streams or not.
//! A dialect's folder reads both from its own JSON and writes both in it; no dialect knows another.
//! Nothing here opens a connection or reads a clock, so all of it can be tested and fuzzed without a gateway.

pub mod answer;
pub mod call;
pub mod dialect;
pub mod draft;
pub mod endpoint;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod intake;
pub mod json;
pub mod list;
pub mod patch;
pub mod relay;
pub mod sse;
pub mod usage;

pub use answer::{Answer, Choice, EndReason, Event, Piece};
pub use call::{
    Call, Effort, Embedding, Format, Image, ImageSource, Message, Operation, Parameters, Part, Reasoning, ResultPart,
    Role, Text, Thought, Tool, ToolCall, ToolChoice, ToolResult,
};
pub use dialect::{Asked, Dialect, Family, Outgoing, ReadStream, Target, Wire, WriteStream};
pub use draft::{Draft, EditError, Reading};
pub use endpoint::{Endpoint, Hints};
pub use error::{Broken, CallError, NoCounterpart, ProviderError, ProviderErrorKind};
pub use relay::{Apart, Failure, Relay, Seen, Step};
pub use usage::Usage;

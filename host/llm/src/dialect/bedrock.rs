//! AWS Bedrock's Converse, of providers only: `/model/{model}/converse`, `converse-stream` and `count-tokens`.
//!
//! | In our typed form | towards this dialect |
//! |---|---|
//! | system messages | `system`, in order, wherever they stood |
//! | messages in a row of one role, results of tools | one turn; the conversation must begin with the user |
//! | blank texts | left out: the vendor refuses them |
//! | a refusal | text |
//! | images inline | `bytes` of png, jpeg, gif, webp; others are refused, and so are images that are not the user's |
//! | images by address | refused, but for `s3:` |
//! | an image's detail, a call's signature | left out |
//! | calls without an id | `call_1_0`, by the message and the number in it; results find theirs by the tool's name, or are refused |
//! | ids in other letters, or longer than 64 | changed, with their checksum at the end |
//! | arguments | the JSON object as it is; empty is `{}`; anything else is refused |
//! | a result that is an error | `status` of `error` |
//! | thoughts of Anthropic's | `reasoningContent`, if they are signed; all others are left out |
//! | tools | `toolConfig`; without a schema that of an empty object |
//! | a choice of none | no tools at all; refused where the conversation has used some |
//! | calls or results of tools without tools | refused: the vendor demands to see the tools |
//! | one tool at a time | refused |
//! | `temperature`, `top_p`, `stop`, the limit of output tokens | `inferenceConfig` |
//! | `top_k` | `additionalModelRequestFields`, as Anthropic's models take it |
//! | thinking: a budget | `thinking`; from 1,024 tokens on and below the limit of output tokens, which grows where none is given |
//! | thinking: an effort, adaptive | adaptive `thinking`, an effort in `outputConfig`; off is left out |
//! | a budget for a model since Claude 4.7; an effort or adaptive for one up to 4.5 | the nearest effort; a budget |
//! | whether thoughts are wanted | `display` of `thinking` |
//! | thinking together with a forced tool, a temperature but 1, `top_k`, `top_p` below 0.95 | refused |
//! | a form by a schema | `outputConfig.textFormat`, always strict; JSON without a schema is refused |
//! | `seed`, penalties but 0, choices but 1 | refused |
//! | the end user | left out |
//! | service tier | `auto`, `default`, `standard` and `standard_only` are left out; another is refused |
//! | foreign members, embeddings | refused |
//! | counting of tokens | the call without limits and forms |
//!
//! Answers have one choice, and neither an id nor a model. A signed or redacted thought is sealed as a block of Anthropic's, in which a
//! client of that family sends it back to either dialect. What a cache had and got is added to the input. A stream is over with `metadata`.

mod answer;
mod error;
pub(crate) mod frame;
pub mod sign;
mod stream;
mod thought;
mod turns;
mod write;

pub use answer::read_answer;
pub use error::read_error;
pub use stream::StreamReader;
pub use write::write_call;

#[cfg(test)]
mod tests;

//! OpenAI's Responses API: `POST /v1/responses`, of clients and of providers.
//!
//! Towards a provider of the same dialect the client's bytes go on but for the model's name. What else is decided:
//!
//! | What a client of this dialect sends | in our typed form | towards other dialects |
//! |---|---|---|
//! | `instructions` | the first system message | as theirs |
//! | `input` as a text | one user message | as theirs |
//! | messages of `system` and `developer` | system messages in their place | as theirs |
//! | `reasoning`, `message`, `function_call` in a row | parts of one assistant message | as theirs |
//! | `function_call_output` in a row | results of one tool message | as theirs |
//! | `reasoning` items | thoughts of the family OpenAI, raw | left out towards other families |
//! | `previous_response_id`, `conversation`, `item_reference` | `stateful` | refused, named |
//! | other items; `input_file`, `input_audio`, images by `file_id` | foreign | refused |
//! | tools and choices of tools other than functions | foreign: `/tools/0`, `/tool_choice`; also what reaches beyond the call, such as `/tools/0/server_url` | refused |
//! | `text.format` of another type, `text.verbosity` | foreign | refused |
//! | `reasoning.effort` | reasoning | as theirs |
//! | `reasoning.summary` of any length | thoughts are wanted | what shows them |
//! | `user`, `safety_identifier` | the end user; the first one counts | as theirs |
//! | `reasoning.context` but `auto`, `reasoning.mode` but `standard` | foreign | refused |
//! | `background: true`, `prompt`, `truncation` but `disabled`, `top_logprobs` but 0 | foreign | refused |
//! | `include` of `message.output_text.logprobs` or unknown | foreign: `/include/0` | refused |
//! | `include` of thoughts, of built-in tools' findings, of the client's own input | nothing | left out |
//! | `store`, `metadata`, `max_tool_calls`, `stream_options`, hints for caches | nothing | left out |
//! | `phase`, `id` and `status` of items; `annotations` and `logprobs` of texts | nothing | left out |
//! | any member that is not known here | foreign | refused |
//!
//! `store: true`, which is also the default, is not kept towards another dialect: the answer says `store: false`.
//! A tool's `strict` that is absent means "where the schema allows it" here, which is told to others as absent.
//!
//! | In our typed form | towards this dialect |
//! |---|---|
//! | system messages | messages of `system` in their place: `text.format` wants the word JSON in the input, not in `instructions` |
//! | a message of one text | that text as its content |
//! | other parts of the assistant | `output_text` and `refusal` parts; its images are refused |
//! | an image without `detail` | `detail` of `auto` |
//! | calls without an id | `call_1_0`, by the message and the number in it; results find theirs by the tool's name, or are refused |
//! | calls with empty arguments | `{}` |
//! | a result that is an error | its text begins with `Error: `, unless it begins with that word |
//! | thoughts | items of this dialect as they came; all others are left out |
//! | a call's signature | left out: it is another vendor's |
//! | a tool without a schema | the schema of an empty object |
//! | `strict` that is absent | `false`, because absent means otherwise here |
//! | a choice of `auto` or `none` without tools, `parallel_tools` without tools | left out |
//! | reasoning of a budget | the nearest effort; adaptive is left out; off is `none` |
//! | thoughts are wanted | `reasoning.summary` of `auto`: without one the vendor shows none |
//! | `top_k`, `stop`, `seed`, penalties but 0, choices but 1 | refused |
//! | the end user | `user` |
//! | service tier | as it is within the family; `auto`, `default` and `standard` are left out; another is refused |
//! | embeddings, counting of tokens | refused |
//! | nothing | `store: false`: the client's own API keeps nothing either |
//!
//! An answer's id is the provider's if it begins with `resp_`, and else made of it; the items' ids are made of the answer's, but a
//! thought of this vendor's own ends with the item as it came. `created_at` is 0 where the provider does not say it.
//!
//! An answer is written anew towards its own dialect where plugins read its text. A `custom_tool_call` is a call whose arguments are its
//! text, and is written as such where the client's `tools` has a custom one of that name. Items without a counterpart, such as what
//! built-in tools did, stay whole and in their place for a client of this dialect, without the events of their progress; others are not
//! told of them.
//!
//! Answers have one choice. Parts of a summary become paragraphs of one thought; a thought of another vendor is a `reasoning` item
//! with one part of summary. `queued` and `in_progress` answers end with a pause. A refusal without words of the model's own is
//! `incomplete` with `content_filter`. The last event holds the whole output, so a stream's writer keeps all of it.

mod answer;
mod echo;
mod error;
mod input;
mod output;
mod print;
mod request;
mod stream;
mod stream_write;
mod turns;
mod write;

pub use answer::read_answer;
pub use print::write_answer;
pub use request::read_call;
pub use stream::StreamReader;
pub use stream_write::StreamWriter;
pub use write::write_call;

#[cfg(test)]
mod tests;

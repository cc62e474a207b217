//! OpenAI's dialect: chat completions and embeddings, as OpenAI, Azure and the many vendors that imitate them speak it.
//!
//! Towards a provider of this dialect the client's bytes go on, with `max_completion_tokens` named `max_tokens` where the provider knows
//! that name alone. Towards another one, a call's members are:
//!
//! | Member | In the typed form |
//! |---|---|
//! | `metadata`, `prompt_cache_*`, `cache_control`, `stream_options.include_obfuscation` | left out: without effect on the answer |
//! | `user`, `safety_identifier` | `end_user`; of both the first one counts |
//! | `store: false`, `logprobs: false`, `top_logprobs: 0`, `logit_bias: {}`, `modalities: ["text"]`, `verbosity: "medium"` | left out: what holds without them |
//! | `developer` | the system |
//! | `max_completion_tokens`, `max_tokens` | `max_output_tokens`; the first one counts |
//! | `reasoning_effort` | `reasoning`; `none` is off; an unknown word is foreign |
//! | `name` of a message, but of a tool's | foreign: no other dialect tells participants apart |
//! | `tool_choice` as `allowed_tools` or of a custom tool; tools that are no functions | foreign; of such tools also what reaches beyond the call, such as `/tools/0/server_url` |
//! | `text` parts, also as `input_text` or `output_text` | texts |
//! | `input_audio`, `file`, `thinking`, and unknown parts; `audio` of an answer | foreign |
//! | `functions`, `function_call`, the role `function` | refused |
//! | `annotations`, `reasoning`, `reasoning_content` of an earlier answer | left out: a thought is for its own vendor |
//! | `logprobs`, `logit_bias`, `prediction`, `web_search_options`, `modalities`, `store`, and all others | foreign |
//!
//! A call of another dialect is printed so:
//!
//! | In the typed form | Towards this dialect |
//! |---|---|
//! | system | `system`, where it stands; vendors that imitate OpenAI do not know `developer` |
//! | results of tools among what the user says | messages of their own, in front of the rest of it |
//! | a result or call without an id | `call_0_1`: by the message and the place in it; a result finds its call by the tool's name and the order |
//! | a result that belongs to no call | no counterpart |
//! | `is_error` of a result | its text begins with `Error: `, unless it begins with that word |
//! | a conversation without a message | no counterpart |
//! | whether thoughts are wanted | left out: each vendor of this dialect shows what it shows |
//! | image in a result, of the system or of the assistant | no counterpart |
//! | image at an address that is neither `http:` nor `https:` | no counterpart |
//! | empty arguments | `{}`, in answers too |
//! | thoughts, signatures of calls | left out |
//! | `max_output_tokens` | `max_completion_tokens` for models with OpenAI's names and at Azure since 2024-09-01, else `max_tokens` |
//! | more than 4 stop strings, `top_k` | no counterpart |
//! | `reasoning` off | `none`; left out for `gpt-3`, `gpt-4` and `chatgpt-`, which never think |
//! | `reasoning` with a budget | the effort that is next to it from above |
//! | `reasoning` adaptive, format text | left out: so it is without them |
//! | tool choice `auto` or none, `parallel_tools`, without tools | left out: OpenAI refuses them |
//! | `end_user` | `user`, if the call is in OpenAI's other dialect; else left out, since it is another vendor's affair |
//! | `service_tier` | as it is from OpenAI's other dialect; `auto`, `default`, `standard` and `standard_only` left out; others no counterpart |
//! | any JSON as the format | `json_object`; OpenAI itself demands the word "json" in a message beside it |
//! | a schema without a name | its name is `answer` |
//! | counting of tokens | no counterpart |
//!
//! Answers: `reasoning_content` or `reasoning` is what the model thought, and is written as the first; `stop` with calls of tools is read
//! as `tool_calls`, and with a refusal as one; text or calls of a choice behind its end break the answer; calls of
//! custom tools are calls whose arguments are any text; a stream without `[DONE]` is whole if
//! every choice that began has ended. The model is called as the client calls it.

mod answer;
mod calls;
mod embeddings;
mod error;
mod ids;
mod messages;
mod print;
mod request;
mod spoken;
mod stream;
mod tools;
mod turns;
mod usage;
mod write;
mod writer;

pub use answer::{read_answer, write_answer};
pub use error::read_error;
pub use request::read_call;
pub use stream::StreamReader;
pub use write::{write_azure_call, write_call};
pub use writer::StreamWriter;

/// The contract's name, for messages.
const NAME: &str = "openai-chat";

/// Of structs that hold texts, numbers and JSON that was read before: none of them can fail.
fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! Anthropic's messages: `POST /v1/messages` and `/v1/messages/count_tokens`, of clients and of providers.
//!
//! Towards a provider of the same dialect the client's bytes go on but for the model's name. What else is decided:
//!
//! | What a client of this dialect sends | in our typed form | towards other dialects |
//! |---|---|---|
//! | `system`, a text or blocks | the first system message | as theirs |
//! | messages of `system` | system messages in their place | as theirs |
//! | `text`, `image` by `url` or as `base64` | parts | as theirs |
//! | `image` by `file_id` | foreign: `/messages/0/content/1/source` | refused |
//! | `tool_use`, `tool_result` | parts of the assistant's and of the user's message | as theirs |
//! | `thinking`, `redacted_thinking` | thoughts of the family Anthropic, raw | left out towards other families |
//! | other blocks: documents, search results, tools that the provider runs | foreign: `/messages/0/content/1` | refused |
//! | `citations` of a text | foreign, unless there are none | refused |
//! | `caller` of a call but `direct`, `toolset_name` | foreign | refused |
//! | `tools` without a `type` or of `custom` | tools | as theirs |
//! | other tools | foreign: `/tools/0` | refused |
//! | `input_examples`, `defer_loading: true`, `allowed_callers` but `direct` | foreign | refused |
//! | `eager_input_streaming` | nothing: it decides on the pieces, not on what is called | left out |
//! | `tool_choice` of `auto`, `any`, `none`, `tool` | the choice | as theirs |
//! | `disable_parallel_tool_use` | `parallel_tools`, the other way round | as theirs |
//! | `max_tokens` | the limit of output tokens; its lack is the client's mistake, but where tokens are only counted | as theirs |
//! | `temperature`, `top_p`, `top_k`, `stop_sequences` | parameters | as theirs |
//! | `thinking` of `enabled` | a budget | as theirs |
//! | `thinking` of `adaptive`, and with `output_config.effort` | adaptive, and that effort | as theirs |
//! | `thinking` of `disabled` | reasoning that is off | as theirs |
//! | `output_config.effort` without `thinking` | that effort | as theirs |
//! | `output_config.effort` beside a budget or beside `disabled` | foreign | refused |
//! | `thinking` of another type | foreign: `/thinking` | refused |
//! | `thinking.display` of `summarized`, `omitted` | whether thoughts are wanted | what shows them, or does not |
//! | `thinking.display` of another word | foreign | refused |
//! | `output_config.format` of `json_schema` | a schema with the name `answer`, strict | as theirs |
//! | `output_config.format` of another type | foreign | refused |
//! | `metadata.user_id` | the end user | as theirs |
//! | `service_tier` | the tier | as theirs |
//! | `speed` but `standard` | foreign | refused |
//! | `cache_control` anywhere, `diagnostics`, `metadata`, `user_profile_id`, `workspace_id` | nothing | left out |
//! | `context_management` with edits of `clear_thinking_…`, `clear_tool_uses_…` | nothing: others get the whole conversation | left out |
//! | other edits of `context_management` | foreign: `/context_management/edits/0` | refused |
//! | any member that is not known here, such as `container`, `mcp_servers`, `inference_geo` | foreign | refused |
//!
//! What a budget must be in relation to `max_tokens` is left to the provider: some betas of the vendor lift the rule.
//!
//! | In our typed form | towards this dialect |
//! |---|---|
//! | system messages | `system`, in order, wherever they stood |
//! | messages of the user and of tools | turns of the user; neighbours become one turn, with the results of tools first |
//! | texts of nothing but white space | left out, because the vendor refuses them |
//! | a refusal of the assistant's | a text |
//! | a conversation that begins with the assistant or has nothing in it | refused |
//! | an image at an address that is not `https`; of a type but JPEG, PNG, GIF, WebP; of the system's or assistant's | refused |
//! | an image's `detail` | left out: how closely it is looked at is the vendor's own choice |
//! | calls without an id | `call_1_0`, by the message and the number in it; results find theirs by the tool's name, or are refused |
//! | ids with other letters than the vendor takes | those letters in hexadecimal |
//! | calls with empty arguments; with arguments that are no JSON object | `{}`; refused |
//! | a result that is an error | `is_error` |
//! | thoughts of the family Anthropic in this dialect's form; all others | as they came; left out |
//! | a call's signature | left out: it is another vendor's |
//! | a tool without a schema | the schema of an empty object |
//! | a tool's name with other letters than the vendor takes | refused |
//! | `strict` of a tool | as it is |
//! | a choice of `auto` or `none` without tools | left out |
//! | `parallel_tools` | `disable_parallel_tool_use` where it is false, with a choice of `auto` if there is none |
//! | the limit of output tokens | `max_tokens`; without one, the target's default |
//! | a budget | `thinking` of `enabled`; 0 is `disabled`; less than 1,024, or not less than the limit, is refused |
//! | a budget without a limit | the default stands for what is not thought, and is added |
//! | a budget where the thoughts in front of the last calls are missing, or for a model since 4.7 | `adaptive` with the nearest effort |
//! | an effort | `thinking` of `adaptive` with `output_config.effort`; minimal is `low`, and `xhigh` is `max` before 4.7 |
//! | an effort or adaptive, for a model up to 4.5 | a budget, less where the limit leaves less; refused where thoughts are missing as above |
//! | whether thoughts are wanted | `thinking.display`, beside thinking |
//! | thinking with a temperature but 1, with `top_k`, with `top_p` below 0.95 | refused, as the vendor does |
//! | adaptive, off | `adaptive`, `disabled` |
//! | reasoning where the use of a tool is forced | refused, as the vendor does |
//! | a temperature above 1, a stop string of white space | refused |
//! | `seed`, penalties but 0, choices but 1 | refused |
//! | a form of any JSON object | refused |
//! | a schema for the answer | `output_config.format`; its name is left out, and its `strict`: the vendor always holds to it |
//! | the description of such a schema | refused |
//! | the end user | `metadata.user_id` |
//! | service tier | `auto`, `default` and `standard` are left out; another is refused |
//! | counting of tokens | `/v1/messages/count_tokens`, without what decides on an answer only |
//! | embeddings | refused |
//!
//! An answer's id is the provider's if it begins with `msg_`, and else made of it. The model is the one that the client named.
//!
//! What a refusal's `stop_details` explain is read as a refusal where the model has said nothing itself.
//!
//! Answers have one choice. Thoughts of another vendor are `thinking` blocks with an empty signature. A refusal is a text, and the
//! reason of the end is `refusal`; so it is for what a content filter stopped. Arguments of a call that are no JSON object, because
//! a limit cut them, stand in `INVALID_JSON`. The stop string is said where the client gave only one.
//! `model_context_window_exceeded` is the same as `max_tokens`, and a stop reason that is not known the same as `end_turn`.
//! In a stream a call whose arguments are not whole stays open beside the next block, in case that a provider mixes them.

mod answer;
mod content;
mod error;
mod print;
mod request;
mod stream;
mod stream_write;
mod thinking;
mod turns;
mod usage;
mod write;

pub use answer::read_answer;
pub use error::read_error;
pub use print::{stop_reason, write_answer};
pub use request::read_call;
pub use stream::StreamReader;
pub use stream_write::StreamWriter;
pub use write::write_call;

#[cfg(test)]
mod tests;

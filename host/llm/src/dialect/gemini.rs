//! Gemini: `generateContent`, `streamGenerateContent`, `countTokens`, `embedContent`, `batchEmbedContents`, of clients and providers.
//!
//! Towards a provider of the same dialect the client's bytes go on but for the model's name where the body says it. A client may write
//! names in `camelCase` or in `snake_case`. What else is decided:
//!
//! | What a client of this dialect sends | in our typed form | towards other dialects |
//! |---|---|---|
//! | the model in the path, and once more in the body | the model; two different names are the client's mistake | as theirs |
//! | `systemInstruction` | the first system message | as theirs |
//! | contents of `user`, `model`, `function` or `tool` | messages of the user, the assistant, a tool | as theirs |
//! | `text` parts | texts | as theirs |
//! | `inlineData` of an image | an inline image, its base64 in the standard alphabet | as theirs |
//! | `fileData` of an image by a public address | an image by address | as theirs |
//! | other `inlineData`; files in Google's own stores or without an image's type | foreign | refused |
//! | `functionCall` and `functionResponse` without ids | `call_1_0`, by the content and the call in it; a result finds its call by the name | as theirs |
//! | a response of only `output`, `result` or `error` | the text in it; `error` is a result that is an error | as theirs |
//! | any other response | its JSON as a text | as theirs |
//! | `thought` texts and calls of the model | thoughts of the family Gemini, raw | left out |
//! | `thought` of any other part | nothing: the part is what it is without it | left out |
//! | `thoughtSignature` of a call | the call's signature | left out |
//! | `thoughtSignature` of a text or alone | a thought behind the text | left out |
//! | functions' `parameters` | the JSON schema that they stand for: types in small letters, `nullable`, counts in quotes | as theirs |
//! | functions' `parametersJsonSchema` | the schema, byte for byte | as theirs |
//! | `googleSearch`, `codeExecution` and other tools; `behavior`, `response` of functions | foreign | refused |
//! | mode `AUTO`, `NONE`, `ANY` | the choice; `ANY` of one allowed name is that tool | as theirs |
//! | mode `VALIDATED`, `allowedFunctionNames` of some tools, `retrievalConfig` | foreign | refused |
//! | `temperature`, `topP`, `topK`, `maxOutputTokens`, `stopSequences`, `candidateCount`, `seed`, penalties | parameters | as theirs |
//! | `responseMimeType` of JSON, `responseSchema`, `responseJsonSchema` | the format, named `response` | as theirs |
//! | other types of answers, `responseModalities` but text, `responseLogprobs` | foreign | refused |
//! | `thinkingBudget` of 0, -1, more; `thinkingLevel` | reasoning: off, adaptive, a budget; an effort | as theirs |
//! | `includeThoughts` | whether thoughts are wanted | nothing, or what shows them |
//! | `safetySettings` with anything in them, `cachedContent` | foreign | refused |
//! | `serviceTier` | the service tier in small letters | as theirs |
//! | `labels`, `store`, `partMetadata` | nothing | left out |
//! | `taskType` and `title` of embeddings, several parts of one content to embed | foreign; each text is one of the call's | refused |
//! | any member that is not known here | foreign | refused |
//!
//! | In our typed form | towards this dialect |
//! |---|---|
//! | system messages, wherever they stand | parts of `systemInstruction`, in order; images in them are refused |
//! | messages of the user and of tools | contents of `user`; results in a row become one content |
//! | messages of the assistant in a row | one content of `model`; a refusal is a text |
//! | empty texts | left out: the vendor refuses them |
//! | an inline image, an image by address | `inlineData`, `fileData` with the type that the address ends with; `detail` is left out |
//! | a call's arguments | the object; empty is `{}`; what is no object is refused |
//! | a call's id and its result's | as they are; a result without a name has its call's, or is refused |
//! | a result's texts | `output`, or `error` if it is one; inline images as parts of it, images by address are refused |
//! | thoughts of this family | as they came; all others are left out |
//! | the first call of a turn, of another model | the vendor's stand-in for a signature, but not for Gemini 1 and 2 |
//! | a tool's schema | `parametersJsonSchema`, byte for byte |
//! | a strict tool where the model is free to call | mode `VALIDATED` |
//! | `parallel_tools: false` with tools | refused |
//! | reasoning of an effort | `thinkingLevel`, where the two highest are one, or `thinkingBudget` to 24,576 for Gemini 2; off is 0, adaptive -1 or nothing |
//! | reasoning but off, where the client does not say whether it wants thoughts | `includeThoughts: true` |
//! | a seed beyond 32 bits | refused |
//! | format | `responseMimeType`, `responseJsonSchema`; its name and `strict` are left out: this vendor always keeps to it |
//! | the description of a format's schema | refused |
//! | service tier | `auto`, `default`, `standard` and `standard_only` are left out; another is refused |
//! | the end user | left out |
//! | several texts to embed | `batchEmbedContents`; tokens are refused |
//!
//! Answers: what was thought counts into the output and is told apart, and what a cache had is within the input. A blocked prompt is a
//! choice that ends with the content filter, and has no pieces. A `finishReason` that says that the model's answer is none, such as
//! `MALFORMED_FUNCTION_CALL`, is an error of the provider. A stream ends well once every candidate that it began has a `finishReason`;
//! there is no other end. A client that does not ask for `alt=sse` gets a
//! stream as one JSON array, in which an error is the last element. Images of the model's own and what the vendor's own tools did are left out.
//!
//! A client sees thoughts only if it asked with `includeThoughts`: others would take them for the answer. Calls come whole, at the end
//! of their candidate; one whose arguments are no object is left out, and its candidate ends with `MALFORMED_FUNCTION_CALL`.

mod answer;
mod config;
mod content;
mod error;
mod members;
mod parts;
mod print;
mod request;
mod schema;
mod stream;
mod stream_write;
mod tools;
mod turns;
mod write;

pub use answer::read_answer;
pub use error::read_error;
pub use print::write_answer;
pub use request::read_call;
pub use stream::StreamReader;
pub use stream_write::{ArrayFrames, StreamWriter};
pub use write::write_call;

#[cfg(test)]
mod tests;

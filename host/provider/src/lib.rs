//! A small model provider to put behind the gateway: deterministic answers, faults on demand, a memory of what arrived.
//!
//! It shares no code with the gateway, so that one mistake cannot stand on both sides of a test.
//! It speaks HTTP/1.1 and the OpenAI dialect: `POST /v1/chat/completions`, streamed and not, `GET /v1/models`,
//! `GET /v1/models/{id}`.
//!
//! Answer, id, `created` and token counts are functions of the model and the messages of the request; nothing is random,
//! and no clock is read.
//!
//! # Models
//!
//! | name | answer |
//! |---|---|
//! | `echo-1` | the text of the last user message |
//! | `story-1` | a story of as many words as the first whole number in the last user message says, 60 without one, at most [`STORY_WORDS_MAX`] |
//!
//! # Tokens
//!
//! A token is at most four letters or digits in a row, or one other character; a space in front belongs to it.
//! A prompt costs the tokens of its texts, four more for each message, and two more for the answer's beginning.
//! A part of a message that is not text, such as an image, costs 85. Tool definitions and calls cost the tokens of their
//! names and of their JSON text. A streamed answer sends one token in each content delta.
//!
//! # Behaviour on demand
//!
//! [`ProviderOptions::behaviour`] holds for every request; a field of the request replaces its part of it:
//!
//! | request field | value | effect |
//! |---|---|---|
//! | `x-provider-first-byte-ms` | 0 to 60000 | waits so many milliseconds before the head of the answer |
//! | `x-provider-chunk-ms` | 0 to 60000 | waits so many milliseconds before each further chunk of the body |
//! | `x-provider-fragment-seed` | 0 to 2^64-1 | cuts the body at byte positions drawn from the seed, through characters and lines |
//! | `x-provider-cut-after` | `head`, or bytes | closes the connection in place of an answer, or after so many bytes of its body |
//! | `x-provider-status` | 400 to 599 | answers with an error of this status |
//! | `x-provider-retry-after` | seconds | goes with that error as `retry-after` |
//!
//! An unknown `x-provider-` field and a wrong value are answered with 400.
//!
//! # Use
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use sluicegate_provider::{Provider, ProviderKey, ProviderOptions};
//!
//! let key = ProviderKey::random()?;
//! let address = "127.0.0.1:0".parse().expect("an address");
//! let provider = Provider::bind(address, ProviderOptions::new(key.clone())).await?;
//! let base_url = format!("http://{}/v1", provider.address());
//! let received = provider.received();
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let serving = tokio::spawn(provider.serve(async move { drop(stopped.await) }));
//! // … requests to `base_url` with `Authorization: Bearer {key.expose()}` …
//! # let _ = (base_url, key);
//! assert_eq!(received.count(), 0);
//! drop(stop);
//! serving.await.expect("the provider does not panic");
//! # Ok(())
//! # }
//! ```

mod answer;
mod behaviour;
mod body;
mod cut;
mod dialect;
mod image;
mod invoice;
mod json;
mod key;
mod model;
mod options;
mod question;
mod received;
mod refusal;
mod seal;
mod server;
mod service;
mod tokens;

pub use answer::Usage;
pub use behaviour::{Behaviour, Cut, DELAY_MAX, ENDLESS_BYTES_MAX, Failure, Fault, LineEnd, NESTED_LEVELS};
pub use dialect::{RESPONSES_KEPT_BYTES_MAX, RESPONSES_KEPT_MAX};
pub use invoice::{ANSWERS_LISTED_MAX, Invoice, InvoiceAnswer, InvoiceLine};
pub use json::NESTING_MAX;
pub use key::ProviderKey;
pub use model::STORY_WORDS_MAX;
pub use options::ProviderOptions;
pub use received::{BODY_KEPT_BYTES_MAX, REQUESTS_KEPT_MAX, Received, ReceivedRequest};
pub use server::Provider;

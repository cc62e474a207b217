//! A model provider to put behind the gateway: deterministic answers in the dialects of five vendors, faults on demand, a memory
//! of what arrived, and an invoice.
//!
//! It shares no code with the gateway, so that one mistake cannot stand on both sides of a test.
//! It speaks HTTP/1.1 and, by the path, the dialects of OpenAI, Anthropic, Gemini, Azure OpenAI and AWS Bedrock.
//! Its `README.md` has the endpoints, the models, the rule for tokens, what can be asked of it, and all limits.
//!
//! [`Received`] says what arrived, [`Invoice`] what was charged, [`Behaviour`] is how it answers unless a request asks for
//! something else.
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

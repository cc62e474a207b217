//! Providers of language models, and the models that clients call, as meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, header};
use sluicegate_llm::{Dialect, Wire};

use super::Upstream;

/// A provider of language models: an upstream, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Under the provider's name. It has no credential of its own: [`Provider::credentials`] are sent in turn.
    pub upstream: Arc<Upstream>,
    pub wire: Wire,
    /// Whether it has OpenAI's responses as well, and keeps what they refer to.
    pub has_responses: bool,
    /// Names under [`super::Config::credentials`], each bound to the upstream's origin.
    pub credentials: Vec<String>,
    pub signing: Option<Signing>,
}

/// What a signature of Amazon's says besides the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    pub access_key_id: String,
    pub region: String,
}

/// One provider's model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTarget {
    pub provider: Arc<Provider>,
    /// The provider's name for it.
    pub model: String,
    pub output_tokens_default: u64,
    /// None: it can serve all.
    pub features: Option<Vec<Feature>>,
    /// Nano-USD for a million tokens.
    pub input_price: Option<u64>,
    pub output_price: Option<u64>,
}

/// What a call may need of a model besides text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    Tools,
    Images,
    Audio,
    StructuredOutput,
    Thinking,
}

/// The models of a route.
#[derive(Debug, Clone, Default)]
pub struct RouteModels {
    /// By the name under `models`, in the order of the names; never without targets.
    pub targets: BTreeMap<String, Vec<ModelTarget>>,
    /// Every name that a client may call, aliases included, with the name under `models`.
    pub names: BTreeMap<String, String>,
}

impl Feature {
    pub const ALL: [Feature; 5] =
        [Feature::Tools, Feature::Images, Feature::Audio, Feature::StructuredOutput, Feature::Thinking];

    /// The contract's word, and the configuration's.
    pub fn as_str(self) -> &'static str {
        match self {
            Feature::Tools => "tools",
            Feature::Images => "images",
            Feature::Audio => "audio",
            Feature::StructuredOutput => "structured-output",
            Feature::Thinking => "thinking",
        }
    }
}

impl ModelTarget {
    pub fn serves(&self, feature: Feature) -> bool {
        self.features.as_ref().is_none_or(|features| features.contains(&feature))
    }
}

impl Provider {
    /// How it is spoken to for a client of this dialect: its own responses have no better counterpart.
    pub fn wire_for(&self, client: Dialect) -> &Wire {
        let is_azure = matches!(self.wire, Wire::Azure { .. });
        match client {
            Dialect::OpenAiResponses if self.has_responses && is_azure => &Wire::AzureResponses,
            Dialect::OpenAiResponses if self.has_responses => &Wire::OpenAiResponses,
            _ => &self.wire,
        }
    }

    /// The field that its dialect has for a key, and what stands before the key.
    pub fn key_field(&self) -> (HeaderName, &'static str) {
        match self.wire {
            Wire::OpenAi | Wire::OpenAiResponses | Wire::Bedrock => (header::AUTHORIZATION, "Bearer "),
            Wire::Azure { .. } | Wire::AzureResponses => (HeaderName::from_static("api-key"), ""),
            Wire::Anthropic => (HeaderName::from_static("x-api-key"), ""),
            Wire::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
        }
    }
}

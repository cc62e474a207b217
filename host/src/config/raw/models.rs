//! Providers of language models, and the models that clients call, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spot::Spot;
use super::text::{AwsNameText, FilePath, ModelName, Name, QueryText, ServerNameText, UrlText, VendorsModel};
use super::upstream::{RawClientCertificate, RawUpstreamProtocol};

/// A provider of language models.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawProvider {
    /// What it speaks. Those from `mistral` on speak OpenAI's chat completions at an address of their own.
    pub kind: Spot<RawProviderKind>,
    /// Scheme, host and perhaps a port and a path, up to what its documentation calls the base URL. The vendor's own unless given; `azure` and `vllm` have none.
    #[schemars(example = &"https://api.openai.com/v1")]
    pub url: Option<Spot<UrlText>>,
    /// The secrets that it is spoken to with: names under `credentials`, whose origin must be this one. With several, one that the provider says is used up rests, and the next is sent.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub credentials: Vec<Spot<Name>>,
    /// Of `azure`: the version of its interface, for deployments by name. Without it, the version that Azure calls `v1`.
    #[schemars(example = &"2024-10-21")]
    pub api_version: Option<Spot<QueryText>>,
    /// Of `bedrock`: the region, which is in its address and in signatures.
    #[schemars(example = &"eu-central-1")]
    pub region: Option<Spot<AwsNameText>>,
    /// Of `bedrock`: the public half of a key pair, whose secret half is the credential; requests are then signed. Without it the credential is an API key of Bedrock.
    #[schemars(example = &"AKIAIOSFODNN7EXAMPLE")]
    pub access_key_id: Option<Spot<AwsNameText>>,
    /// For a connection to be open, TLS included, in milliseconds.
    #[serde(default = "super::connect_timeout_ms")]
    #[schemars(range(min = 1, max = 600_000))]
    pub connect_timeout_ms: u64,
    /// From the last byte of a request to the head of its answer, in milliseconds.
    #[serde(default = "super::reply_timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub reply_timeout_ms: u64,
    /// How long a connection without a request is kept, in milliseconds.
    #[serde(default = "super::idle_timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub idle_timeout_ms: u64,
    /// Connections open at once. Each worker uses its own, and one of another worker where no further one may be opened.
    #[serde(default = "super::connections_max")]
    #[schemars(range(min = 1, max = 65_536))]
    pub connections_max: u32,
    /// What it is spoken to in. With both, which needs TLS, the provider chooses (ALPN); `h2` alone in clear text is spoken without asking (prior knowledge).
    #[serde(default = "super::protocols")]
    #[schemars(length(min = 1, max = 2), example = &["h2", "http/1.1"])]
    pub protocols: Vec<Spot<RawUpstreamProtocol>>,
    /// Requests at once on one connection of `h2`; a provider that allows less is sent less.
    #[serde(default = "super::streams_max")]
    #[schemars(range(min = 1, max = 1_024))]
    pub streams_max: u32,
    /// A PEM file with the certificate authorities to trust instead of the system's.
    #[schemars(example = &"ca.pem")]
    pub ca_file: Option<Spot<FilePath>>,
    /// The name that its certificate must be for, and that it is asked for in TLS (SNI), where that is not the host of `url`.
    #[schemars(example = &"api.internal.example")]
    pub server_name: Option<Spot<ServerNameText>>,
    /// What the gateway proves itself with, where the provider asks for a client's certificate.
    pub client_certificate: Option<Spot<RawClientCertificate>>,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum RawProviderKind {
    OpenAi,
    Anthropic,
    Gemini,
    Azure,
    Bedrock,
    Mistral,
    Groq,
    DeepSeek,
    Together,
    OpenRouter,
    Vllm,
    Ollama,
}

/// A model that clients call by this name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawModel {
    /// Further names that clients may call it by.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub aliases: Vec<Spot<ModelName>>,
    /// Who serves it: the first that can does, unless a plugin chooses another order.
    #[schemars(length(min = 1, max = 16))]
    pub targets: Vec<RawModelTarget>,
}

/// One provider's model.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawModelTarget {
    /// A name under `providers`.
    #[schemars(example = &"openai")]
    pub provider: Spot<Name>,
    /// What the provider calls the model; of `azure` with an `api_version` the deployment. The name under `models` unless given.
    #[schemars(example = &"gpt-4o-mini")]
    pub model: Option<Spot<VendorsModel>>,
    /// Tokens that an answer may have where the client names no limit and the provider's dialect demands one, as Anthropic's does.
    #[serde(default = "output_tokens_default")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub output_tokens_default: u64,
    /// What it can serve besides text; all of it unless given. A call that needs another feature goes to the next target.
    #[schemars(length(max = 5), example = &["tools", "images"])]
    pub features: Option<Vec<RawModelFeature>>,
    /// US dollars for a million tokens of input, for plugins that choose by price.
    #[schemars(range(min = 0.0, max = 1_000_000.0), example = &0.15)]
    pub input_price: Option<f64>,
    /// US dollars for a million tokens of output.
    #[schemars(range(min = 0.0, max = 1_000_000.0), example = &0.6)]
    pub output_price: Option<f64>,
}

/// What a call may need of a model. `structured-output`: an answer in the form of a JSON schema, or as any JSON object. `thinking`: that it thinks before it answers, where the client asks for it.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum RawModelFeature {
    Tools,
    Images,
    Audio,
    StructuredOutput,
    Thinking,
}

fn output_tokens_default() -> u64 {
    4_096
}

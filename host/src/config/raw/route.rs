//! Routes as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chain::RawChain;
use super::spot::{Named, Spot};
use super::text::{
    HeaderNameText, HeaderValueText, HostText, MethodText, ModelPattern, Name, PathText, PlaceText, PrefixText,
    ProtocolText,
};

/// Which requests go where, and through which plugins.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = {
    "required": ["host", "hosts"],
    "description": "has both `host` and `hosts`; write all of them into `hosts`",
}))]
pub struct RawRoute {
    /// What logs and metrics call this route; unique in the file.
    #[schemars(example = &"chat")]
    pub name: Spot<Name>,
    /// The one host that it serves, without port; `*.example.com` is every host below `example.com`. Any host unless `host` or `hosts` is given.
    #[schemars(example = &"api.example.com")]
    pub host: Option<Spot<HostText>>,
    /// The hosts that it serves, as in `host`.
    #[schemars(length(min = 1))]
    pub hosts: Option<Vec<Spot<HostText>>>,
    /// `/v1/chat` is that path alone, `/v1/*` is `/v1` and all below it.
    #[serde(default = "any_path")]
    #[schemars(example = &"/v1/*")]
    pub path: Spot<PathText>,
    /// The methods that it serves; any unless given.
    #[schemars(length(min = 1))]
    pub methods: Option<Vec<MethodText>>,
    /// Header fields that a request must have: a name and its value, or `*` when any value will do.
    #[serde(default)]
    pub headers: Named<HeaderValueText, HeaderNameText>,
    /// The plugins that a request passes: the name of a chain, or a list of names of chains and of entries. They run after the global chain.
    pub chain: Option<Spot<RawChain>>,
    /// Where requests go: a name under `upstreams` at the top of the file. A route has either this or `upstreams`.
    #[schemars(example = &"openai")]
    pub upstream: Option<Spot<Name>>,
    /// Where requests can go, instead of `upstream`: names that are tried in this order, unless a plugin chooses another.
    #[schemars(length(min = 1, max = 16))]
    pub upstreams: Option<Vec<Spot<Name>>>,
    /// The language models that it serves, instead of `upstream`: names under `models`, or `*` for all. Clients call them in the dialect of OpenAI, Anthropic or Gemini, as the path says.
    #[schemars(length(min = 1, max = 1000), example = &["*"])]
    pub models: Option<Vec<Spot<ModelPattern>>>,
    /// Segments to take off the front of the path before the upstream's own path is put there.
    #[schemars(example = &"/openai")]
    pub strip_prefix: Option<Spot<PrefixText>>,
    /// The form of error answers: `http` is RFC 9457 problem documents, the others are those of the model providers. A route with `models` answers in the form that the client speaks.
    #[serde(default)]
    pub dialect: RawDialect,
    /// The whole exchange, from the head of the request to the last byte of the answer, in milliseconds. No limit unless given.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub timeout_ms: Option<u64>,
    /// Protocols to which a client may upgrade its connection, such as `websocket`. None unless given: a request that asks goes on as if it had not asked, and one over HTTP/2 (`CONNECT` with `:protocol`) is refused.
    #[serde(default)]
    #[schemars(length(max = 16), example = &["websocket"])]
    pub upgrades: Vec<Spot<ProtocolText>>,
    /// So long without a byte in either direction ends an upgraded connection, in milliseconds.
    #[serde(default = "upgrade_idle_timeout_ms")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub upgrade_idle_timeout_ms: u64,
    /// Further places where clients of this route present credentials: header fields, and query members as `?name`. Plugins do not see them, and they do not go upstream.
    #[serde(default)]
    pub credential_places: Vec<PlaceText>,
    /// Places of credentials that go upstream as the client sent them.
    #[serde(default = "cookie")]
    pub forward_credentials: Vec<PlaceText>,
}

fn any_path() -> Spot<PathText> {
    PathText("/*".to_owned()).into()
}

/// Longer than the pings of usual libraries are apart.
fn upgrade_idle_timeout_ms() -> u64 {
    300_000
}

fn cookie() -> Vec<PlaceText> {
    vec![PlaceText("cookie".to_owned())]
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawDialect {
    #[default]
    Http,
    OpenAi,
    Anthropic,
    Gemini,
}

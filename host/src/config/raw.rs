//! The configuration as written: what serde reads, and what the JSON schema and the reference are made from.

pub mod chain;
pub mod exchanges;
pub mod json;
pub mod limits;
pub mod listen;
pub mod models;
pub mod plugin;
pub mod rollout;
pub mod route;
pub mod spot;
pub mod text;
pub mod upstream;

use schemars::{JsonSchema, json_schema};
use serde::Deserialize;

use chain::RawEntry;
use limits::RawLimits;
use listen::RawListen;
use models::{RawModel, RawProvider};
use plugin::{RawPlugin, RawTrust};
use route::RawRoute;
use spot::{Named, Spot};
use text::{
    AccessLogText, AdminAddressText, ConsumerText, DateTimeText, FilePath, FolderPath, HeaderNameText, HeaderPrefix,
    IncludeText, KeyHash, KeyId, ModelName, Name, OriginText, ScopeText, SecretReference, ServerNameText, UrlText,
};
use upstream::{RawClientCertificate, RawUpstreamProtocol};

/// Sluicegate's configuration: one TOML file. Relative paths in it are relative to its folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["listen"]))]
pub struct RawConfig {
    /// Further files, and patterns that match files, relative to the folder of this one: what they hold is added to what stands here.
    /// They may hold `credentials`, `upstreams`, `providers`, `models`, `keys`, `plugins`, `chains` and `routes`.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub include: Vec<IncludeText>,
    /// Where the gateway keeps what outlives a start, such as compiled plugins.
    #[serde(default = "data_dir")]
    pub data_dir: FolderPath,
    /// One line of JSON for each request: to `stdout`, `stderr`, or `file:` and a path; or `off`.
    #[serde(default = "access_log")]
    pub access_log: AccessLogText,
    /// Threads that serve requests: as many as there are processors unless given. A change takes effect at a restart.
    #[schemars(range(min = 1, max = 1024), example = &4)]
    pub workers: Option<u32>,
    /// The chain that every request passes first, also a request that no route matches: a name under `chains`.
    #[schemars(example = &"default")]
    pub global_chain: Option<Spot<Name>>,
    /// Where clients connect; at most 64 addresses.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub listen: Vec<RawListen>,
    /// Metrics, status and control; absent unless this table is there.
    pub admin: Option<RawAdmin>,
    /// Bounds of the gateway itself. Each has a safe default.
    #[serde(default)]
    pub limits: RawLimits,
    /// Secrets that the gateway sends in the clients' stead, by name. A plugin or a client never sees one.
    #[serde(default)]
    pub credentials: Named<RawCredential>,
    /// Services that requests go to, by name.
    #[serde(default)]
    pub upstreams: Named<RawUpstream>,
    /// Providers of language models, by name.
    #[serde(default)]
    pub providers: Named<RawProvider>,
    /// Language models by the name that clients call, in whichever dialect.
    #[serde(default)]
    pub models: Named<RawModel, ModelName>,
    /// Gateway keys that clients present, as hashes.
    #[serde(default)]
    pub keys: Vec<RawKey>,
    /// Plugins from files, web servers and OCI registries, by name. `api-key`, `rate-limit`, `headers`, `redact`, `router`, `meter` and `prompt-template` are there without it.
    #[serde(default)]
    #[schemars(extend("propertyNames" = plugin_names()))]
    pub plugins: Named<RawPlugin>,
    /// Whose signatures plugins may have. Without it, a plugin that is signed is refused, since nobody is trusted.
    #[serde(default)]
    pub trust: RawTrust,
    /// Plugins in the order in which requests pass them, by name of the chain.
    #[serde(default)]
    pub chains: Named<Vec<RawEntry>>,
    /// Which requests go where. The order in the file does not matter: the most specific route that matches serves.
    #[serde(default)]
    pub routes: Vec<RawRoute>,
}

/// A name, but none of the bundled plugins'.
fn plugin_names() -> schemars::Schema {
    let mut names = Name::json_schema(&mut schemars::SchemaGenerator::default());
    let bundled: Vec<&str> = super::bundled::BUNDLED.iter().map(|plugin| plugin.name).collect();
    let description = "is the name of a bundled plugin, which is there without a declaration; give yours another name";
    names.insert("not".to_owned(), json_schema!({ "enum": bundled, "description": description }).to_value());
    names
}

fn data_dir() -> FolderPath {
    FolderPath(".sluicegate".to_owned())
}

fn access_log() -> AccessLogText {
    AccessLogText("stdout".to_owned())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAdmin {
    /// A loopback address and a port, or `unix:` and the path of a socket.
    #[schemars(example = &"127.0.0.1:9901")]
    pub address: Spot<AdminAddressText>,
    /// The file with the token that a caller must present. It is created, readable by its owner only, if it does not exist. `admin.token` in `data_dir` unless given.
    #[schemars(example = &"admin.token")]
    pub token_file: Option<FilePath>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCredential {
    /// Where the secret stands, never the secret: `${env:NAME}` or `${file:PATH}`. A final newline in the file is not part of it.
    #[schemars(example = &"${env:OPENAI_API_KEY}")]
    pub value: Spot<SecretReference>,
    /// The only place where it is ever sent: scheme, host and, if not the usual one, port. `https`, but for a loopback address.
    #[schemars(example = &"https://api.openai.com")]
    pub origin: Spot<OriginText>,
    /// The header field that it is sent in. `authorization` unless given, and for a provider of models the one that its kind has for keys.
    #[schemars(example = &"x-api-key")]
    pub header: Option<HeaderNameText>,
    /// What stands before it in the field. `Bearer ` for `authorization` and nothing for any other field unless given.
    #[schemars(example = &"Bearer ")]
    pub prefix: Option<HeaderPrefix>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUpstream {
    /// Scheme, host and perhaps a port and a path, which is put before the path of every request.
    #[schemars(example = &"https://api.openai.com")]
    pub url: Spot<UrlText>,
    /// The secret that is sent along: a name under `credentials`, whose origin must be this one.
    #[schemars(example = &"openai")]
    pub credential: Option<Spot<Name>>,
    /// For a connection to be open, TLS included, in milliseconds.
    #[serde(default = "connect_timeout_ms")]
    #[schemars(range(min = 1, max = 600_000))]
    pub connect_timeout_ms: u64,
    /// From the last byte of a request to the head of its answer, in milliseconds.
    #[serde(default = "reply_timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub reply_timeout_ms: u64,
    /// How long a connection without a request is kept, in milliseconds.
    #[serde(default = "idle_timeout_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub idle_timeout_ms: u64,
    /// Connections open at once. Each worker uses its own, and one of another worker where no further one may be opened.
    #[serde(default = "connections_max")]
    #[schemars(range(min = 1, max = 65_536))]
    pub connections_max: u32,
    /// What it is spoken to in. With both, which needs TLS, the upstream chooses (ALPN); `h2` alone in clear text is spoken without asking (prior knowledge).
    #[serde(default = "protocols")]
    #[schemars(length(min = 1, max = 2), example = &["h2", "http/1.1"])]
    pub protocols: Vec<Spot<RawUpstreamProtocol>>,
    /// Requests at once on one connection of `h2`; an upstream that allows less is sent less.
    #[serde(default = "streams_max")]
    #[schemars(range(min = 1, max = 1_024))]
    pub streams_max: u32,
    /// A PEM file with the certificate authorities to trust instead of the system's.
    #[schemars(example = &"ca.pem")]
    pub ca_file: Option<Spot<FilePath>>,
    /// The name that its certificate must be for, and that it is asked for in TLS (SNI), where that is not the host of `url`.
    #[schemars(example = &"api.internal.example")]
    pub server_name: Option<Spot<ServerNameText>>,
    /// What the gateway proves itself with, where the upstream asks for a client's certificate.
    pub client_certificate: Option<Spot<RawClientCertificate>>,
}

fn connect_timeout_ms() -> u64 {
    5_000
}

/// A model that is not streamed may think for minutes.
fn reply_timeout_ms() -> u64 {
    300_000
}

/// Shorter than what servers usually keep, so that a connection is rarely closed while it is being chosen.
fn idle_timeout_ms() -> u64 {
    30_000
}

fn connections_max() -> u32 {
    256
}

fn protocols() -> Vec<Spot<RawUpstreamProtocol>> {
    vec![RawUpstreamProtocol::Http11.into()]
}

/// What servers usually allow (RFC 9113, 6.5.2 advises no less).
fn streams_max() -> u32 {
    100
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawKey {
    /// The public part, which appears in logs; unique in the file.
    #[schemars(example = &"k1")]
    pub id: Spot<KeyId>,
    /// The hash of the whole key, as `sluicegate key new` prints it.
    #[schemars(example = &"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub hash: Spot<KeyHash>,
    /// Whom the key belongs to; several keys may have one consumer.
    #[schemars(example = &"acme")]
    pub consumer: ConsumerText,
    /// What the key may be used for; the `api-key` plugin asks for scopes.
    #[serde(default)]
    pub scopes: Vec<ScopeText>,
    /// From then on the key is refused: a date, a time and an offset (RFC 3339), as a TOML date-time or in quotes. Never unless given.
    #[schemars(example = &"2027-01-31T00:00:00Z", extend("format" = "date-time"))]
    pub expires: Option<Spot<DateTimeText>>,
    /// Whether the key is refused from now on.
    #[serde(default)]
    pub revoked: bool,
}

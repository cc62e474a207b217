//! The configuration as meant: only valid states, every reference resolved, every unit in the name.

mod exchanges;
mod listen;
mod models;
mod plugin;
mod rollout;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use super::inputs::Inputs;
pub use exchanges::*;
use http::{HeaderName, HeaderValue, Method, Uri};
pub use listen::*;
pub use models::*;
pub use rollout::*;
pub use sluicegate_runtime::{BreakerPolicy, Isolation, OnError, PluginLimits};

pub use plugin::{
    Access, OciReference, PluginSource, RemotePlace, RemotePlugin, Trust, TrustedKey, Url, digest_from_hex, hex,
    signature_path,
};

/// One configuration, read and checked. Paths are absolute or relative to the working directory.
#[derive(Debug, Clone)]
pub struct Config {
    /// At least one.
    pub listeners: Vec<Listener>,
    pub admin: Option<Admin>,
    pub access_log: AccessLog,
    /// Where the gateway keeps what outlives a start: compiled code now, state later.
    pub data_dir: PathBuf,
    /// Threads that serve requests; at least one.
    pub workers: usize,
    pub limits: Limits,
    pub credentials: BTreeMap<String, Credential>,
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    pub providers: BTreeMap<String, Arc<Provider>>,
    /// Gateway keys by their public id.
    pub keys: BTreeMap<String, GatewayKey>,
    pub plugins: BTreeMap<String, PluginSource>,
    pub trust: Trust,
    /// Runs in front of every route's own chain, and for requests that no route matches.
    pub global_chain: Vec<Arc<ChainEntry>>,
    /// In file order; `router` decides precedence.
    pub routes: Vec<Arc<Route>>,
    /// What it was made from.
    pub inputs: Inputs,
}

/// Loopback or a Unix socket, never anything wider.
#[derive(Debug, Clone)]
pub struct Admin {
    pub address: AdminAddress,
    /// Created with mode 0600 and a random token if it does not exist; refused if others can read it.
    pub token_file: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    Off,
    Stdout,
    Stderr,
    File(PathBuf),
}

/// Bounds of the proxy itself; a plugin's are in [`PluginLimits`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Client connections open at once; further ones wait in the listen queue.
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    /// Request line and fields together, in bytes.
    pub head_bytes_max: usize,
    pub headers_max: usize,
    /// From the first byte of a request's head to its last.
    pub head_timeout: Duration,
    pub http2_streams_max: u32,
    /// Without a request for so long, a connection of HTTP/2 is ended.
    pub http2_idle_timeout: Duration,
    /// A request body's length as sent, in bytes.
    pub body_bytes_max: u64,
    /// A body that a buffering plugin waits for, decoded, in bytes.
    pub buffer_bytes_max: u64,
    /// Decoded bytes per encoded byte, once a mebibyte is decoded.
    pub decode_ratio_max: u64,
    /// A body decoded for a plugin, in bytes.
    pub decoded_bytes_max: u64,
    /// No byte of a body in either direction for so long ends the exchange.
    pub body_idle_timeout: Duration,
    /// Whoever takes or sends less for [`Limits::body_idle_timeout`] is cut. 0: nobody.
    pub slow_bytes_per_second: u64,
    /// After the first signal: how long connections are still accepted.
    pub drain_delay: Duration,
    /// After the first signal: how long open requests may go on.
    pub drain_timeout: Duration,
    /// Connections that speak another protocol at once, in the whole gateway.
    pub upgraded_max: usize,
    /// Plugin instances alive at once, in the whole gateway.
    pub instances_max: u32,
}

/// A secret that the gateway sends in a client's stead. Its value is read when the generation is built.
#[derive(Debug, Clone)]
pub struct Credential {
    pub name: String,
    pub source: SecretSource,
    /// `https://host[:port]`: the only place where it is ever sent.
    pub origin: Origin,
    /// None: `authorization`, or what a provider of models has for keys.
    pub header: Option<HeaderName>,
    /// Stands before the value, such as `Bearer `. None: what is usual in the field.
    pub prefix: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `${env:NAME}`
    Env(String),
    /// `${file:path}`; a final newline is not part of the value.
    File(PathBuf),
}

/// Scheme, host and port, in lower case with the port written out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub tls: bool,
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    pub origin: Origin,
    /// Put before every path; empty or `/x` without a final slash.
    pub base_path: String,
    pub credential: Option<String>,
    pub connect_timeout: Duration,
    /// From the last byte of the request to the head of the answer.
    pub reply_timeout: Duration,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    pub connections_max: usize,
    pub protocol: UpstreamProtocol,
    /// Requests at once on one connection of HTTP/2.
    pub streams_max: usize,
    /// PEM file of certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whom the certificate must be for; the origin's host unless given.
    pub server_name: Option<String>,
    pub client_certificate: Option<ClientCertificate>,
    pub reply_heads: ReplyHeads,
}

/// What is taken of the head of an answer, and of the fields behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyHeads {
    pub bytes_max: usize,
    pub fields_max: usize,
}

/// What an upstream is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    Http1,
    Http2,
    /// It chooses, by ALPN; only with TLS.
    Either,
}

/// PEM files of a certificate with its chain, and of its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl Upstream {
    /// The files that what it trusts and proves itself with stand in.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let own = self.client_certificate.iter().flat_map(|own| [&own.certificate_file, &own.key_file]);
        self.ca_file.iter().chain(own).map(PathBuf::as_path)
    }
}

/// A gateway key as stored: never its secret.
#[derive(Debug, Clone)]
pub struct GatewayKey {
    /// Public; appears in logs.
    pub id: String,
    /// SHA-256 of the whole key as the client presents it.
    pub sha256: [u8; 32],
    pub consumer: String,
    pub scopes: Vec<String>,
    /// Seconds since 1970.
    pub expires: Option<i64>,
    pub revoked: bool,
}

#[derive(Debug, Clone)]
pub struct ChainEntry {
    /// Unique in the file; the plugin's name unless given.
    pub name: String,
    /// A key of [`Config::plugins`].
    pub plugin: String,
    pub isolation: Isolation,
    pub on_error: OnError,
    /// Interface names of the contract; for a bundled plugin what it needs, unless given.
    pub grants: BTreeSet<String>,
    /// One JSON object.
    pub config: serde_json::Value,
    pub limits: PluginLimits,
    pub breaker: BreakerPolicy,
    pub mode: Mode,
    /// Never with [`Mode::Shadow`].
    pub canary: Option<Canary>,
    /// At most [`SELF_TESTS_MAX`].
    pub self_tests: Vec<Arc<SelfTest>>,
    /// Where the entry and the values in its config stand in the file, for the problems that `configure` reports.
    pub place: crate::config::Place,
}

#[derive(Debug, Clone)]
pub struct Route {
    pub name: String,
    pub matcher: RouteMatch,
    /// The global chain is not repeated here.
    pub chain: Vec<Arc<ChainEntry>>,
    /// Where its requests can go, in the order in which that is tried unless a plugin says otherwise; one to 16, each once.
    /// None on a route with models.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Some where it serves language models.
    pub models: Option<Arc<RouteModels>>,
    /// Taken off the front of the path; empty or `/x` without a final slash.
    pub strip_prefix: String,
    /// How errors are rendered.
    pub dialect: Dialect,
    /// The whole exchange, from the head of the request to the last byte of the answer.
    pub timeout: Option<Duration>,
    /// Protocols to which a client may upgrade its connection, in lower case.
    pub upgrades: Vec<String>,
    /// So long without a byte in either direction ends an upgraded connection.
    pub upgrade_idle_timeout: Duration,
    /// Fields and `?query` members that carry credentials on this route, besides the usual ones.
    pub credential_places: Vec<CredentialPlace>,
    /// Those that go upstream as the client sent them; `cookie` unless given.
    pub forward_credentials: Vec<CredentialPlace>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialPlace {
    Header(HeaderName),
    Query(String),
}

/// Every part given must match.
#[derive(Debug, Clone)]
pub struct RouteMatch {
    /// Lower case, without port; empty matches any. `*.example.com` matches one or more labels in front.
    pub hosts: Vec<String>,
    pub path: PathMatch,
    /// Empty matches any.
    pub methods: Vec<Method>,
    pub headers: Vec<HeaderMatch>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    Exact(String),
    /// Whole segments: `/v1` matches `/v1` and `/v1/x`, not `/v10`. Empty matches all.
    Prefix(String),
}

#[derive(Debug, Clone)]
pub struct HeaderMatch {
    pub name: HeaderName,
    /// None: it is enough that the field is there.
    pub value: Option<HeaderValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// RFC 9457 problem documents.
    Http,
    OpenAi,
    Anthropic,
    Gemini,
}

impl Origin {
    /// `scheme://host[:port]`, without the scheme's own port.
    pub fn to_uri_prefix(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{host}"),
            (_, port) => format!("{scheme}://{host}:{port}"),
        }
    }

    /// Whether it can only be this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// From an absolute URI with scheme `http` or `https` and a host.
    pub fn from_uri(uri: &Uri) -> Option<Origin> {
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        (!host.is_empty()).then_some(Origin { tls, host, port })
    }
}

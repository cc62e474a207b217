//! Header hygiene in both directions: what ends at this hop, what clients may not claim, and what carries credentials.

use std::net::IpAddr;

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRANSFER_ENCODING, VIA};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
pub use sluicegate_framing::http1::has_unknown_transfer_coding;
use sluicegate_runtime::presented::{Presented, QueryMember};
use thiserror::Error;

use crate::config::CredentialPlace;
use crate::error::Code;

/// The gateway's own fields begin so; a client cannot send them.
pub const OWN_PREFIX: &str = "x-sluicegate-";

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Ends at every hop (RFC 9110, 7.6.1, and `proxy-authenticate`, which speaks of this hop only).
/// `trailer` goes on: the trailers themselves do, by [`super::trailers`].
static HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "proxy-authenticate"];

/// Routing and framing rest on these: naming them in `Connection` does not take them out.
static NOT_AN_OPTION: [HeaderName; 2] = [HOST, CONTENT_LENGTH];

/// Fields that carry credentials on every route.
static CREDENTIAL_FIELDS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key"];

/// The query member that carries a credential on every route.
const CREDENTIAL_MEMBER: &str = "key";

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FieldError {
    #[error("the request has no `host` field; send exactly one")]
    HostMissing,
    #[error("the request has {count} `host` fields; send exactly one")]
    HostDoubled { count: usize },
    #[error("the `host` field is not a host name or address with an optional port")]
    HostInvalid,
    #[error("the `host` field differs from the host of the request's target; make them the same")]
    HostDiffers,
    #[error("the request's target is not a path; tunnels through CONNECT are not offered")]
    NotAPath,
    #[error("the head has {count} fields; at most {max} are allowed")]
    TooMany { count: usize, max: usize },
    #[error("the head is {bytes} bytes long; at most {max} are allowed")]
    TooLong { bytes: usize, max: usize },
}

impl FieldError {
    pub fn code(&self) -> Code {
        match self {
            FieldError::HostMissing
            | FieldError::HostDoubled { .. }
            | FieldError::HostInvalid
            | FieldError::HostDiffers => Code::BadHost,
            FieldError::NotAPath => Code::BadRequest,
            FieldError::TooMany { .. } | FieldError::TooLong { .. } => Code::HeadTooLarge,
        }
    }
}

/// The host that a request is for, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHost {
    /// Lower case, without port; an IPv6 address without brackets.
    pub name: String,
    /// As the client sent it, with its port.
    pub field: HeaderValue,
}

/// How the client reached the gateway.
#[derive(Debug, Clone)]
pub struct ClientSide<'a> {
    /// By [`forwarded_for`].
    pub forwarded_for: &'a HeaderValue,
    pub tls: bool,
    /// That it has asked for.
    pub host: &'a HeaderValue,
    /// Of the request as it came in.
    pub version: Version,
}

/// What the hop-by-hop fields of a request said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// The client understands trailers behind a chunked answer.
    pub trailers: bool,
}

/// What `x-forwarded-for` says of a client at this address.
pub fn forwarded_for(address: IpAddr) -> HeaderValue {
    // An address is digits, dots and colons.
    HeaderValue::try_from(address.to_canonical().to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// Exactly one valid `host`, equal to the authority of an absolute-form target (RFC 9112, 3.2). In HTTP/2 the authority alone
/// is enough (RFC 9113, 8.3.1).
pub fn check_host(
    version: Version,
    method: &Method,
    target: &Uri,
    headers: &HeaderMap,
) -> Result<RequestHost, FieldError> {
    if method == Method::CONNECT || (target.authority().is_some() && target.scheme().is_none()) {
        return Err(FieldError::NotAPath);
    }
    let mut fields = headers.get_all(HOST).iter();
    let field = match (fields.next(), fields.count()) {
        (None, _) => match target.authority().filter(|_| version == Version::HTTP_2) {
            Some(authority) => &HeaderValue::from_str(authority.as_str()).map_err(|_| FieldError::HostInvalid)?,
            None => return Err(FieldError::HostMissing),
        },
        (Some(field), 0) => field,
        (Some(_), further) => return Err(FieldError::HostDoubled { count: further + 1 }),
    };
    let (name, port) = host_and_port(field.as_bytes()).ok_or(FieldError::HostInvalid)?;
    if let Some(authority) = target.authority() {
        let of_target = host_and_port(authority.as_str().as_bytes()).ok_or(FieldError::HostInvalid)?;
        let usual = if target.scheme_str() == Some("https") { 443 } else { 80 };
        if of_target.0 != name || of_target.1.unwrap_or(usual) != port.unwrap_or(usual) {
            return Err(FieldError::HostDiffers);
        }
    }
    Ok(RequestHost { name, field: field.clone() })
}

/// Clients of HTTP/2 may send a cookie each in a field of its own; everywhere else there is one field (RFC 9113, 8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else { return };
    let whole =
        [first, second].into_iter().chain(cookies).map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    // What is made of valid values and a separator is one itself.
    if let Ok(whole) = HeaderValue::from_bytes(&whole) {
        headers.insert(COOKIE, whole);
    }
}

/// The head's size as written: each field with its colon, space and line end.
///
/// The listener bounds what clients send; this bounds what plugins make of it.
pub fn check_size(headers: &HeaderMap, headers_max: usize, bytes_max: usize) -> Result<(), FieldError> {
    let count = headers.len();
    if count > headers_max {
        return Err(FieldError::TooMany { count, max: headers_max });
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > bytes_max {
        return Err(FieldError::TooLong { bytes, max: bytes_max });
    }
    Ok(())
}

/// Takes out of a client's request what ends at this hop and what only the gateway may say.
///
/// `expect` goes too: the listener answers 100 as soon as the body is read. Where nothing reads it yet, an upstream is asked anew.
pub fn clean_request(headers: &mut HeaderMap) -> Hop {
    let mut hop = Hop { trailers: false };
    remove_hop_by_hop(headers, |name, value| {
        hop.trailers |= *name == TE && names_trailers(value);
        *name == EXPECT || only_the_gateway_says(name.as_str())
    });
    hop
}

/// Whether the client waits with its body for a 100; one of HTTP/1.0 does not (RFC 9110, 10.1.1).
pub fn expects_continue(version: Version, headers: &HeaderMap) -> bool {
    version != Version::HTTP_10
        && headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Says to the upstream who the client is and how it came; `clean_request` has run before.
pub fn announce_client(headers: &mut HeaderMap, client: &ClientSide<'_>, hop: Hop) {
    headers.insert(X_FORWARDED_FOR, client.forwarded_for.clone());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(if client.tls { "https" } else { "http" }));
    headers.insert(X_FORWARDED_HOST, client.host.clone());
    if hop.trailers {
        // RFC 9110, 10.1.4: whoever sends `te` says that it ends at the next hop.
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    add_via(headers, client.version);
}

/// Takes out of an upstream's answer what ends at this hop, and adds `via`.
pub fn clean_reply(headers: &mut HeaderMap, version: Version) {
    let mut is_coded = false;
    remove_hop_by_hop(headers, |name, _| {
        is_coded |= *name == TRANSFER_ENCODING;
        name.as_str().starts_with(OWN_PREFIX)
    });
    // RFC 9112, 6.3: beside a transfer-coding, a length says nothing.
    if is_coded {
        headers.remove(CONTENT_LENGTH);
    }
    add_via(headers, version);
}

/// RFC 9110, 6.4.1: none for HEAD, 101, 204 and 304.
pub fn reply_can_have_body(method: &Method, status: StatusCode) -> bool {
    use StatusCode as Status;
    *method != Method::HEAD
        && !matches!(status, Status::SWITCHING_PROTOCOLS | Status::NO_CONTENT | Status::NOT_MODIFIED)
}

/// Moves what carries credentials out of the request: the usual places and those that the route names.
///
/// Returns them, and what is left of the query. Names of query members are compared after percent-decoding.
pub fn take_presented(
    headers: &mut HeaderMap,
    query: Option<&str>,
    places: &[CredentialPlace],
) -> (Presented, Option<String>) {
    let mut presented = Presented::new();
    let of_route = places.iter().filter_map(|place| match place {
        CredentialPlace::Header(name) => Some(name),
        CredentialPlace::Query(_) => None,
    });
    let carries = |name: &HeaderName| is_credential(name) || of_route.clone().any(|other| other == name);
    // Servers behind CGI and its heirs read `_` and `-` alike; a field in the other spelling is nobody's.
    let is_odd = |name: &HeaderName| {
        name.as_str().contains('_') && {
            let usual = name.as_str().replace('_', "-");
            CREDENTIAL_FIELDS.contains(&usual.as_str()) || of_route.clone().any(|field| field.as_str() == usual)
        }
    };
    let taken: Vec<HeaderName> = headers.keys().filter(|name| carries(name) || is_odd(name)).cloned().collect();
    for name in taken {
        if let http::header::Entry::Occupied(entry) = headers.entry(name) {
            let (name, values) = entry.remove_entry_mult();
            let presents = carries(&name);
            values.filter(|_| presents).for_each(|value| presented.add_header(name.clone(), value));
        }
    }
    let Some(query) = query else { return (presented, None) };
    let mut kept: Vec<&str> = Vec::new();
    for raw in query.split('&') {
        let member = QueryMember::parse(raw);
        if member.name() == CREDENTIAL_MEMBER || names_member(places, member.name()) {
            presented.add_query(raw);
        } else {
            kept.push(raw);
        }
    }
    let left = if presented.query_members().is_empty() { Some(query.to_owned()) } else { join_query(&kept) };
    (presented, left)
}

/// Puts back, for the upstream, what the route forwards and what a plugin has set for it; returns the query.
pub fn restore(
    presented: &Presented,
    forward: &[CredentialPlace],
    headers: &mut HeaderMap,
    query: Option<String>,
) -> Option<String> {
    for name in presented.headers().keys() {
        let forwarded = forward.iter().any(|place| matches!(place, CredentialPlace::Header(header) if header == name));
        if forwarded || presented.is_set_for_upstream(name) {
            headers.remove(name);
            presented.headers().get_all(name).iter().for_each(|value| {
                headers.append(name, value.clone());
            });
        }
    }
    let members = presented.query_members().iter().filter(|member| names_member(forward, member.name()));
    let parts: Vec<&str> = query.as_deref().into_iter().chain(members.map(QueryMember::raw)).collect();
    if parts.len() == usize::from(query.is_some()) { query } else { join_query(&parts) }
}

/// Whether a field carries a credential on every route.
pub(super) fn is_credential(name: &HeaderName) -> bool {
    CREDENTIAL_FIELDS.contains(&name.as_str())
}

fn names_member(places: &[CredentialPlace], name: &str) -> bool {
    places.iter().any(|place| matches!(place, CredentialPlace::Query(member) if member == name))
}

fn join_query(parts: &[&str]) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join("&"))
}

/// And what else is to go, in one pass over the fields.
fn remove_hop_by_hop(headers: &mut HeaderMap, mut goes: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
    let mut removed: Vec<HeaderName> = Vec::new();
    for (name, value) in headers.iter() {
        if *name == CONNECTION {
            let options = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            // The usual one goes anyway, and need not be read.
            let options = options.filter(|option| !option.eq_ignore_ascii_case(b"keep-alive"));
            let options = options.filter_map(|option| HeaderName::from_bytes(option).ok());
            removed.extend(options.filter(|name| !NOT_AN_OPTION.contains(name)));
        }
        if goes(name, value) || HOP_BY_HOP.contains(&name.as_str()) {
            removed.push(name.clone());
        }
    }
    for name in removed {
        headers.remove(name);
    }
}

/// Of a field `te`.
fn names_trailers(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|coding| {
        let name = coding.split(|byte| *byte == b';').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"trailers")
    })
}

/// Servers behind CGI and its heirs read `_` and `-` alike, so both spellings are taken out.
pub(super) fn only_the_gateway_says(name: &str) -> bool {
    if !name.starts_with(['f', 'x']) {
        return false;
    }
    let begins = |with: &str| {
        let alike = |(byte, wanted): (u8, u8)| byte == wanted || (byte == b'_' && wanted == b'-');
        name.len() >= with.len() && name.bytes().zip(with.bytes()).all(alike)
    };
    let is = |other: &str| name.len() == other.len() && begins(other);
    is("forwarded") || is("x-real-ip") || begins("x-forwarded-") || begins(OWN_PREFIX)
}

fn add_via(headers: &mut HeaderMap, version: Version) {
    headers.append(
        VIA,
        HeaderValue::from_static(match version {
            Version::HTTP_09 => "0.9 sluicegate",
            Version::HTTP_10 => "1.0 sluicegate",
            Version::HTTP_2 => "2.0 sluicegate",
            Version::HTTP_3 => "3.0 sluicegate",
            _ => "1.1 sluicegate",
        }),
    );
}

/// `host[:port]` of RFC 3986 without user information; the name in lower case and without brackets.
fn host_and_port(text: &[u8]) -> Option<(String, Option<u16>)> {
    plain_host_and_port(text).or_else(|| any_host_and_port(text))
}

/// The usual form, which needs no general parser: a name or an IPv4 address in lower case, and digits.
fn plain_host_and_port(text: &[u8]) -> Option<(String, Option<u16>)> {
    let text = std::str::from_utf8(text).ok()?;
    let (name, port) = match text.split_once(':') {
        Some((name, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some(digits.parse().ok().filter(|port: &u16| *port != 0)?))
        }
        Some(_) => return None,
        None => (text, None),
    };
    let is_plain = |byte: u8| is_host_byte(byte) && !byte.is_ascii_uppercase();
    (!name.is_empty() && name.bytes().all(is_plain)).then(|| (name.to_owned(), port))
}

fn any_host_and_port(text: &[u8]) -> Option<(String, Option<u16>)> {
    let authority = Authority::try_from(text).ok()?;
    let text = authority.as_str();
    let host = authority.host();
    if host.is_empty() || text.contains('@') {
        return None;
    }
    let port = match text.get(host.len()..)? {
        "" | ":" => None,
        behind => {
            let digits = behind.strip_prefix(':')?;
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            Some(digits.parse().ok().filter(|port: &u16| plain && *port != 0)?)
        }
    };
    let name = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None if host.bytes().all(is_host_byte) => host.to_ascii_lowercase(),
        None => return None,
    };
    Some((name, port))
}

/// What host names in use are made of; a percent-escape or a sub-delimiter has no business there.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests;

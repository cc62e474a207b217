//! Fields behind a body: which of them may pass.
//!
//! A field there reaches a receiver that has long acted on the head, and perhaps one that puts both together. So what frames,
//! routes, authenticates or steers must stand in the head (RFC 9110, 6.5.1), where it is checked; behind the body it goes no further.

use http::HeaderName;
use http::header::{
    ACCEPT_RANGES, AGE, ALLOW, ALT_SVC, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_RANGE, CONTENT_TYPE, DATE, EXPECT, EXPIRES, FORWARDED, HOST, HeaderMap, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LOCATION, MAX_FORWARDS, ORIGIN, PRAGMA, PROXY_AUTHENTICATE, RANGE,
    RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY, VIA, WARNING,
    WWW_AUTHENTICATE,
};

use super::fields::{is_credential, only_the_gateway_says};

/// Those that belong in the head; credentials and what only the gateway says come on top.
const OF_THE_HEAD: [HeaderName; 38] = [
    ACCEPT_RANGES,
    AGE,
    ALLOW,
    ALT_SVC,
    CACHE_CONTROL,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    CONTENT_TYPE,
    DATE,
    EXPECT,
    EXPIRES,
    FORWARDED,
    HOST,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    LOCATION,
    MAX_FORWARDS,
    ORIGIN,
    PRAGMA,
    PROXY_AUTHENTICATE,
    RANGE,
    RETRY_AFTER,
    SET_COOKIE,
    STRICT_TRANSPORT_SECURITY,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    VARY,
    VIA,
    WARNING,
    WWW_AUTHENTICATE,
];

/// Further ones for which there is no constant.
const OF_THE_HEAD_TOO: [&str; 6] =
    ["keep-alive", "proxy-connection", "x-request-id", "traceparent", "tracestate", "x-http-method-override"];

/// They speak of the bytes in front of them.
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];

/// What is left of them, if anything is. `credentials`: the fields that carry some on this route.
///
/// `changed`: a plugin has had the body in its hands, so that what vouches for the bytes goes as well.
pub fn clean(mut trailers: HeaderMap, credentials: &[HeaderName], changed: bool) -> Option<Box<HeaderMap>> {
    let goes = |name: &HeaderName| {
        // Servers behind CGI and its heirs read `_` and `-` alike, and no usual field has a `_`.
        name.as_str().contains('_')
            || OF_THE_HEAD.contains(name)
            || OF_THE_HEAD_TOO.contains(&name.as_str())
            || is_credential(name)
            || credentials.contains(name)
            || only_the_gateway_says(name.as_str())
            || (changed && DIGESTS.contains(&name.as_str()))
    };
    let gone: Vec<HeaderName> = trailers.keys().filter(|name| goes(name)).cloned().collect();
    for name in gone {
        trailers.remove(name);
    }
    (!trailers.is_empty()).then(|| Box::new(trailers))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn left(names: &[&str], changed: bool) -> Vec<String> {
        let value = HeaderValue::from_static("x");
        let trailers = names.iter().map(|name| (name.parse().unwrap(), value.clone())).collect();
        let cleaned = clean(trailers, &[HeaderName::from_static("x-tenant-key")], changed).unwrap_or_default();
        let mut left: Vec<String> = cleaned.keys().map(|name| name.as_str().to_owned()).collect();
        left.sort();
        left
    }

    #[test]
    fn what_frames_routes_authenticates_or_steers_goes_no_further() {
        for name in [
            "content-length",
            "transfer-encoding",
            "host",
            "trailer",
            "keep-alive",
            "authorization",
            "x-api-key",
            "x_api_key",
            "x-tenant-key",
            "cookie",
            "set-cookie",
            "x-forwarded-for",
            "x-sluicegate-generation",
            "x-request-id",
            "location",
        ] {
            assert!(left(&[name], false).is_empty(), "{name}");
        }
    }

    #[test]
    fn all_else_goes_on_and_digests_only_as_long_as_the_bytes_are_the_same() {
        let names = ["grpc-status", "grpc-message", "content-digest", "server-timing", "host"];
        assert_eq!(left(&names, false), ["content-digest", "grpc-message", "grpc-status", "server-timing"]);
        assert_eq!(left(&names, true), ["grpc-message", "grpc-status", "server-timing"]);
    }
}

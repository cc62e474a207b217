//! Who a request is from where a trusted proxy brings it: the last address in `x-forwarded-for` that is not one of its own kind.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue};

use super::fields::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::config::Networks;

/// Addresses of one request that are looked at.
const HOPS_MAX: usize = 32;

/// What a trusted proxy says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    pub client: IpAddr,
    /// For the upstream: the client, the proxies that follow it, and the one that has brought the request.
    pub chain: HeaderValue,
    /// Whether the client has spoken TLS, if that is said.
    pub tls: Option<bool>,
    pub host: Option<HeaderValue>,
}

impl Forwarded {
    /// `peer`: who brings the request, one of the `trusted`. What cannot be read, and what stands before it, is not believed.
    pub fn read(peer: IpAddr, trusted: &Networks, headers: &HeaderMap) -> Forwarded {
        let lines = headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        let hops: Vec<&[u8]> = lines.flat_map(|line| line.split(|byte| *byte == b',')).collect();
        let mut chain = vec![peer];
        for hop in hops.into_iter().rev().take(HOPS_MAX) {
            let Some(address) = address(hop) else { break };
            chain.push(address);
            if !trusted.contain(address) {
                break;
            }
        }
        let client = chain.last().copied().unwrap_or(peer);
        let text: Vec<String> = chain.iter().rev().map(|address| address.to_canonical().to_string()).collect();
        let proto = headers.get(X_FORWARDED_PROTO).map(HeaderValue::as_bytes);
        Forwarded {
            client,
            // Addresses are digits, dots and colons.
            chain: HeaderValue::try_from(text.join(", ")).unwrap_or(HeaderValue::from_static("unknown")),
            tls: match proto {
                Some(b"https") => Some(true),
                Some(b"http") => Some(false),
                _ => None,
            },
            host: headers.get(X_FORWARDED_HOST).cloned(),
        }
    }
}

/// Some balancers add the port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> (String, String) {
        let trusted = Networks::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let read = Forwarded::read("10.0.0.1".parse().unwrap(), &trusted, &headers);
        (read.client.to_string(), read.chain.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_client_is_the_last_that_is_no_proxy_whatever_it_claims_itself() {
        let expected = |client: &str, chain: &str| (client.to_owned(), chain.to_owned());
        assert_eq!(read(&[]), expected("10.0.0.1", "10.0.0.1"));
        assert_eq!(read(&["192.0.2.7"]), expected("192.0.2.7", "192.0.2.7, 10.0.0.1"));
        assert_eq!(
            read(&["203.0.113.9, 192.0.2.7", "10.2.3.4"]),
            expected("192.0.2.7", "192.0.2.7, 10.2.3.4, 10.0.0.1")
        );
        assert_eq!(read(&["10.9.9.9,10.8.8.8:443"]), expected("10.9.9.9", "10.9.9.9, 10.8.8.8, 10.0.0.1"));
        assert_eq!(read(&["[2001:db8::1]:80"]), expected("2001:db8::1", "2001:db8::1, 10.0.0.1"));
        assert_eq!(read(&["::ffff:192.0.2.7"]), expected("192.0.2.7", "192.0.2.7, 10.0.0.1"));
        assert_eq!(read(&["192.0.2.7, nonsense, 10.1.1.1"]), expected("10.1.1.1", "10.1.1.1, 10.0.0.1"));
        let many = vec!["10.1.1.1"; 1_000].join(",");
        assert_eq!(read(&[&many]).1.matches(',').count(), HOPS_MAX);
    }
}

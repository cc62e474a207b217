//! The header of the PROXY protocol, versions 1 and 2: a balancer says for whom it connects.
//!
//! <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE_2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Of version 1, with its line end (2.1).
const LINE_BYTES_MAX: usize = 107;
/// Of version 2 with what it may hold behind the addresses; the certificate of a client fits in.
pub const HEADER_BYTES_MAX: usize = 4_096;

/// What one header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// For this client, and its length.
    For(SocketAddr, usize),
    /// For the balancer itself, such as to see whether we are there.
    ForItself(usize),
    /// There must come more.
    Incomplete,
    Wrong,
}

/// What these bytes begin with. Said before [`Said::Incomplete`], it stays the same whatever follows.
pub fn parse(bytes: &[u8]) -> Said {
    if bytes.starts_with(SIGNATURE_2) {
        return version_2(bytes);
    }
    if bytes.starts_with(b"PROXY ") {
        return version_1(bytes);
    }
    match SIGNATURE_2.starts_with(bytes) || b"PROXY ".starts_with(bytes) {
        true => Said::Incomplete,
        false => Said::Wrong,
    }
}

fn version_1(bytes: &[u8]) -> Said {
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LINE_BYTES_MAX { Said::Incomplete } else { Said::Wrong };
    };
    let Ok(line) = std::str::from_utf8(&bytes[..end]) else { return Said::Wrong };
    let words: Vec<&str> = line.split(' ').collect();
    match words[1..] {
        ["UNKNOWN", ..] => Said::ForItself(end + 2),
        [family @ ("TCP4" | "TCP6"), source, destination, source_port, destination_port] => {
            let address = |text: &str| match family {
                "TCP4" => text.parse().ok().map(IpAddr::V4),
                _ => text.parse().ok().map(IpAddr::V6),
            };
            let port = |text: &str| text.parse::<u16>().ok().filter(|port| port.to_string() == text);
            match (address(source), address(destination), port(source_port), port(destination_port)) {
                (Some(address), Some(_), Some(port), Some(_)) => Said::For(SocketAddr::new(address, port), end + 2),
                _ => Said::Wrong,
            }
        }
        _ => Said::Wrong,
    }
}

fn version_2(bytes: &[u8]) -> Said {
    let Some([version_and_command, family, high, low]) = bytes.get(12..16) else { return Said::Incomplete };
    let length = 16 + usize::from(u16::from_be_bytes([*high, *low]));
    if version_and_command >> 4 != 2 || length > HEADER_BYTES_MAX {
        return Said::Wrong;
    }
    let Some(rest) = bytes.get(16..length) else { return Said::Incomplete };
    match (version_and_command & 0xf, family) {
        (0, _) => Said::ForItself(length),
        // TCP over IPv4 and over IPv6: addresses of both sides, then their ports.
        (1, 0x11) => source::<4>(rest, |bytes| Ipv4Addr::from(bytes).into(), length),
        (1, 0x21) => source::<16>(rest, |bytes| Ipv6Addr::from(bytes).into(), length),
        // Anything else that may come, such as Unix sockets, says nothing of an address.
        (1, _) => Said::ForItself(length),
        _ => Said::Wrong,
    }
}

fn source<const N: usize>(rest: &[u8], address: impl Fn([u8; N]) -> IpAddr, length: usize) -> Said {
    let (source, port) = (rest.first_chunk::<N>(), rest.get(2 * N..).and_then(|ports| ports.first_chunk::<4>()));
    match (source, port) {
        (Some(source), Some([high, low, ..])) => {
            Said::For(SocketAddr::new(address(*source), u16::from_be_bytes([*high, *low])), length)
        }
        _ => Said::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2_of(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE_2[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn version_1_names_a_client_or_none() {
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nGET";
        assert_eq!(parse(line), Said::For("192.0.2.7:56324".parse().unwrap(), line.len() - 3));
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n";
        assert_eq!(parse(line), Said::For("[2001:db8::1]:1".parse().unwrap(), line.len()));
        assert_eq!(parse(b"PROXY UNKNOWN whatever\r\n"), Said::ForItself(24));
        for whole in [&line[..], b"PROXY UNKNOWN\r\n"] {
            for length in 0..whole.len() {
                assert_eq!(parse(&whole[..length]), Said::Incomplete, "{length}");
            }
        }
    }

    #[test]
    fn version_2_names_a_client_or_none() {
        let ipv4 = version_2_of(0x21, 0x11, &[192, 0, 2, 7, 198, 51, 100, 1, 0, 80, 1, 187, 4, 0, 1, 9]);
        assert_eq!(parse(&ipv4), Said::For("192.0.2.7:80".parse().unwrap(), ipv4.len()));
        let mut ipv6 = [0; 36];
        ipv6[15] = 1;
        ipv6[33] = 9;
        let ipv6 = version_2_of(0x21, 0x21, &ipv6);
        assert_eq!(parse(&ipv6), Said::For("[::1]:9".parse().unwrap(), ipv6.len()));
        assert_eq!(parse(&version_2_of(0x20, 0, &[])), Said::ForItself(16));
        assert_eq!(parse(&version_2_of(0x21, 0x31, &[0; 216])), Said::ForItself(232));
        for length in 0..ipv4.len() {
            assert_eq!(parse(&ipv4[..length]), Said::Incomplete, "{length}");
        }
    }

    #[test]
    fn what_is_no_header_is_told_from_one_that_is_not_whole() {
        let too_long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES_MAX));
        for wrong in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY TCP4 192.0.2.7 198.51.100.1 056324 443\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
            b"PROXY TCP4 ::1 ::1 1 1\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
            b"PROXY TCP5 192.0.2.7 198.51.100.1 1 1\r\n",
            b"PROXY \xff\r\n",
            too_long.as_bytes(),
            &version_2_of(0x31, 0x11, &[0; 12]),
            &version_2_of(0x22, 0x11, &[0; 12]),
            &version_2_of(0x21, 0x11, &[0; 11]),
            &version_2_of(0x21, 0x11, &[0; HEADER_BYTES_MAX]),
        ] {
            assert_eq!(parse(wrong), Said::Wrong, "{}", String::from_utf8_lossy(wrong));
        }
    }
}

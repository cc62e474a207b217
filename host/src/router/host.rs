//! Host names in the one form in which routes compare them.

use std::borrow::Cow;

/// Lower case, without port, brackets and final dot.
pub(super) fn canonical(host: &str) -> Cow<'_, str> {
    let name = without_port(host);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// What stands behind each dot, longest first: the names that a wildcard can have in front of this host.
pub(super) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.')
        // A wildcard stands for one or more whole labels, and an empty one is none.
        .filter(|(at, _)| *at > 0)
        .filter_map(|(at, _)| host.get(at + 1..))
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.split_once(':') {
        // Two colons without brackets: an IPv6 address from a config, which has no port.
        Some((_, port)) if port.contains(':') => host,
        Some((name, _)) => name,
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_port_brackets_and_final_dot_do_not_count() {
        for (host, expected) in [
            ("API.Example.com", "api.example.com"),
            ("api.example.com:8080", "api.example.com"),
            ("api.example.com.", "api.example.com"),
            ("api.example.com.:443", "api.example.com"),
            ("[::1]:8080", "::1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("::1", "::1"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(canonical(host), expected, "{host}");
        }
    }

    #[test]
    fn suffixes_come_longest_first_and_without_the_host_itself() {
        assert_eq!(suffixes("a.b.example.com").collect::<Vec<_>>(), ["b.example.com", "example.com", "com"]);
        assert_eq!(suffixes("localhost").count(), 0);
        assert_eq!(suffixes(".com").count(), 0);
    }
}

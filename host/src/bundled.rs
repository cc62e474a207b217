//! The plugins that are part of the binary.

/// Component binaries by the name that a configuration gives them.
const PLUGINS: [(&str, &[u8]); 3] = [
    ("api-key", include_bytes!(concat!(env!("OUT_DIR"), "/api-key.wasm"))),
    ("headers", include_bytes!(concat!(env!("OUT_DIR"), "/headers.wasm"))),
    ("rate-limit", include_bytes!(concat!(env!("OUT_DIR"), "/rate-limit.wasm"))),
];

/// The component of a bundled plugin.
pub fn bundled(name: &str) -> Option<&'static [u8]> {
    PLUGINS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// What [`bundled`] knows, in the order of the alphabet.
pub fn names() -> impl Iterator<Item = &'static str> {
    PLUGINS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_plugin_is_a_component() {
        for name in names() {
            // Magic number, then the version and layer of a component.
            assert!(bundled(name).unwrap().starts_with(b"\0asm\x0d\0\x01\0"), "{name}");
        }
        assert_eq!(bundled("no-such-plugin"), None);
    }
}

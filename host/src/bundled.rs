//! The plugins that are part of the binary.

use std::collections::BTreeMap;

use serde_json::Value;
use sluicegate_runtime::Inspection;

/// Component binaries by the name that a configuration gives them.
const PLUGINS: [(&str, &[u8]); 7] = [
    ("api-key", include_bytes!(concat!(env!("OUT_DIR"), "/api-key.wasm"))),
    ("headers", include_bytes!(concat!(env!("OUT_DIR"), "/headers.wasm"))),
    ("meter", include_bytes!(concat!(env!("OUT_DIR"), "/meter.wasm"))),
    ("prompt-template", include_bytes!(concat!(env!("OUT_DIR"), "/prompt-template.wasm"))),
    ("rate-limit", include_bytes!(concat!(env!("OUT_DIR"), "/rate-limit.wasm"))),
    ("redact", include_bytes!(concat!(env!("OUT_DIR"), "/redact.wasm"))),
    ("router", include_bytes!(concat!(env!("OUT_DIR"), "/router.wasm"))),
];

/// The component of a bundled plugin.
pub fn bundled(name: &str) -> Option<&'static [u8]> {
    PLUGINS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// What [`bundled`] knows, in the order of the alphabet.
pub fn names() -> impl Iterator<Item = &'static str> {
    PLUGINS.iter().map(|(name, _)| *name)
}

/// The JSON schemas of their configs, by name; those that have none are left out.
pub fn config_schemas() -> BTreeMap<String, Value> {
    let schemas = PLUGINS.iter().filter_map(|(name, bytes)| {
        let schema = Inspection::of(bytes).ok()?.config_schema?;
        Some(((*name).to_owned(), serde_json::from_str(&schema).ok()?))
    });
    schemas.collect()
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

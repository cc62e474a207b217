//! The bundled plugins as components: what they ask of the host, what they offer, and how large they are.

use std::path::Path;

use sluicegate_build_plugins::Build;
use wasmparser::{ComponentTypeRef, Parser, Payload, Validator};

/// Of a bundled plugin whose config is read by the SDK and whose bodies are not JSON.
const BYTES_MAX: usize = 140_000;
/// Of the smallest policy: what the SDK itself weighs.
const SMALLEST_BYTES_MAX: usize = 42_000;

struct Component {
    bytes: usize,
    /// The text of its section `sluicegate:config-schema`.
    config_schema: String,
    /// Without package and version; `types` and `edits`, which hold no function, are left out.
    imports: Vec<String>,
    exports: Vec<String>,
}

fn components(packages: &[&str]) -> Vec<Component> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let build = Build {
        target_dir: workspace.join("target").join("plugins"),
        workspace,
        packages: packages.iter().map(|package| (*package).to_owned()).collect(),
        line_tables: false,
        show_progress: false,
    };
    let paths = build.run().unwrap_or_else(|error| panic!("{error}"));
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Component {
    let bytes = std::fs::read(path).unwrap();
    Validator::new().validate_all(&bytes).unwrap();
    let mut component =
        Component { bytes: bytes.len(), config_schema: String::new(), imports: Vec::new(), exports: Vec::new() };
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let import = import.unwrap();
                    assert!(matches!(import.ty, ComponentTypeRef::Instance(_)), "{} is no interface", import.name.name);
                    component.imports.push(short(import.name.name));
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                component.exports.extend(exports.into_iter().map(|export| short(export.unwrap().name.name)));
            }
            Payload::CustomSection(section) if section.name() == "sluicegate:config-schema" => {
                assert!(depth > 0 && component.config_schema.is_empty(), "one section, of the core module");
                component.config_schema = String::from_utf8(section.data().to_vec()).unwrap();
            }
            _ => {}
        }
    }
    component.imports.retain(|name| name != "types" && name != "edits");
    component.imports.sort();
    component.exports.sort();
    component
}

/// `sluicegate:plugin/log@0.1.0` is `log`; what is not ours stays whole.
fn short(name: &str) -> String {
    let ours = name.strip_prefix("sluicegate:plugin/").and_then(|name| name.split('@').next());
    ours.unwrap_or(name).to_owned()
}

#[test]
fn a_plugin_imports_what_it_calls_and_exports_the_phases_that_it_has() {
    let packages =
        ["plugin-api-key", "plugin-headers", "plugin-meter", "plugin-rate-limit", "plugin-redact", "plugin-router"];
    let [api_key, headers, meter, rate_limit, redact, router] = components(&packages).try_into().ok().unwrap();
    assert_eq!(api_key.imports, ["identity-writer", "keys", "log"]);
    assert_eq!(api_key.exports, ["head", "policy"]);
    assert_eq!(headers.imports, ["exchange", "identity", "log", "reply", "request"]);
    assert_eq!(headers.exports, ["head", "policy", "reply-head"]);
    assert_eq!(meter.imports, ["exchange", "identity", "labels", "log", "metrics"]);
    assert_eq!(meter.exports, ["finish", "policy"]);
    assert_eq!(rate_limit.imports, ["counters", "exchange", "identity", "log", "notes", "reply", "request"]);
    assert_eq!(rate_limit.exports, ["head", "policy", "reply-head"]);
    assert_eq!(redact.imports, ["log", "metrics", "notes", "reply", "request"]);
    assert_eq!(redact.exports, ["body", "policy", "reply-body", "reply-head"]);
    assert_eq!(router.imports, ["identity", "labels", "log", "model-call", "random", "request", "targets"]);
    assert_eq!(router.exports, ["policy", "route"]);
    for (component, names) in [
        (api_key, "places"),
        (headers, "reply"),
        (meter, "prices"),
        (rate_limit, "limits"),
        (redact, "kinds"),
        (router, "rules"),
    ] {
        println!("{} bytes, imports {:?}", component.bytes, component.imports);
        assert!(component.bytes < BYTES_MAX, "{} bytes", component.bytes);
        let schema = component.config_schema;
        assert!(schema.starts_with("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","), "{schema}");
        assert!(schema.ends_with('}') && schema.contains(&format!("\"{names}\":{{\"description\":\"")), "{schema}");
    }
}

#[test]
fn the_smallest_policy_is_small() {
    let [smallest] = components(&["guest-smallest"]).try_into().ok().unwrap();
    println!("{} bytes", smallest.bytes);
    assert_eq!(smallest.imports, ["log", "request"]);
    assert_eq!(smallest.exports, ["head", "policy"]);
    assert!(smallest.config_schema.ends_with("\"type\":\"object\",\"additionalProperties\":false}"));
    assert!(smallest.bytes < SMALLEST_BYTES_MAX, "{} bytes", smallest.bytes);
}

#[test]
fn a_package_that_does_not_exist_is_named_in_cargos_own_words() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let build = Build {
        target_dir: workspace.join("target").join("plugins"),
        workspace,
        packages: vec!["no-such-plugin".to_owned()],
        line_tables: false,
        show_progress: false,
    };
    let error = build.run().unwrap_err().to_string();
    assert!(error.contains("cargo said") && error.contains("no-such-plugin"), "{error}");
}

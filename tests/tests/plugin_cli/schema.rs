//! `sluicegate schema` with what plugins say of their configs.

use std::path::Path;

use serde_json::Value;
use sluicegate_tests::sluicegate;

use super::{folder, shown, with_schema, without_schema};

const CONFIG: &str = r#"
[[listen]]
address = "127.0.0.1:0"

[plugins.team]
file = "team.wasm"

[plugins.silent]
file = "silent.wasm"

[plugins.missing]
file = "missing.wasm"

[plugins.far]
url = "https://plugins.example.com/far.wasm"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"

[[chains.default]]
plugin = "team"
config = { header = "x-team" }
"#;

fn printed(folder: &Path, words: &[&str]) -> (Value, String) {
    let said = sluicegate(folder, words);
    assert_eq!(said.status, 0, "{}", shown(&said));
    (serde_json::from_str(&said.stdout).unwrap(), said.stderr)
}

/// Of the plugins that are bound: what they say of their configs. That it holds is tested beside the code.
fn bound(schema: &Value) -> Vec<&str> {
    let names = schema["definitions"].as_object().into_iter().flatten();
    names.filter_map(|(name, _)| name.strip_prefix("plugin-")).collect()
}

#[test]
fn the_plugins_of_a_configuration_are_in_its_schema() {
    let (team, silent) = (with_schema(), without_schema());
    let files: [(&str, &[u8]); 3] =
        [("team.wasm", &team), ("silent.wasm", &silent), ("sluicegate.toml", CONFIG.as_bytes())];
    let folder = folder(&files);
    let (without, _) = printed(folder.path(), &["schema"]);
    assert_eq!(
        bound(&without),
        ["api-key", "headers", "meter", "prompt-template", "rate-limit", "redact", "router"],
        "those that are bundled"
    );
    let (schema, notes) = printed(folder.path(), &["schema", "-c", "sluicegate.toml"]);
    assert!(bound(&schema).contains(&"team"));
    assert_eq!(schema["definitions"]["plugin-team"]["properties"]["header"]["type"], "string");
    let rules = &schema["properties"]["chains"]["additionalProperties"]["items"]["allOf"];
    let rule = rules.as_array().unwrap().iter().find(|rule| rule["if"]["properties"]["plugin"]["const"] == "team");
    assert_eq!(rule.unwrap()["then"]["properties"]["config"]["$ref"], "#/definitions/plugin-team");
    let note = |name: &str| format!("note: what plugin `{name}` says of its config is not in the schema: ");
    assert!(notes.contains(&format!("{}the plugin's file missing.wasm is not there", note("missing"))), "{notes}");
    assert!(notes.contains(&format!("{}it is not kept on this machine", note("far"))), "{notes}");
    assert!(!notes.contains("silent") && !bound(&schema).contains(&"silent"), "{notes}");
    let (included, _) = printed(folder.path(), &["schema", "--included", "-c", "sluicegate.toml"]);
    assert!(bound(&included).contains(&"team"));
}

#[test]
fn a_plugin_that_is_not_the_pinned_one_is_not_read() {
    let team = with_schema();
    let pinned = CONFIG.replace("\"team.wasm\"", &format!("\"team.wasm\"\nsha256 = \"{}\"", "1".repeat(64)));
    let folder = folder(&[("team.wasm", &team), ("sluicegate.toml", pinned.as_bytes())]);
    let (schema, notes) = printed(folder.path(), &["schema", "-c", "sluicegate.toml"]);
    assert!(notes.contains("what plugin `team` says of its config is not in the schema"), "{notes}");
    assert!(!bound(&schema).contains(&"team"));
}

#[test]
fn a_plugin_that_was_fetched_before_is_taken_from_where_it_is_kept() {
    let team = with_schema();
    let said = sluicegate(folder(&[("team.wasm", &team)]).path(), &["plugin", "inspect", "team.wasm", "--json"]);
    let inspected: Value = serde_json::from_str(&said.stdout).unwrap();
    let sha256 = inspected["sha256"].as_str().unwrap();
    let folder = folder(&[("sluicegate.toml", CONFIG.replace(&"0".repeat(64), sha256).as_bytes())]);
    let kept = folder.path().join(".sluicegate/plugins");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join(format!("{sha256}.wasm")), &team).unwrap();
    let (schema, notes) = printed(folder.path(), &["schema", "-c", "sluicegate.toml"]);
    assert!(bound(&schema).contains(&"far"), "{notes}");
}

#[test]
fn the_exchanges_have_a_schema_too() {
    let (schema, _) = printed(Path::new("."), &["schema", "--exchanges"]);
    assert!(schema["properties"]["exchanges"]["items"]["properties"]["request"].is_object());
}

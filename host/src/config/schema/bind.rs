//! Binds the `config` of each chain entry in the schema to the schema of the entry's plugin, for editors; the loader leaves a
//! config to its plugin.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::plugin::as_part;

/// `schema` with the schemas of these plugins, by name. Without any, it stays as it is.
pub fn bind(mut schema: Value, plugins: &BTreeMap<String, Value>) -> Value {
    if plugins.is_empty() {
        return schema;
    }
    bind_entries(&mut schema, plugins);
    if let Some(members) = schema.as_object_mut() {
        let parts = plugins.iter().map(|(name, plugin)| (definition(name), as_part(plugin, &reference(name))));
        members.insert("definitions".to_owned(), Value::Object(parts.collect()));
    }
    schema
}

fn definition(plugin: &str) -> String {
    format!("plugin-{plugin}")
}

fn reference(plugin: &str) -> String {
    format!("#/definitions/{}", definition(plugin))
}

/// Entries stand in chains and in routes, so all of the schema is looked at.
fn bind_entries(schema: &mut Value, plugins: &BTreeMap<String, Value>) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(|member| bind_entries(member, plugins));
            if is_entry(members) {
                bind_entry(members, plugins);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| bind_entries(item, plugins)),
        _ => {}
    }
}

fn is_entry(schema: &Map<String, Value>) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.is_some_and(|properties| ["plugin", "config", "canary"].iter().all(|key| properties.contains_key(*key)))
}

fn bind_entry(entry: &mut Map<String, Value>, plugins: &BTreeMap<String, Value>) {
    let rules =
        |with_canary: bool| -> Value { plugins.iter().map(|(name, plugin)| rule(name, plugin, with_canary)).collect() };
    if let Some(canary) = entry.get_mut("properties").and_then(|properties| properties.get_mut("canary"))
        && let Some(canary) = canary.as_object_mut()
    {
        canary.insert("allOf".to_owned(), rules(false));
    }
    entry.insert("allOf".to_owned(), rules(true));
}

/// What holds where this plugin is named. An entry's canary has the entry's plugin unless it names another.
fn rule(name: &str, plugin: &Value, with_canary: bool) -> Value {
    let config = json!({ "$ref": reference(name) });
    let mut then = json!({ "properties": { "config": config } });
    if with_canary {
        let of_this_plugin = json!({ "not": { "required": ["plugin"] } });
        then["properties"]["canary"] = json!({ "if": of_this_plugin, "then": { "properties": { "config": config } } });
        // Without a config the plugin is told nothing, which is a table without members.
        if plugin.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty()) {
            then["required"] = json!(["config"]);
        }
    }
    json!({ "if": { "properties": { "plugin": { "const": name } }, "required": ["plugin"] }, "then": then })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{included_schema, schema};

    /// As derive macros write them: refs to `$defs`, and what draft 7 calls by another name.
    fn plugins() -> BTreeMap<String, Value> {
        let team = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/team",
            "type": "object",
            "properties": {
                "header": { "type": "string" },
                "rules": { "type": "array", "items": { "$ref": "#/$defs/Rule", "description": "One rule." } },
                "pair": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }], "items": false },
                "again": { "$ref": "#" },
                "far": { "$ref": "https://example.com/other" },
                "nowhere": { "$ref": "#/$defs/Missing" },
            },
            "required": ["header"],
            "additionalProperties": false,
            "$defs": {
                "Rule": { "type": "object", "properties": { "status": { "type": "integer" } }, "additionalProperties": false }
            },
        });
        // The same name of a definition as in the other one.
        let audit = json!({
            "type": "object",
            "properties": { "rule": { "$ref": "#/$defs/Rule" } },
            "$defs": { "Rule": { "enum": ["all", "none"] } },
        });
        BTreeMap::from([("team".to_owned(), team), ("audit".to_owned(), audit)])
    }

    fn is_valid(bound: &Value, chains: &str) -> bool {
        let text = format!("[[listen]]\naddress = \"127.0.0.1:0\"\n{chains}");
        let table: toml::Table = text.parse().expect("TOML");
        let config = serde_json::to_value(table).expect("JSON");
        jsonschema::validator_for(bound).expect("a schema").is_valid(&config)
    }

    #[test]
    fn a_config_is_held_against_the_schema_of_its_plugin() {
        let bound = bind(schema(), &plugins());
        let entry = |lines: &str| format!("[[chains.all]]\n{lines}\n");
        for (lines, valid) in [
            ("plugin = \"team\"\nconfig = { header = \"x\" }", true),
            ("plugin = \"team\"\nconfig = { header = 1 }", false),
            ("plugin = \"team\"\nconfig = { heder = \"x\" }", false),
            ("plugin = \"team\"\nconfig = {}", false),
            ("plugin = \"team\"", false),
            ("plugin = \"team\"\nconfig = { header = \"x\", rules = [{ status = 1 }] }", true),
            ("plugin = \"team\"\nconfig = { header = \"x\", rules = [{ code = 1 }] }", false),
            ("plugin = \"team\"\nconfig = { header = \"x\", pair = [\"a\", 1] }", true),
            ("plugin = \"team\"\nconfig = { header = \"x\", pair = [1, \"a\"] }", false),
            ("plugin = \"team\"\nconfig = { header = \"x\", pair = [\"a\", 1, 2] }", false),
            ("plugin = \"team\"\nconfig = { header = \"x\", again = { header = \"y\" } }", true),
            ("plugin = \"team\"\nconfig = { header = \"x\", again = { header = 1 } }", false),
            // What lies elsewhere is not fetched, and what is nowhere refuses nothing.
            ("plugin = \"team\"\nconfig = { header = \"x\", far = 1, nowhere = 2 }", true),
            ("plugin = \"audit\"", true),
            ("plugin = \"audit\"\nconfig = { rule = \"all\" }", true),
            ("plugin = \"audit\"\nconfig = { rule = { status = 1 } }", false),
            ("plugin = \"unknown\"\nconfig = { header = 1 }", true),
        ] {
            assert_eq!(is_valid(&bound, &entry(lines)), valid, "{lines}");
        }
    }

    #[test]
    fn an_entry_in_a_route_and_a_canary_are_bound_too() {
        let bound = bind(schema(), &plugins());
        let route = |entry: &str| {
            format!(
                "[upstreams.s]\nurl = \"http://s\"\n[[routes]]\nname = \"r\"\nupstream = \"s\"\nchain = [{entry}]\n"
            )
        };
        assert!(is_valid(&bound, &route("\"all\", { plugin = \"team\", config = { header = \"x\" } }")));
        assert!(!is_valid(&bound, &route("\"all\", { plugin = \"team\", config = { header = 1 } }")));
        let canary = |canary: &str| {
            format!(
                "[[chains.all]]\nplugin = \"team\"\nconfig = {{ header = \"x\" }}\ncanary = {{ weight = 5, {canary} }}\n"
            )
        };
        for (lines, valid) in [
            ("config = { header = \"y\" }", true),
            ("config = { header = 1 }", false),
            ("plugin = \"audit\", config = { rule = \"all\" }", true),
            ("plugin = \"audit\", config = { rule = 1 }", false),
        ] {
            assert_eq!(is_valid(&bound, &canary(lines)), valid, "{lines}");
        }
    }

    #[test]
    fn a_file_that_is_included_is_bound_alike() {
        let bound = bind(included_schema(), &plugins());
        let validator = jsonschema::validator_for(&bound).expect("a schema");
        let chains =
            |header: Value| json!({ "chains": { "all": [{ "plugin": "team", "config": { "header": header } }] } });
        assert!(validator.is_valid(&chains(json!("x"))) && !validator.is_valid(&chains(json!(1))));
    }

    #[test]
    fn without_schemas_of_plugins_nothing_changes() {
        assert_eq!(bind(schema(), &BTreeMap::new()), schema());
    }
}

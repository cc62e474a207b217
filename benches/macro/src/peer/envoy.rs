//! Envoy with one worker: bare, or with filters that do the work of our policies, in WebAssembly or in Lua.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::{PLUGINS, Program};
use crate::ground::{Ground, Key};
use crate::tools::Tool;

/// In their order, as in our chain: name, what the WebAssembly filter is told, and the filter in Lua.
const SIX: [(&str, &str, &str); PLUGINS] = [
    ("api-key", "@KEYS@", include_str!("envoy/lua/api-key.lua")),
    ("rate-limit", "1000000000 60", include_str!("envoy/lua/rate-limit.lua")),
    ("headers", "", include_str!("envoy/lua/headers.lua")),
    ("router", "first 90\nsecond 10", include_str!("envoy/lua/router.lua")),
    ("redact", "", include_str!("envoy/lua/redact.lua")),
    ("meter", "", include_str!("envoy/lua/meter.lua")),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    None,
    /// In V8: a virtual machine for each filter, as each of our plugins has memory of its own, or one for all.
    Wasm {
        count: usize,
        one_machine: bool,
    },
    Lua {
        count: usize,
    },
}

impl Filters {
    pub fn count(self) -> usize {
        match self {
            Filters::None => 0,
            Filters::Wasm { count, .. } | Filters::Lua { count } => count,
        }
    }

    pub(super) fn name(self) -> String {
        match self {
            Filters::None => "Envoy without filters".to_owned(),
            Filters::Wasm { count, one_machine: false } => format!("Envoy, {count} V8 filters, each its own machine"),
            Filters::Wasm { count, one_machine: true } => format!("Envoy, {count} V8 filters in one machine"),
            Filters::Lua { count } => format!("Envoy, {count} Lua filters"),
        }
    }
}

pub(super) fn prepare(ground: &Ground, folder: &Path, address: SocketAddr, filters: Filters) -> Result<Program> {
    let config = config(filters_of(ground, filters)?, address, ground.service.address);
    fs::write(folder.join("envoy.json"), serde_json::to_string_pretty(&config)?)?;
    let arguments = ["-c", "envoy.json", "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"];
    Ok(Program {
        path: ground.tools.find(Tool::Envoy)?,
        arguments: arguments.map(Into::into).into(),
        environment: Vec::new(),
    })
}

fn config(mut filters: Vec<Value>, address: SocketAddr, upstream: SocketAddr) -> Value {
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": extension("filters.http.router.v3.Router") },
    }));
    let routes = json!([{ "match": { "prefix": "/" }, "route": { "cluster": "service" } }]);
    let manager = json!({
        "@type": extension("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bench",
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
        "http_filters": filters,
    });
    let chain = json!({ "filters": [{ "name": "http", "typed_config": manager }] });
    let endpoint = json!({ "endpoint": { "address": socket(upstream) } });
    let cluster = json!({
        "name": "service",
        "type": "STATIC",
        "load_assignment": { "cluster_name": "service", "endpoints": [{ "lb_endpoints": [endpoint] }] },
    });
    let listener = json!({ "name": "bench", "address": socket(address), "filter_chains": [chain] });
    json!({ "static_resources": { "listeners": [listener], "clusters": [cluster] } })
}

fn filters_of(ground: &Ground, filters: Filters) -> Result<Vec<Value>> {
    let six = SIX.iter().take(filters.count());
    Ok(match filters {
        Filters::None => Vec::new(),
        Filters::Wasm { one_machine, .. } => {
            let module = ground.tools.find(Tool::EnvoyFilters)?;
            six.map(|(name, config, _)| wasm(name, config, &module, one_machine, &ground.keys)).collect()
        }
        Filters::Lua { .. } => six.map(|(name, _, code)| lua(name, code, &ground.keys)).collect(),
    })
}

fn wasm(name: &str, config: &str, module: &Path, one_machine: bool, keys: &[Key]) -> Value {
    let lines: Vec<String> = keys.iter().map(|key| format!("{} {}", key.key, key.consumer)).collect();
    let config = format!("{name}\n{}", config.replace("@KEYS@", &lines.join("\n")));
    json!({
        "name": name,
        "typed_config": {
            "@type": extension("filters.http.wasm.v3.Wasm"),
            "config": {
                "name": name,
                "root_id": name,
                "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": config },
                "vm_config": {
                    "vm_id": if one_machine { "one" } else { name },
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
            },
        },
    })
}

fn lua(name: &str, code: &str, keys: &[Key]) -> Value {
    let lines: Vec<String> = keys.iter().map(|key| format!("  [\"{}\"] = \"{}\",", key.key, key.consumer)).collect();
    json!({
        "name": name,
        "typed_config": {
            "@type": extension("filters.http.lua.v3.Lua"),
            "default_source_code": { "inline_string": code.replace("@KEYS@", &lines.join("\n")) },
        },
    })
}

fn extension(name: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.{name}")
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

//! Portkey, the gateway for language models in JavaScript: one process of Node.js. It has no keys of its own and no configuration on
//! disk: each request says where it goes.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::json;

use super::Program;
use crate::ground::Ground;
use crate::question::Field;
use crate::tools::Tool;

/// It takes any.
pub(super) const NO_KEY: &str = "sk-bench";

pub(super) fn prepare(ground: &Ground, address: SocketAddr) -> Result<Program> {
    let port = format!("--port={}", address.port());
    Ok(Program {
        path: "node".into(),
        // Without its console in the browser.
        arguments: vec![ground.tools.find(Tool::Portkey)?.into(), "--headless".into(), port.into()],
        environment: vec![("NODE_ENV", "production".to_owned())],
    })
}

/// A choice between two targets by weight, as our router makes one.
pub(super) fn fields(ground: &Ground) -> Result<Vec<Field>> {
    let models = ground.models()?;
    let target = |weight: f64| {
        json!({
            "provider": "openai",
            "api_key": models.key,
            "custom_host": format!("http://{}/v1", models.server.address),
            "weight": weight,
        })
    };
    let config = json!({ "strategy": { "mode": "loadbalance" }, "targets": [target(0.9), target(0.1)] });
    Ok(vec![("x-portkey-config", config.to_string())])
}

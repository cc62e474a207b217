//! LiteLLM, the gateway for language models: one worker, no database, the built-in provider behind it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::Program;
use crate::ground::Ground;
use crate::tools::Tool;

/// Its only key; without a database it has no others.
pub(super) const KEY: &str = "sk-bench";

pub(super) fn prepare(ground: &Ground, folder: &Path, address: SocketAddr) -> Result<Program> {
    let models = ground.models()?;
    // JSON is YAML.
    let config = json!({
        "model_list": [{
            "model_name": "echo-1",
            "litellm_params": {
                "model": "openai/echo-1",
                "api_base": format!("http://{}/v1", models.server.address),
                "api_key": models.key,
            },
        }],
        "general_settings": { "master_key": KEY },
    });
    let file = folder.join("litellm.yaml");
    fs::write(&file, config.to_string())?;
    let arguments = ["--config".into(), file.into(), "--host".into(), "127.0.0.1".into()];
    let further = ["--port", &address.port().to_string(), "--num_workers", "1", "--telemetry", "False"].map(Into::into);
    Ok(Program {
        path: ground.tools.find(Tool::Litellm)?,
        arguments: arguments.into_iter().chain(further).collect(),
        // Otherwise it fetches a table of prices when it starts.
        environment: vec![("LITELLM_LOCAL_MODEL_COST_MAP", "True".to_owned())],
    })
}

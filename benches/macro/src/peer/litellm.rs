//! LiteLLM, the gateway for language models: one worker, no database, no log, the built-in provider behind it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::Program;
use crate::chat::MODELS;
use crate::ground::Ground;
use crate::tools::Tool;

/// Its only key; without a database it has no others.
pub(super) const KEY: &str = "sk-bench";

pub(super) fn prepare(ground: &Ground, folder: &Path, address: SocketAddr) -> Result<Program> {
    let models = ground.models()?;
    // JSON is YAML.
    let deployment = |(model, own_name): (&str, &str), weight: u32| {
        json!({
            "model_name": model,
            "litellm_params": {
                "model": format!("openai/{own_name}"),
                "api_base": format!("http://{}/v1", models.server.address),
                "api_key": models.key,
                "weight": weight,
            },
        })
    };
    // A choice between two by weight, as our router makes one.
    let deployments = MODELS.into_iter().flat_map(|model| [deployment(model, 90), deployment(model, 10)]);
    let config = json!({
        "model_list": deployments.collect::<Vec<_>>(),
        "general_settings": { "master_key": KEY },
    });
    let file = folder.join("litellm.yaml");
    fs::write(&file, config.to_string())?;
    let arguments = ["--config".into(), file.into(), "--host".into(), "127.0.0.1".into()];
    let further = ["--port", &address.port().to_string(), "--num_workers", "1", "--telemetry", "False"].map(Into::into);
    Ok(Program {
        path: ground.tools.find(Tool::Litellm)?,
        arguments: arguments.into_iter().chain(further).collect(),
        environment: vec![
            // Otherwise it fetches a table of prices when it starts.
            ("LITELLM_LOCAL_MODEL_COST_MAP", "True".to_owned()),
            // As its documentation has it for production.
            ("LITELLM_MODE", "PRODUCTION".to_owned()),
            ("LITELLM_LOG", "ERROR".to_owned()),
        ],
    })
}

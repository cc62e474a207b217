//! haproxy: one thread, connections to the upstream kept alive and shared, no log.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::Program;
use crate::ground::Ground;
use crate::tools::Tool;

pub(super) fn prepare(ground: &Ground, folder: &Path, address: SocketAddr) -> Result<Program> {
    let text = include_str!("haproxy.cfg")
        .replace("@ADDRESS@", &address.to_string())
        .replace("@UPSTREAM@", &ground.service.address.to_string());
    let config = folder.join("haproxy.cfg");
    fs::write(&config, text)?;
    let arguments = ["-db".into(), "-f".into(), config.into()];
    Ok(Program { path: ground.tools.find(Tool::Haproxy)?, arguments: arguments.into(), environment: Vec::new() })
}

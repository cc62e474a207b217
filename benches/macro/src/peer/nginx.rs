//! nginx as a proxy: one worker, connections to the upstream kept alive, no log.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::Program;
use crate::ground::Ground;
use crate::tools::Tool;

pub(super) fn prepare(ground: &Ground, folder: &Path, address: SocketAddr) -> Result<Program> {
    let text = include_str!("nginx.conf")
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@ADDRESS@", &address.to_string())
        .replace("@UPSTREAM@", &ground.service.address.to_string());
    fs::write(folder.join("nginx.conf"), text)?;
    let arguments = ["-c".into(), folder.join("nginx.conf").into(), "-e".into(), "stderr".into()];
    Ok(Program { path: ground.tools.find(Tool::Nginx)?, arguments: arguments.into(), environment: Vec::new() })
}

//! `sluicegate run`: the life of the gateway.

use anyhow::Context;

use super::{ConfigFile, logging, tokio_runtime};
use crate::config::{self, AdminAddress, Texts};
use crate::secrets::Redaction;
use crate::server::Server;

pub(super) fn run(options: &ConfigFile) -> anyhow::Result<()> {
    let texts = Texts::read(&options.config)?;
    let data_dir = config::parse(&texts)?.data_dir;
    let redaction = Redaction::new();
    logging::start(&redaction, "info")?;
    std::fs::create_dir_all(&data_dir)
        .with_context(|| format!("cannot make the data directory {}", data_dir.display()))?;
    tokio_runtime()?.block_on(async {
        let server = Server::start(texts, redaction).await?;
        announce(&server);
        server.run().await;
        Ok(())
    })
}

/// Where it can be reached, once it can.
pub(super) fn announce(server: &Server) {
    match server.admin_address() {
        Some(AdminAddress::Tcp(address)) => tracing::info!("admin on http://{address}"),
        Some(AdminAddress::Unix(path)) => tracing::info!("admin on unix:{}", path.display()),
        None => {}
    }
}

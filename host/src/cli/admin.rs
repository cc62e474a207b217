//! Commands that speak to a running gateway, through its admin listener.

mod client;
mod config;
mod find;
mod generations;
mod table;

use std::path::PathBuf;

pub(super) use self::config::{Command as ConfigCommand, config};
pub(super) use self::generations::{Options as GenerationsOptions, generations};

use self::client::Client;

/// Which gateway, and how to show its answer.
#[derive(Debug, clap::Args)]
pub(super) struct Gateway {
    /// The gateway's configuration file, which says where its admin listener is.
    #[arg(short, long, value_name = "FILE", default_value = "sluicegate.toml", global = true)]
    config: PathBuf,
    /// The admin listener, such as `127.0.0.1:9901` or `unix:admin.sock`, in place of what the file says.
    #[arg(long, value_name = "ADDRESS", global = true)]
    admin: Option<String>,
    /// The file with the admin token, in place of what the file says.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Print the gateway's answer as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Gateway {
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let (address, token_file) = find::find(self)?;
        Client::new(address, &token_file)
    }
}

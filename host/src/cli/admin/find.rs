//! Where the admin listener is and where its token lies, by the config file: also by one that has mistakes elsewhere.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use toml::{Table, Value};

use super::Gateway;
use crate::config::AdminAddress;

/// As in the configuration's schema.
const DATA_DIR: &str = ".sluicegate";
const TOKEN_FILE: &str = "admin.token";

pub(super) fn find(gateway: &Gateway) -> anyhow::Result<(AdminAddress, PathBuf)> {
    let (address, token_file) = match (&gateway.admin, &gateway.token_file) {
        (Some(address), Some(token_file)) => return Ok((read_address(address, Path::new(""))?, token_file.clone())),
        (address, token_file) => (address.clone(), token_file.clone()),
    };
    let file = &gateway.config;
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("cannot read {shown}; name the gateway's configuration by -c, or give --admin and --token-file")
    })?;
    let document: Table = text.parse().map_err(|_| {
        anyhow::anyhow!(
            "{shown} is not valid TOML (`sluicegate check` says where); mend it, or give --admin and --token-file"
        )
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let admin = document.get("admin").and_then(Value::as_table);
    let given = |name: &str| admin.and_then(|admin| admin.get(name)).and_then(Value::as_str);
    let address = match address {
        Some(address) => read_address(&address, Path::new(""))?,
        None => match given("address") {
            Some(address) => match read_address(address, folder)? {
                AdminAddress::Tcp(address) if address.port() == 0 => bail!(
                    "{shown} lets the system choose the admin listener's port: give the address that the gateway has logged by \
                     --admin"
                ),
                address => address,
            },
            None => bail!(
                "{shown} has no admin listener: add `[admin]` with `address = \"127.0.0.1:9901\"` and restart the gateway"
            ),
        },
    };
    let data_dir = document.get("data_dir").and_then(Value::as_str).unwrap_or(DATA_DIR);
    let token_file = token_file.unwrap_or_else(|| match given("token_file") {
        Some(token_file) => folder.join(token_file),
        None => folder.join(data_dir).join(TOKEN_FILE),
    });
    Ok((address, token_file))
}

fn read_address(text: &str, folder: &Path) -> anyhow::Result<AdminAddress> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(AdminAddress::Unix(folder.join(path)));
    }
    match text.parse() {
        Ok(address) => Ok(AdminAddress::Tcp(address)),
        Err(_) => bail!("`{text}` is no address; write one such as `127.0.0.1:9901` or `unix:admin.sock`"),
    }
}

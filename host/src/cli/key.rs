//! `sluicegate key new`: makes a gateway key, shows it once, and prints what the configuration keeps of it.

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::state::keys;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key. The secret is shown once and kept nowhere; the configuration keeps a hash.
    New {
        /// Who will use it; appears in logs and limits.
        #[arg(long)]
        consumer: String,
        /// What it may be used for; may be given several times.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
}

pub(super) fn key(command: &Command) -> anyhow::Result<()> {
    let Command::New { consumer, scopes } = command;
    let valid = |text: &str| !text.is_empty() && text.len() <= 128 && text.chars().all(|c| !c.is_control());
    if !valid(consumer) {
        bail!("--consumer must be 1 to 128 characters, none of them a control character");
    }
    if let Some(scope) = scopes.iter().find(|scope| !valid(scope) || scope.contains(' ')) {
        bail!("--scope {scope:?} must be one word");
    }
    let key =
        keys::generate().map_err(|_| anyhow::anyhow!("the system gives no random bytes")).context("no key was made")?;
    // What goes into the file stands on standard output, so that it can be appended: `… >> sluicegate.toml`.
    eprintln!("The key, shown once:\n\n  {}\n\nFor the configuration:\n", key.key);
    println!("[[keys]]");
    println!("id = {}", toml_string(&key.id));
    println!("hash = {}", toml_string(&key.stored()));
    println!("consumer = {}", toml_string(consumer));
    if !scopes.is_empty() {
        let list: Vec<String> = scopes.iter().map(|scope| toml_string(scope)).collect();
        println!("scopes = [{}]", list.join(", "));
    }
    Ok(())
}

fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

//! `sluicegate key new`: makes a gateway key, shows it once, and prints what the configuration keeps of it.

use std::path::Path;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::config::{self, Texts};
use crate::state::keys::{self, NewKey};

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
    let key =
        keys::generate().map_err(|_| anyhow::anyhow!("the system gives no random bytes")).context("no key was made")?;
    let table = table(&key, consumer, scopes);
    refuse_what_the_configuration_refuses(&table)?;
    // What goes into the file stands on standard output, so that it can be appended: `… >> sluicegate.toml`.
    eprintln!("The key, shown once:\n\n  {}\n\nFor the configuration:\n", key.key);
    print!("{table}");
    Ok(())
}

fn table(key: &NewKey, consumer: &str, scopes: &[String]) -> String {
    let mut table = format!(
        "[[keys]]\nid = {}\nhash = {}\nconsumer = {}\n",
        toml_string(&key.id),
        toml_string(&key.stored()),
        toml_string(consumer)
    );
    if !scopes.is_empty() {
        let list: Vec<String> = scopes.iter().map(|scope| toml_string(scope)).collect();
        table.push_str(&format!("scopes = [{}]\n", list.join(", ")));
    }
    table
}

/// By the code that will read it, so that the two cannot differ.
fn refuse_what_the_configuration_refuses(table: &str) -> anyhow::Result<()> {
    let file = format!("[[listen]]\naddress = \"127.0.0.1:0\"\n{table}");
    let checked = Texts::of(Path::new("key"), file).and_then(|texts| config::parse(&texts));
    let Err(refused) = checked else { return Ok(()) };
    let sentences: Vec<&str> = refused.items.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    bail!("{}", sentences.join("; "))
}

fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

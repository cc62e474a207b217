//! `sluicegate config`: what runs, what ran, and changing it.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::Gateway;
use super::table::table;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Command {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say which configuration runs, where it came from, and which change was refused last.
    Status,
    /// Make the gateway read its configuration file and the files that it names.
    Reload,
    /// Give the gateway another configuration. Relative paths in it start from the folder of the gateway's own file.
    Push {
        /// The configuration; `-` reads it from standard input.
        file: PathBuf,
        /// Also write it to the gateway's configuration file, so that it is there after a restart.
        #[arg(long)]
        save: bool,
    },
    /// Go back to an earlier configuration, with the plugins that it had.
    Rollback {
        /// The generation to go back to; the one before that which runs, unless given.
        generation: Option<u64>,
    },
    /// List the configurations that can be gone back to, the newest first.
    History,
}

pub(in crate::cli) fn config(command: &Command) -> anyhow::Result<()> {
    let client = command.gateway.client()?;
    let nothing = String::new;
    let (answer, show): (Value, fn(&Value) -> String) = match &command.action {
        Action::Status => (client.ask(Method::GET, "/config/status", nothing())?, status),
        Action::History => (client.ask(Method::GET, "/config/history", nothing())?, history),
        Action::Reload => (client.ask(Method::POST, "/config/reload", nothing())?, applied),
        Action::Push { file, save } => {
            let target = if *save { "/config?save" } else { "/config" };
            (client.ask(Method::POST, target, read(file)?)?, if *save { applied } else { pushed })
        }
        Action::Rollback { generation } => {
            let to = generation.map(|id| format!("?to={id}")).unwrap_or_default();
            (client.ask(Method::POST, &format!("/config/rollback{to}"), nothing())?, applied)
        }
    };
    match command.gateway.json {
        true => println!("{answer:#}"),
        false => print!("{}", show(&answer)),
    }
    Ok(())
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the configuration from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn applied(answer: &Value) -> String {
    let note = answer["note"].as_str().map(|note| format!("note: {note}\n")).unwrap_or_default();
    format!(
        "generation {} serves new requests ({}); generation {} ends with its last request\n{note}",
        answer["generation"],
        text(answer, "origin"),
        answer["previous"]
    )
}

fn pushed(answer: &Value) -> String {
    format!(
        "{}it runs until a restart or the next change of the gateway's own file; push with --save to keep it\n",
        applied(answer)
    )
}

fn status(answer: &Value) -> String {
    let mut lines = format!(
        "generation  {} ({})\nfile        {}\nlive        {} {}\n",
        answer["generation"],
        text(answer, "origin"),
        text(answer, "file"),
        answer["live_generations"],
        if answer["live_generations"] == 1 { "generation" } else { "generations" }
    );
    let refused = &answer["last_refused"];
    if refused.is_object() {
        let entry = refused["entry"].as_str().map(|entry| format!(", entry `{entry}`")).unwrap_or_default();
        lines.push_str(&format!(
            "\nthe last change was refused at {}, stage `{}`{entry}:\n{}\n",
            time(&refused["time_unix_ms"]),
            text(refused, "stage"),
            text(refused, "reason").trim_end()
        ));
    }
    lines
}

fn history(answer: &Value) -> String {
    let heading = ["generation", "served from", "origin", "configuration", "plugins"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for line in answer.as_array().into_iter().flatten() {
        let plugins = line["plugins"].as_object().into_iter().flatten();
        let plugins: Vec<String> =
            plugins.map(|(name, sha256)| format!("{name}@{}", short(sha256.as_str().unwrap_or_default()))).collect();
        rows.push(vec![
            format!("{}{}", line["id"], if line["current"] == true { " (runs)" } else { "" }),
            time(&line["time_unix_ms"]),
            text(line, "origin").to_owned(),
            short(text(line, "sha256")).to_owned(),
            plugins.join(" "),
        ]);
    }
    table(&rows)
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_default()
}

/// Enough of a digest to tell two of them apart.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// RFC 3339, in UTC, to the second.
fn time(unix_ms: &Value) -> String {
    let seconds = unix_ms.as_i64().unwrap_or_default() / 1000;
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

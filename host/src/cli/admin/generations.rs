//! `sluicegate generations`: which configurations still serve requests, and ending one.

use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::Gateway;
use super::table::{age, table};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// End the open requests and streams of an older generation; each client is told.
    End {
        /// Its number, as the list shows it.
        generation: u64,
    },
}

pub(in crate::cli) fn generations(options: &Options) -> anyhow::Result<()> {
    let client = options.gateway.client()?;
    let (method, target) = match &options.action {
        None => (Method::GET, "/generations".to_owned()),
        Some(Action::End { generation }) => (Method::DELETE, format!("/generations/{generation}")),
    };
    let answer = client.ask(method, &target, String::new())?;
    match (options.gateway.json, &options.action) {
        (true, _) => println!("{answer:#}"),
        (false, None) => print!("{}", list(&answer)),
        (false, Some(Action::End { generation })) => println!("generation {generation} is being ended"),
    }
    Ok(())
}

fn list(answer: &Value) -> String {
    let heading = ["generation", "origin", "age", "open", "oldest request"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for generation in answer.as_array().into_iter().flatten() {
        let state = match (generation["current"] == true, generation["ending"] == true) {
            (true, _) => " (current)",
            (false, true) => " (ending)",
            (false, false) => "",
        };
        let oldest = &generation["oldest_exchanges"][0];
        let oldest = oldest["request_id"].as_str().map(|id| {
            let route = oldest["route"].as_str().unwrap_or_default();
            format!("{id} on route `{route}`, {}", age(oldest["age_ms"].as_u64().unwrap_or_default()))
        });
        rows.push(vec![
            format!("{}{state}", generation["id"]),
            generation["origin"].as_str().unwrap_or_default().to_owned(),
            age(generation["age_ms"].as_u64().unwrap_or_default()),
            generation["open_exchanges"].to_string(),
            oldest.unwrap_or_default(),
        ]);
    }
    table(&rows)
}

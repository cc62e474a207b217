//! The operator's log: lines on standard error, each through the redactor that knows the live secrets.

mod capture;

use std::io::IsTerminal;

use tracing_subscriber::fmt::FormatEvent;
use tracing_subscriber::fmt::format::DefaultFields;
use tracing_subscriber::{EnvFilter, Registry};

pub(super) use capture::{Line, PluginLines, capture};

use crate::secrets::{RedactingMakeWriter, Redaction};

/// Which lines: `SLUICEGATE_LOG`, in the syntax of tracing's filters, such as `debug` or `info,plugin=trace`.
const VARIABLE: &str = "SLUICEGATE_LOG";

/// Starts the log. Panics go there, too: what they say may hold a secret.
pub(super) fn start(redaction: &Redaction, usual: &str) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(filter(usual)?)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(RedactingMakeWriter::new(std::io::stderr, redaction.clone()))
        .init();
    report_panics();
    Ok(())
}

/// The same, with each event written by `format`.
pub(super) fn start_as<F>(redaction: &Redaction, usual: &str, format: F) -> anyhow::Result<()>
where
    F: FormatEvent<Registry, DefaultFields> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter(usual)?)
        .with_ansi(false)
        .event_format(format)
        .with_writer(RedactingMakeWriter::new(std::io::stderr, redaction.clone()))
        .init();
    report_panics();
    Ok(())
}

fn filter(usual: &str) -> anyhow::Result<EnvFilter> {
    match std::env::var(VARIABLE) {
        Ok(text) => EnvFilter::try_new(&text)
            .map_err(|error| anyhow::anyhow!("{VARIABLE} is not a filter: {error}; write a level such as `info`")),
        Err(_) => Ok(EnvFilter::new(usual)),
    }
}

fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("panic: {panic}");
    }));
}

//! Keeps what plugins write to the log, for a command that shows it beside what they did.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The target under which the runtime writes the lines of plugins.
const TARGET: &str = "plugin";
/// Lines kept of one exchange; the runtime itself lets no more through.
const LINES_MAX: usize = 100;

/// The lines by the id of their exchange; those of `configure` have none.
#[derive(Clone, Default)]
pub(in crate::cli) struct PluginLines(Arc<Mutex<BTreeMap<String, Vec<Line>>>>);

/// One line.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Line {
    pub(in crate::cli) level: String,
    pub(in crate::cli) message: String,
}

/// Starts the log: the lines of plugins are kept, of all else warnings go to standard error.
pub(in crate::cli) fn capture() -> PluginLines {
    let lines = PluginLines::default();
    let others =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(lines.clone().with_filter(filter_fn(|metadata| metadata.target() == TARGET)))
        .with(others.with_filter(EnvFilter::new(format!("warn,{TARGET}=off"))))
        .init();
    lines
}

impl PluginLines {
    /// The lines of one exchange, which are forgotten then.
    pub(in crate::cli) fn take(&self, exchange: &str) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(exchange).unwrap_or_default()
    }

    /// Whatever has been kept, for who must know why a plugin failed.
    pub(in crate::cli) fn print(&self) {
        let kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Line { level, message } in kept.into_values().flatten() {
            eprintln!("{level}: {message}");
        }
    }
}

impl<S: Subscriber> Layer<S> for PluginLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut found = Found::default();
        event.record(&mut found);
        let line = Line { level: event.metadata().level().as_str().to_ascii_lowercase(), message: found.message };
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = lines.entry(found.exchange).or_default();
        if lines.len() < LINES_MAX {
            lines.push(line);
        }
    }
}

#[derive(Default)]
struct Found {
    exchange: String,
    message: String,
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "request_id" {
            self.exchange = value.to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing into a string does not fail.
            let _ = write!(self.message, "{value:?}");
        }
    }
}

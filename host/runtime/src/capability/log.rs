//! `log`: a plugin's lines in the operator's log, and those that it writes to its standard output.

use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::Result;

use crate::bindings::host::log::{Host, Level};
use crate::deeds::{Deed, Shown, Site};
use crate::exchange::Exchange;
use crate::instance::PluginState;
use crate::version::Version;

/// Bytes kept of one line.
pub(crate) const LINE_BYTES_MAX: usize = 4096;
/// Lines of one exchange, all its plugins together, and of one `configure`; the rest are counted and dropped.
pub(crate) const LINES_MAX: u32 = 64;

impl Host for PluginState {
    fn write(&mut self, level: Level, message: String) -> Result<()> {
        self.count_host_call()?;
        Line {
            plugin: &self.entry,
            version: self.version,
            exchange: self.exchange.as_deref().map(|exchange| (exchange, self.site)),
            configuring: &self.configure_log_lines,
        }
        .write(level, &message);
        Ok(())
    }
}

/// Who writes a line, and where it is counted.
pub(crate) struct Line<'a> {
    /// The chain entry's name.
    pub(crate) plugin: &'a str,
    pub(crate) version: Version,
    /// And the call that it was written in.
    pub(crate) exchange: Option<(&'a Exchange, Site)>,
    /// Counts the lines outside any exchange.
    pub(crate) configuring: &'a AtomicU32,
}

impl Line<'_> {
    pub(crate) fn write(&self, level: Level, message: &str) {
        let count = self.exchange.map_or(self.configuring, |(exchange, _)| &exchange.log_lines);
        let before = count.fetch_add(1, Ordering::Relaxed);
        if before >= LINES_MAX {
            // It never turns over to 0.
            count.fetch_min(u32::MAX / 2, Ordering::Relaxed);
            return;
        }
        let (plugin, version) = (self.plugin, self.version.unless_stable());
        let id = self.exchange.map_or("", |(exchange, _)| exchange.facts.id.as_str());
        let message = shorten(message);
        if let Some((exchange, site)) = self.exchange {
            let (name, value) = (word(level), Shown::text(&message));
            exchange.note(site, || Deed { call: "log.write", name: name.to_owned(), value, refused: None });
        }
        match level {
            Level::Trace => tracing::trace!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Debug => tracing::debug!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Info => tracing::info!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Error => tracing::error!(target: "plugin", plugin, version, request_id = id, "{message}"),
        }
        if before + 1 == LINES_MAX {
            tracing::warn!(target: "plugin", plugin, version, request_id = id, "over {LINES_MAX} lines in this request; the rest are dropped");
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

/// Cut at a character, so that a flood of one line stays small; control characters cannot forge further lines.
fn shorten(message: &str) -> String {
    let end = message.floor_char_boundary(LINE_BYTES_MAX.min(message.len()));
    message[..end].chars().map(|letter| if letter.is_control() && letter != '\t' { ' ' } else { letter }).collect()
}

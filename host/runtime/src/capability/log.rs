//! `log`: a plugin's lines in the operator's log.

use wasmtime::Result;

use crate::bindings::host::log::{Host, Level};
use crate::instance::PluginState;

/// Bytes kept of one line.
const LINE_BYTES_MAX: usize = 4096;
/// Lines of one exchange, all its plugins together; the rest are counted and dropped.
const LINES_MAX: u32 = 64;

impl Host for PluginState {
    fn write(&mut self, level: Level, message: String) -> Result<()> {
        self.count_host_call()?;
        let lines = match &self.exchange {
            Some(exchange) => &mut exchange.lock().log_lines,
            None => &mut self.configure_log_lines,
        };
        *lines = lines.saturating_add(1);
        if *lines > LINES_MAX {
            return Ok(());
        }
        let last = *lines == LINES_MAX;
        let id = self.exchange.as_ref().map_or("", |exchange| exchange.facts.id.as_str());
        let plugin = self.entry.as_ref();
        let version = self.version.unless_stable();
        let message = shorten(&message);
        match level {
            Level::Trace => tracing::trace!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Debug => tracing::debug!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Info => tracing::info!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", plugin, version, request_id = id, "{message}"),
            Level::Error => tracing::error!(target: "plugin", plugin, version, request_id = id, "{message}"),
        }
        if last {
            tracing::warn!(target: "plugin", plugin, version, request_id = id, "over {LINES_MAX} lines in this request; the rest are dropped");
        }
        Ok(())
    }
}

/// Cut at a character, so that a flood of one line stays small; control characters cannot forge further lines.
fn shorten(message: &str) -> String {
    let end = message.floor_char_boundary(LINE_BYTES_MAX.min(message.len()));
    message[..end].chars().map(|letter| if letter.is_control() && letter != '\t' { ' ' } else { letter }).collect()
}

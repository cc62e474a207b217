//! What one instance may use of memory, tables and instances.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Table elements of one instance, all tables together.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Limits of a chain entry's plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PluginLimits {
    /// Linear memories of one instance together, in bytes.
    pub memory_bytes_max: u64,
    /// CPU time of one call, counted in ticks of a millisecond.
    pub cpu_max: Duration,
    /// One call, with the host calls that it waits for.
    pub wall_max: Duration,
    /// Calls into the host in one call.
    pub host_calls_max: u64,
}

impl Default for PluginLimits {
    fn default() -> PluginLimits {
        PluginLimits {
            memory_bytes_max: 16 << 20,
            cpu_max: Duration::from_millis(50),
            wall_max: Duration::from_secs(1),
            host_calls_max: 10_000,
        }
    }
}

/// Refuses growth past the limits and remembers that it did, so that the trap that follows gets its right name.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    table_elements: usize,
    pub(crate) denied: bool,
}

impl Limiter {
    pub(crate) fn new(limits: &PluginLimits) -> Limiter {
        let memory_bytes_max = usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX);
        Limiter { memory_bytes_max, memory_bytes: 0, table_elements: 0, denied: false }
    }

    /// Linear memory in use, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let granted = total <= self.memory_bytes_max;
        match granted {
            true => self.memory_bytes = total,
            false => self.denied = true,
        }
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        let granted = total <= TABLE_ELEMENTS_MAX;
        match granted {
            true => self.table_elements = total,
            false => self.denied = true,
        }
        Ok(granted)
    }
}

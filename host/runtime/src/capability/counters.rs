//! `counters`: quotas that outlive the request, taken atomically.

use wasmtime::Result;

use crate::bindings::host::counters::{Host, Quota, Taken};
use crate::failure::{FailureKind, Violation};
use crate::instance::PluginState;
use crate::services::Take;

/// Bytes of a bucket's name and of a key.
const NAME_BYTES_MAX: usize = 1024;

impl Host for PluginState {
    async fn take(&mut self, bucket: String, key: String, units: u64, quota: Quota) -> Result<Taken> {
        let exchange = self.enter()?;
        if bucket.len() > NAME_BYTES_MAX || key.len() > NAME_BYTES_MAX || quota.window_ms == 0 {
            let message = format!("a bucket or key over {NAME_BYTES_MAX} bytes, or a window of 0 ms");
            return Err(Violation::raise(FailureKind::Trap, message));
        }
        let take = Take { units, limit: quota.limit, window_ms: quota.window_ms };
        let entry = self.entry.clone();
        let taken = exchange.facts.services.counters.take(&entry, &bucket, &key, take);
        let taken = self.wait_within_wall(taken).await?;
        Ok(Taken { allowed: taken.allowed, remaining: taken.remaining, reset_ms: taken.reset_ms })
    }
}

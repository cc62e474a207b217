//! `random`: bytes that nobody can predict.

use wasmtime::Result;

use crate::bindings::host::random::Host;
use crate::failure::{FailureKind, Violation};
use crate::instance::PluginState;

/// Bytes of one call.
const BYTES_MAX: u32 = 4096;

impl Host for PluginState {
    fn bytes(&mut self, count: u32) -> Result<Vec<u8>> {
        self.enter()?;
        if count > BYTES_MAX {
            return Err(Violation::raise(
                FailureKind::HostCalls,
                format!("{count} random bytes at once; at most {BYTES_MAX}"),
            ));
        }
        let mut bytes = vec![0; count as usize];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| Violation::raise(FailureKind::Trap, "the system gives no random bytes"))?;
        Ok(bytes)
    }
}

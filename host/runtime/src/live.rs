//! One instance in the hands of whoever measures it: it stays alive between calls, whatever its plugin asks for.

use std::sync::Arc;
use std::time::Instant;

use crate::call::{Call, Verdict};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::instance::Instance;

/// Bytes that a piece of a body may grow to.
const PIECE_BYTES_MAX: u64 = 64 << 20;

/// Gone when it is dropped. After a failure it must not be called again.
pub struct Live {
    pub(crate) instance: Box<Instance>,
}

impl Live {
    pub async fn call(&mut self, exchange: &Arc<Exchange>, call: &Call) -> Result<Verdict, Failure> {
        self.instance.call(Instant::now(), exchange.clone(), 0, PIECE_BYTES_MAX, call).await
    }

    /// Its linear memories together, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.instance.memory_bytes()
    }
}

//! `random`: bytes that nobody can predict.

use std::cell::RefCell;

use aws_lc_rs::error::Unspecified;
use wasmtime::Result;

use crate::bindings::host::random::Host;
use crate::failure::{FailureKind, Violation};
use crate::instance::PluginState;

/// Bytes of one call.
const BYTES_MAX: u32 = 4096;
/// Bytes of a call that are taken from those made ahead.
const FEW_MAX: usize = 32;
/// Bytes that each thread makes ahead.
const AHEAD_BYTES: usize = 512;

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
        fill(&mut bytes).map_err(|_| Violation::raise(FailureKind::Trap, "the system gives no random bytes"))?;
        Ok(bytes)
    }
}

/// A few bytes come from those that were made ahead, for the generator takes as long for one as for many.
fn fill(bytes: &mut [u8]) -> std::result::Result<(), Unspecified> {
    if bytes.len() > FEW_MAX {
        return aws_lc_rs::rand::fill(bytes);
    }
    AHEAD.with_borrow_mut(|ahead| ahead.take(bytes))
}

thread_local! {
    static AHEAD: RefCell<Ahead> = const { RefCell::new(Ahead { bytes: [0; AHEAD_BYTES], left: 0 }) };
}

/// Random bytes that nobody has had yet, at the start of `bytes`.
struct Ahead {
    bytes: [u8; AHEAD_BYTES],
    left: usize,
}

impl Ahead {
    fn take(&mut self, to: &mut [u8]) -> std::result::Result<(), Unspecified> {
        if self.left < to.len() {
            self.left = 0;
            aws_lc_rs::rand::fill(&mut self.bytes)?;
            self.left = AHEAD_BYTES;
        }
        let rest = self.left - to.len();
        let taken = self.bytes.get_mut(rest..self.left).ok_or(Unspecified)?;
        to.copy_from_slice(taken);
        // What was given out cannot be found here later.
        taken.fill(0);
        self.left = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_out_twice_and_none_are_kept() {
        let mut ahead = Ahead { bytes: [0; AHEAD_BYTES], left: 0 };
        let mut seen = HashSet::new();
        for length in (8..=FEW_MAX).chain(8..=FEW_MAX) {
            let mut bytes = vec![0; length];
            ahead.take(&mut bytes).unwrap();
            assert!(bytes.windows(8).all(|window| seen.insert(window.to_vec())));
            assert!(ahead.bytes[ahead.left..].iter().all(|byte| *byte == 0));
        }
    }
}

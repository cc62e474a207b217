//! One try at an upstream as a trace sees it: answered, failed, or given up with its exchange.

use std::sync::Arc;
use std::time::Instant;

use super::call::micros;
use super::record::Recorder;
use super::step::Step;

/// Under way. Dropped before its end, nobody waited for it any longer.
pub(in crate::chain) struct AttemptTrace {
    recorder: Arc<Recorder>,
    upstream: String,
    begun: Instant,
    answered: Result<u16, &'static str>,
}

impl AttemptTrace {
    pub(in crate::chain) fn begin(recorder: &Arc<Recorder>, upstream: &str) -> AttemptTrace {
        AttemptTrace {
            recorder: recorder.clone(),
            upstream: upstream.to_owned(),
            begun: Instant::now(),
            answered: Err("cancelled"),
        }
    }

    /// The status, or the code of the failure.
    pub(in crate::chain) fn end(mut self, answered: Result<u16, &'static str>) {
        self.answered = answered;
    }
}

impl Drop for AttemptTrace {
    fn drop(&mut self) {
        self.recorder.push(Step::Attempt {
            at_us: self.recorder.at_us(self.begun),
            took_us: micros(self.begun.elapsed()),
            upstream: std::mem::take(&mut self.upstream),
            status: self.answered.ok(),
            error: self.answered.err(),
        });
    }
}

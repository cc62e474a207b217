//! `attempts`: which targets were tried, and what became of each.

use wasmtime::Result;

use crate::bindings::host::attempts::Host;
use crate::instance::PluginState;
use crate::model::Attempt;

impl Host for PluginState {
    fn count(&mut self) -> Result<u32> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(state.model.as_ref().map_or(0, |model| u32::try_from(model.attempts.len()).unwrap_or(u32::MAX)))
    }

    fn target(&mut self, attempt: u32) -> Result<Option<u32>> {
        Ok(self.attempt(attempt)?.map(|attempt| attempt.target))
    }

    fn fact(&mut self, attempt: u32, name: String) -> Result<Option<String>> {
        let Some(attempt) = self.attempt(attempt)? else { return Ok(None) };
        Ok(match name.as_str() {
            "ended" => Some(attempt.ended.to_owned()),
            "reason" => Some(attempt.reason),
            _ => of_candidate(self.enter()?.candidates().facts(&name), attempt.target).filter(|fact| !fact.is_empty()),
        })
    }

    fn figure(&mut self, attempt: u32, name: String) -> Result<Option<u64>> {
        let Some(attempt) = self.attempt(attempt)? else { return Ok(None) };
        Ok(match name.as_str() {
            "status" => attempt.status,
            "retry-after-ms" => attempt.retry_after_ms,
            "first-byte-ms" => attempt.first_byte_ms,
            "duration-ms" => attempt.duration_ms,
            _ => match attempt.usage.figure(&name) {
                Some(figure) => Some(figure),
                None => of_candidate(self.enter()?.candidates().figures(&name), attempt.target).flatten(),
            },
        })
    }
}

impl PluginState {
    fn attempt(&mut self, number: u32) -> Result<Option<Attempt>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(state.model.as_ref().and_then(|model| model.attempts.get(number as usize)).cloned())
    }
}

fn of_candidate<T>(all: Vec<T>, target: u32) -> Option<T> {
    all.into_iter().nth(target as usize)
}

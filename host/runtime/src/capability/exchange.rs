//! `exchange`: facts that no plugin can change.

use std::sync::atomic::Ordering;

use wasmtime::Result;

use super::Entered;
use crate::bindings::host::exchange::{Host, Usage};
use crate::direct::Copied;
use crate::instance::PluginState;

impl Host for PluginState {
    fn id(&mut self) -> Result<String> {
        Ok(self.enter()?.facts.id.clone())
    }

    fn route(&mut self) -> Result<String> {
        Ok(self.enter()?.facts.route.as_ref().to_owned())
    }

    fn entry(&mut self) -> Result<String> {
        self.enter()?;
        Ok(self.entry.as_ref().to_owned())
    }

    fn generation(&mut self) -> Result<u64> {
        Ok(self.enter()?.facts.generation)
    }

    fn client_address(&mut self) -> Result<String> {
        Ok(self.enter()?.facts.client_address.to_string())
    }

    fn outcome(&mut self) -> Result<String> {
        Ok(self.enter()?.lock().outcome.to_owned())
    }

    fn reply_bytes(&mut self) -> Result<u64> {
        Ok(self.enter()?.reply_bytes.load(Ordering::Relaxed))
    }

    fn elapsed_us(&mut self) -> Result<u64> {
        let elapsed = self.enter()?.facts.started.elapsed();
        Ok(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    fn used(&mut self) -> Result<Usage> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(Usage {
            request_bytes: exchange.request_bytes.load(Ordering::Relaxed),
            reply_bytes: exchange.reply_bytes.load(Ordering::Relaxed),
            status: state.reply.as_ref().map_or(0, |reply| reply.status.as_u16()),
            outcome: state.outcome.to_owned(),
            upstream: state.upstream.map(|number| exchange.candidates().name(number)).unwrap_or_default(),
        })
    }
}

impl PluginState {
    pub(crate) fn lend_route(&mut self) -> Result<Copied> {
        let Entered { exchange, lent, .. } = self.enter_mut()?;
        Ok(lent.copy(exchange.facts.route.as_bytes()))
    }
}

//! What a plugin may reach: one file an interface of the contract, and the table that links them.

mod attempts;
mod clear;
mod clock;
mod counters;
mod credentials;
mod exchange;
mod identity;
mod keys;
mod labels;
pub(crate) mod log;
mod metrics;
pub(crate) mod model_answer;
mod model_call;
mod notes;
mod random;
mod reply;
mod request;
mod target_features;
mod targets;
mod upstream_request;
mod usage;

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::host;
use crate::direct::Lent;
use crate::exchange::Exchange;
use crate::failure::{FailureKind, Violation};
use crate::instance::PluginState;
use crate::names::Names;
use crate::values::Values;

/// Linked for every plugin: the exchange itself.
pub const CORE_INTERFACES: [&str; 14] = [
    "types",
    "edits",
    "request",
    "reply",
    "exchange",
    "notes",
    "labels",
    "log",
    "model-types",
    "model-call",
    "attempts",
    "upstream-request",
    "usage",
    "model-answer",
];

/// Linked for those whose chain entry grants them.
pub const GRANTS: [&str; 11] = [
    "clock",
    "random",
    "identity",
    "identity-writer",
    "keys",
    "counters",
    "metrics",
    "targets",
    "target-features",
    "credentials",
    "credentials-in-clear",
];

/// Links one interface by its name in the contract. False for a name that the contract does not have.
pub(crate) fn link(linker: &mut Linker<PluginState>, interface: &str) -> wasmtime::Result<bool> {
    type State = HasSelf<PluginState>;
    match interface {
        "types" => host::types::add_to_linker::<_, State>(linker, |state| state)?,
        "edits" => host::edits::add_to_linker::<_, State>(linker, |state| state)?,
        "request" => host::request::add_to_linker::<_, State>(linker, |state| state)?,
        "reply" => host::reply::add_to_linker::<_, State>(linker, |state| state)?,
        "exchange" => host::exchange::add_to_linker::<_, State>(linker, |state| state)?,
        "notes" => host::notes::add_to_linker::<_, State>(linker, |state| state)?,
        "labels" => host::labels::add_to_linker::<_, State>(linker, |state| state)?,
        "log" => host::log::add_to_linker::<_, State>(linker, |state| state)?,
        "clock" => host::clock::add_to_linker::<_, State>(linker, |state| state)?,
        "random" => host::random::add_to_linker::<_, State>(linker, |state| state)?,
        "identity" => host::identity::add_to_linker::<_, State>(linker, |state| state)?,
        "identity-writer" => host::identity_writer::add_to_linker::<_, State>(linker, |state| state)?,
        "keys" => host::keys::add_to_linker::<_, State>(linker, |state| state)?,
        "counters" => host::counters::add_to_linker::<_, State>(linker, |state| state)?,
        "metrics" => host::metrics::add_to_linker::<_, State>(linker, |state| state)?,
        "targets" => host::targets::add_to_linker::<_, State>(linker, |state| state)?,
        "credentials-in-clear" => host::credentials_in_clear::add_to_linker::<_, State>(linker, |state| state)?,
        "model-types" => host::model_types::add_to_linker::<_, State>(linker, |state| state)?,
        "model-call" => host::model_call::add_to_linker::<_, State>(linker, |state| state)?,
        "target-features" => host::target_features::add_to_linker::<_, State>(linker, |state| state)?,
        "attempts" => host::attempts::add_to_linker::<_, State>(linker, |state| state)?,
        "upstream-request" => host::upstream_request::add_to_linker::<_, State>(linker, |state| state)?,
        "credentials" => host::credentials::add_to_linker::<_, State>(linker, |state| state)?,
        "usage" => host::usage::add_to_linker::<_, State>(linker, |state| state)?,
        "model-answer" => host::model_answer::add_to_linker::<_, State>(linker, |state| state)?,
        _ => return Ok(false),
    }
    Ok(true)
}

impl host::types::Host for PluginState {}
impl host::edits::Host for PluginState {}
impl host::model_types::Host for PluginState {}

/// What a host call works with.
struct Entered<'a> {
    exchange: &'a Exchange,
    names: &'a mut Names,
    values: &'a mut Values,
    /// Takes what the guest gets.
    lent: &'a mut Lent,
}

fn outside() -> wasmtime::Error {
    Violation::raise(FailureKind::Trap, "a host call other than `log` outside an exchange; `configure` must be pure")
}

impl PluginState {
    /// As [`PluginState::enter`], with what is kept of the guest beside the exchange.
    fn enter_mut(&mut self) -> wasmtime::Result<Entered<'_>> {
        self.enter()?;
        match &self.exchange {
            Some(exchange) => {
                let (names, values, lent) = (&mut self.names, &mut self.values, &mut self.lent);
                Ok(Entered { exchange, names, values, lent })
            }
            None => Err(outside()),
        }
    }

    /// Counts one host call, and gives the exchange that the guest is called for.
    ///
    /// Errors end the guest: the limit of host calls is reached, or `configure` reaches for an exchange.
    fn enter(&self) -> wasmtime::Result<&Arc<Exchange>> {
        self.count_host_call()?;
        self.exchange.as_ref().ok_or_else(outside)
    }

    fn count_host_call(&self) -> wasmtime::Result<()> {
        match self.host_calls_left.get().checked_sub(1) {
            Some(left) => self.host_calls_left.set(left),
            None => {
                let max = self.limits.host_calls_max;
                return Err(Violation::raise(FailureKind::HostCalls, format!("over {max} host calls in one call")));
            }
        }
        Ok(())
    }
}

//! What a provider is started with.

use std::time::Duration;

use crate::{Behaviour, ProviderKey};

/// Start from [`ProviderOptions::new`] and change single fields.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// The keys that are accepted, each where the clients of a dialect put it.
    pub keys: Vec<ProviderKey>,
    /// Holds for every request whose own `x-provider-` fields do not say otherwise.
    pub behaviour: Behaviour,
    /// A longer request body is answered with 413.
    pub body_bytes_max: usize,
    /// A request body that takes longer than this from head to end is answered with 408.
    pub body_timeout: Duration,
    /// Connections served at once; further ones wait in the listen queue.
    pub connections_max: usize,
    /// How long open answers may go on after the signal to stop.
    pub drain_timeout: Duration,
}

impl ProviderOptions {
    pub fn new(key: ProviderKey) -> ProviderOptions {
        ProviderOptions {
            keys: vec![key],
            behaviour: Behaviour::default(),
            body_bytes_max: 4 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            connections_max: 1024,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

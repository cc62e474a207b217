//! The least that a policy does: reads one header, looks its value up among the configured keys, and sets a header.

use std::collections::HashMap;

use serde::Deserialize;
use sluicegate_plugin::{Decision, Plugin, Problems, Rejection, Schema, Setup, request};

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Owner by key.
    keys: HashMap<String, String>,
}

struct Lookup(HashMap<String, String>);

impl Plugin for Lookup {
    type Config = Config;

    fn configure(config: Config, _setup: &mut Setup) -> Result<Lookup, Problems> {
        Ok(Lookup(config.keys))
    }

    fn head(&self) -> Decision {
        let owner = request::header_text("x-bench-key").and_then(|key| self.0.get(&key));
        match owner.map(|owner| request::set_header("x-bench-owner", owner.as_bytes())) {
            Some(Ok(())) => Decision::Proceed,
            _ => Rejection::new(401, "unknown_key", "No such key.").into(),
        }
    }
}

sluicegate_plugin::export!(Lookup: head);

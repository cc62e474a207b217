//! Wants 1 GiB of memory before it has done anything: its build script tells the linker so.
#![cfg(target_arch = "wasm32")]

use sluicegate_plugin::{Decision, Plugin, Problems, Setup};

struct Giant;

impl Plugin for Giant {
    type Config = std::collections::BTreeMap<String, String>;

    fn configure(_config: Self::Config, _setup: &mut Setup) -> Result<Giant, Problems> {
        Ok(Giant)
    }

    fn head(&self) -> Decision {
        Decision::Proceed
    }
}

sluicegate_plugin::export!(Giant: head);

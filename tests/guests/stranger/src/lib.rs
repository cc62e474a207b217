//! Imports an interface that no gateway offers.
#![cfg(target_arch = "wasm32")]

use sluicegate_plugin::{Decision, Plugin, Problems, Setup};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package guest:stranger;

            world stranger {
                import acme:billing/ledger@1.0.0;
            }

            package acme:billing@1.0.0 {
                interface ledger {
                    charge: func(units: u64);
                }
            }
        ",
        world: "guest:stranger/stranger",
        generate_all,
    });
}

struct Stranger;

impl Plugin for Stranger {
    type Config = std::collections::BTreeMap<String, String>;

    fn configure(_config: Self::Config, _setup: &mut Setup) -> Result<Stranger, Problems> {
        Ok(Stranger)
    }

    fn head(&self) -> Decision {
        bindings::acme::billing::ledger::charge(1);
        Decision::Proceed
    }
}

sluicegate_plugin::export!(Stranger: head);

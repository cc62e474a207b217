//! The least that a policy is: a config without names, one phase, one refusal. What the SDK itself weighs is seen here.
#![cfg(target_arch = "wasm32")]

use sluicegate_plugin::{Decision, Plugin, Problems, Rejection, Setup, request};

struct Smallest;

impl Plugin for Smallest {
    type Config = ();

    fn configure((): (), _setup: &mut Setup) -> Result<Smallest, Problems> {
        Ok(Smallest)
    }

    fn head(&self) -> Decision {
        match request::header("x-team") {
            Some(_) => Decision::Proceed,
            None => Rejection::new(400, "header_missing", "Send the header x-team.").into(),
        }
    }
}

sluicegate_plugin::export!(Smallest: head);

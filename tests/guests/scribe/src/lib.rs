//! Writes to the log in each of the ways that an author knows, and panics when told to.
#![cfg(target_arch = "wasm32")]

use sluicegate_plugin::{Decision, Plugin, Problems, Setup, request};

struct Scribe;

impl Plugin for Scribe {
    type Config = ();

    fn configure((): (), _setup: &mut Setup) -> Result<Scribe, Problems> {
        log::info!("written by log in configure");
        Ok(Scribe)
    }

    fn head(&self) -> Decision {
        let path = request::path();
        sluicegate_plugin::log::info("written by the SDK");
        log::error!("written by log at error");
        log::warn!("written by log at warn, {path}");
        log::info!("written by log at info");
        log::debug!("written by log at debug");
        log::trace!("written by log at trace");
        log::info!(target: "some_crate::inner", "written by another crate");
        tracing::warn!(path, "written by tracing");
        assert!(request::header("x-panic").is_none(), "told to panic at {path}");
        Decision::Proceed
    }
}

sluicegate_plugin::export!(Scribe: head);

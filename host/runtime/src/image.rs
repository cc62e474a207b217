//! A compiled component, frozen after `configure` where that is possible.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;

use crate::setup::Setup;
use crate::symbols::Symbols;

pub(crate) struct Image {
    pub(crate) component: Component,
    pub(crate) setup: Setup,
    pub(crate) frozen: Frozen,
    /// SHA-256 of the component as it was handed in, in hexadecimal.
    pub(crate) digest: String,
    /// Of the component as it was handed in, where it has them; made anew at each load.
    pub(crate) symbols: Option<Arc<Symbols>>,
}

/// Whether instances start with `configure` behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Frozen {
    Yes,
    /// And why not.
    No(String),
}

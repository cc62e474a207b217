//! A compiled plugin, frozen after `configure` where that is possible.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use wasmtime::{Module, ResourcesRequired};

use crate::cache::Key;
use crate::direct::Contents;
use crate::setup::Setup;
use crate::symbols::Symbols;

pub(crate) struct Image {
    pub(crate) code: Code,
    /// Where the code is shared by all configs.
    pub(crate) parted: Option<Parted>,
    pub(crate) setup: Setup,
    pub(crate) frozen: Frozen,
    /// SHA-256 of the component as it was handed in, in hexadecimal.
    pub(crate) digest: String,
    /// Unless it came from the disk.
    pub(crate) making: Option<Making>,
    /// Of the component as it was handed in, where it has them; read from it at its first load.
    pub(crate) symbols: Option<Arc<Symbols>>,
}

/// What a config adds to code that all configs share.
#[derive(Clone)]
pub(crate) struct Parted {
    /// Finds the code.
    pub(crate) code: Key,
    pub(crate) contents: Arc<Contents>,
}

/// What the engine has compiled.
#[derive(Clone)]
pub(crate) enum Code {
    Component(Component),
    /// The one module of a component, which is called directly.
    Module(Arc<Module>),
}

impl Code {
    /// Pages of memory that it begins with.
    pub(crate) fn initial_memory(&self) -> Option<u64> {
        let required = match self {
            Code::Component(component) => component.resources_required(),
            Code::Module(module) => Some(module.resources_required()),
        };
        required.and_then(|required: ResourcesRequired| required.max_initial_memory_size)
    }

    pub(crate) fn bytes(&self) -> usize {
        let range = match self {
            Code::Component(component) => component.image_range(),
            Code::Module(module) => module.image_range(),
        };
        (range.end as usize).saturating_sub(range.start as usize)
    }

    pub(crate) fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        match self {
            Code::Component(component) => component.serialize(),
            Code::Module(module) => module.serialize(),
        }
    }
}

/// What making a plugin ready took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Making {
    /// All of its compilations: one that can be frozen is compiled before `configure` and after it.
    pub compile: Duration,
    /// An instance made, and `configure` called.
    pub configure: Duration,
    /// Its memory read, and made part of a new component.
    pub freeze: Duration,
    /// Of the component that was made so.
    pub frozen_bytes: Option<usize>,
}

/// Whether instances start with `configure` behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Frozen {
    Yes,
    /// And why not.
    No(String),
}

//! Calls of a plugin without the machinery of components around them.
//!
//! Nearly every plugin is one module of core WebAssembly, and a component around it that says in types what it imports and exports.
//! Once those types have been compared with the contract, the module is taken out ([`unbundle`]), gets the little code that must run
//! on its own stack ([`weld`]), and is called and linked as what it is; what the component model does at each call is done here,
//! for the types of the contract alone. Any other component keeps the usual way.

mod host;
mod layout;
mod lift;
mod lower;
mod mutable;
mod params;
mod shim;
mod split;
mod table;
mod touched;
mod types;
mod unbundle;
mod weld;
mod wipe;

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::{Engine, Instance, InstancePre, Linker, Module, ModuleExport, Store, TypedFunc, format_err};

use self::host::Returned;
use self::unbundle::{Odd, Unbundled};
use self::wipe::{Kept, Wiper};
use crate::call::{Call, Verdict};
use crate::capability::CORE_INTERFACES;
use crate::failure::Failure;
use crate::instance::PluginState;
use crate::phase::Phase;

pub(crate) use self::host::Lent;
pub(crate) use self::lower::Copied;
pub(crate) use self::split::{Contents, Split, split};

/// The module of a component that consists of one, ready to be compiled. Errors say why a component is of another kind.
pub(crate) fn module_of(component: &[u8]) -> Odd<Vec<u8>> {
    weld::weld(&Unbundled::of(component)?, table::allocates)
}

/// The same as it stands in the component.
pub(crate) fn module_in(component: &[u8]) -> Odd<&[u8]> {
    Ok(Unbundled::of(component)?.module)
}

/// A module with its imports linked.
pub(crate) struct Prepared {
    pre: InstancePre<PluginState>,
    memory: Option<ModuleExport>,
    phases: [Option<ModuleExport>; Phase::ALL.len()],
    wiper: Option<Wiper>,
    /// And the globals that they fill.
    contents: Option<(Arc<Contents>, Vec<ModuleExport>)>,
}

impl Prepared {
    /// Only what is granted is linked. `contents`: of instances, where the code does not have them.
    pub(crate) fn new(
        engine: &Engine,
        module: &Module,
        contents: Option<Arc<Contents>>,
        grants: &BTreeSet<String>,
    ) -> wasmtime::Result<Prepared> {
        let mut linker = Linker::new(engine);
        host::link_own(&mut linker)?;
        for interface in CORE_INTERFACES.into_iter().chain(grants.iter().map(String::as_str)) {
            table::link(&mut linker, interface)?;
        }
        Ok(Prepared {
            pre: linker.instantiate_pre(module)?,
            memory: module.get_export_index(weld::MEMORY),
            phases: Phase::ALL.map(|phase| module.get_export_index(phase.as_str())),
            wiper: Wiper::of(module),
            contents: match contents {
                Some(contents) => Some((contents.clone(), contents.exports(module)?)),
                None => None,
            },
        })
    }

    pub(crate) async fn instantiate(self: &Arc<Prepared>, store: &mut Store<PluginState>) -> wasmtime::Result<Guest> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let memory = self.memory.as_ref().and_then(|memory| instance.get_module_export(&mut *store, memory));
        let memory = memory.and_then(wasmtime::Extern::into_memory);
        if let Some((contents, globals)) = &self.contents {
            let memory = memory.ok_or_else(|| format_err!("its code has no memory to fill"))?;
            contents.fill(store, instance, memory, globals)?;
        }
        let bytes_max = store.hostcall_fuel();
        store.data_mut().lent = Lent::new(memory, bytes_max);
        Ok(Guest { prepared: self.clone(), instance, entries: Default::default(), kept: Kept::default() })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.pre.module().engine()
    }
}

/// An instance of a module.
pub(crate) struct Guest {
    prepared: Arc<Prepared>,
    instance: Instance,
    /// By phase, each looked up when it is first called.
    entries: [Option<Entry>; Phase::ALL.len()],
    kept: Kept,
}

#[derive(Clone)]
enum Entry {
    Plain(TypedFunc<(), ()>),
    /// Length of the bytes, and whether they are the last.
    WithBytes(TypedFunc<(i32, i32), ()>),
}

impl Guest {
    pub(crate) async fn call(
        &mut self,
        store: &mut Store<PluginState>,
        bytes_max: u64,
        call: &Call,
    ) -> wasmtime::Result<Result<Verdict, Failure>> {
        self.find(store, call.phase())?;
        match (call, &self.entries[call.phase() as usize]) {
            (Call::Body { bytes, end } | Call::ReplyBody { bytes, end }, Some(Entry::WithBytes(entry))) => {
                let length = u32::try_from(bytes.len()).map_err(|_| format_err!("a piece of a body is too long"))?;
                store.data_mut().lent.enter(Some(bytes.clone()));
                entry.call_async(&mut *store, (length.cast_signed(), i32::from(*end))).await?;
            }
            (_, Some(Entry::Plain(entry))) => {
                store.data_mut().lent.enter(None);
                entry.call_async(&mut *store, ()).await?;
            }
            _ => return Ok(Err(Failure::bad_return("the phase is not exported"))),
        }
        Ok(match store.data_mut().lent.returned() {
            Returned::Nothing => Ok(Verdict::Proceed),
            Returned::Decision(decision) => Verdict::from_decision(*decision),
            Returned::Piece(piece) => Verdict::from_piece(*piece, bytes_max),
        })
    }

    /// Looks up a phase's entry once.
    fn find(&mut self, store: &mut Store<PluginState>, phase: Phase) -> wasmtime::Result<()> {
        let (entry, export) = (&mut self.entries[phase as usize], &self.prepared.phases[phase as usize]);
        if let (None, Some(export)) = (&entry, export) {
            let found = self.instance.get_module_export(&mut *store, export);
            let function = found.and_then(wasmtime::Extern::into_func).ok_or_else(|| format_err!("no function"))?;
            *entry = Some(match weld::takes_bytes(phase) {
                true => Entry::WithBytes(function.typed(&*store)?),
                false => Entry::Plain(function.typed(&*store)?),
            });
        }
        Ok(())
    }

    /// Keeps the state of an instance that was never called: it is what `wipe` gives back. True for the first that is asked.
    pub(crate) fn remember(&mut self, store: &mut Store<PluginState>) -> bool {
        let Some(wiper) = &self.prepared.wiper else { return false };
        let (kept, is_first) = wiper.remember(store, self.instance);
        self.kept = kept;
        is_first
    }

    /// A call begins.
    pub(crate) fn enter(&mut self) {
        self.kept.touched.enter();
    }

    /// A call is over. `at_once`: it has not left its thread.
    pub(crate) fn used(&mut self, at_once: bool) {
        self.kept.touched.used(at_once);
    }

    /// Whether it is of a kind and a size that can be wiped.
    pub(crate) fn can_be_wiped(&self, store: &Store<PluginState>) -> bool {
        self.prepared.wiper.as_ref().is_some_and(|wiper| wiper.fits(store))
    }

    /// Gives back the state in which the instance was made. False where that is not possible: nobody else may have it then.
    pub(crate) fn wipe(&mut self, store: &mut Store<PluginState>) -> bool {
        self.prepared.wiper.as_ref().is_some_and(|wiper| wiper.wipe(store, &mut self.kept))
    }

    /// Looks up the entry of each phase.
    pub(crate) fn resolve(&mut self, store: &mut Store<PluginState>) -> wasmtime::Result<()> {
        Phase::ALL.into_iter().try_for_each(|phase| self.find(store, phase))
    }
}

#[cfg(test)]
mod tests;

//! Gives an instance back the state in which it was made, so that it can serve another request as a new one would.
//!
//! What a call can change of most modules is told by their exports ([`mutable`](super::mutable)): one memory, and numbers in
//! globals. The system knows which pages of the memory may have been written to, and those alone are restored.

use std::sync::OnceLock;

use wasmtime::{Global, Instance, Module, ModuleExport, Store, Val};

use super::touched::Touched;
use super::weld;
use crate::faults;
use crate::instance::PluginState;
use crate::pagemap::{PAGES_MAX, Pagemap};

/// Globals that can change; policies have one or two.
pub(super) const GLOBALS_MAX: usize = 64;
/// Bytes of memory beyond which a new instance is not dearer.
const MEMORY_BYTES_MAX: usize = 2 << 20;

/// What can be changed in the instances of a module, and what it is in a new one.
pub(super) struct Wiper {
    pagemap: &'static Pagemap,
    globals: Vec<ModuleExport>,
    new: OnceLock<State>,
}

/// What one instance keeps for it.
#[derive(Default)]
pub(super) struct Kept {
    /// Those that can change.
    globals: Vec<Global>,
    pub(super) touched: Touched,
}

struct State {
    globals: Vec<Val>,
    memory_bytes: usize,
    /// None for one of zeros.
    pages: Vec<Option<Box<[u8]>>>,
}

impl Wiper {
    /// None where more can be changed, or the system does not tell what was.
    pub(super) fn of(module: &Module) -> Option<Wiper> {
        module.get_export_index(weld::ALL_STATE)?;
        let globals: Vec<ModuleExport> = globals(module).take(GLOBALS_MAX + 1).collect();
        if globals.len() > GLOBALS_MAX {
            return None;
        }
        // Found out here, where no request waits for it.
        faults::are_counted();
        Some(Wiper { pagemap: Pagemap::get()?, globals, new: OnceLock::new() })
    }

    /// Keeps the state of an instance that was never called. With whether it was the first: all of its memory was read then.
    pub(super) fn remember(&self, store: &mut Store<PluginState>, instance: Instance) -> (Kept, bool) {
        let globals: Vec<Global> = self.globals.iter().map_while(|export| global(store, instance, export)).collect();
        let memory = store.data().lent.memory.filter(|memory| memory.data_size(&*store) <= MEMORY_BYTES_MAX);
        let mut is_first = false;
        if let Some(memory) = memory {
            self.new.get_or_init(|| {
                is_first = true;
                let globals = globals.iter().map(|global| global.get(&mut *store)).collect();
                State { globals, ..State::of(memory.data(&*store), self.pagemap.page_bytes) }
            });
        }
        (Kept { globals, touched: Touched::default() }, is_first)
    }

    /// Whether an instance has as much memory as a new one.
    pub(super) fn fits(&self, store: &Store<PluginState>) -> bool {
        let memory = store.data().lent.memory;
        self.new.get().is_some_and(|new| memory.is_some_and(|memory| memory.data_size(store) == new.memory_bytes))
    }

    /// False where the instance cannot be wiped: nobody else may have it then.
    pub(super) fn wipe(&self, store: &mut Store<PluginState>, kept: &mut Kept) -> bool {
        let (Some(new), Some(memory)) = (self.new.get(), store.data().lent.memory) else { return false };
        store.data_mut().lent.forget();
        store.data_mut().names.forget();
        let reset = |(global, value): (&Global, &Val)| global.set(&mut *store, *value).is_ok();
        kept.globals.len() == self.globals.len()
            && kept.globals.len() == new.globals.len()
            && kept.globals.iter().zip(&new.globals).all(reset)
            && new.restore(memory.data_mut(&mut *store), self.pagemap, &mut kept.touched)
    }
}

/// The globals that can change, as the module exports them.
pub(super) fn globals(module: &Module) -> impl Iterator<Item = ModuleExport> {
    (0..).map_while(|number| module.get_export_index(&weld::global(number)))
}

pub(super) fn global(store: &mut Store<PluginState>, instance: Instance, export: &ModuleExport) -> Option<Global> {
    instance.get_module_export(store, export)?.into_global()
}

impl State {
    /// Without globals.
    fn of(memory: &[u8], page_bytes: usize) -> State {
        let page = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0).then(|| bytes.into());
        State { globals: Vec::new(), memory_bytes: memory.len(), pages: memory.chunks(page_bytes).map(page).collect() }
    }

    fn restore(&self, memory: &mut [u8], pagemap: &Pagemap, touched: &mut Touched) -> bool {
        if memory.len() != self.memory_bytes {
            return false;
        }
        let Some(touched) = touched.pages(memory, pagemap) else { return false };
        let parts = memory.chunks_mut(PAGES_MAX * pagemap.page_bytes).zip(self.pages.chunks(PAGES_MAX));
        for ((part, pages), mut written) in parts.zip(touched.iter().copied()) {
            while written != 0 {
                let page = written.trailing_zeros() as usize;
                written &= written - 1;
                let bytes = part.chunks_mut(pagemap.page_bytes).nth(page);
                match (bytes, pages.get(page)) {
                    (Some(bytes), Some(Some(new))) => bytes.copy_from_slice(new),
                    (Some(bytes), Some(None)) => bytes.fill(0),
                    _ => return false,
                }
            }
        }
        true
    }
}

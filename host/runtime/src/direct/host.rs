//! The functions of the contract for a module that calls them directly: the same ones that components call, with what the component
//! model would do around them.

use std::future::Future;

use bytes::Bytes;
use wasmtime::{Caller, Linker, Memory, Result, Trap, WasmRet};

use super::lift::{Lift, Source};
use super::lower::{Blocks, Copied, Lower};
use super::params::{Flat, Params};
use super::weld::{DELIVER, OWN, TAKE};
use crate::bindings::host::types::{Decision, Piece};
use crate::failure::{FailureKind, Violation};
use crate::instance::PluginState;
use crate::phase::Phase;

/// What the store of a module knows of it.
#[derive(Default)]
pub(crate) struct Lent {
    pub(super) memory: Option<Memory>,
    /// Bytes that a guest may hand over in one call of the host.
    bytes_max: usize,
    blocks: Blocks,
    /// Blocks are a phase's parameters, and no result of a host call.
    is_entering: bool,
    /// The phase has returned: nothing is called any more but what frees its result.
    has_returned: bool,
    returned: Returned,
}

/// The result of the phase that was called last.
#[derive(Default)]
pub(crate) enum Returned {
    #[default]
    Nothing,
    /// Boxed, as the next: most phases go on, and leave nothing.
    Decision(Box<Decision>),
    Piece(Box<Piece>),
}

impl Lent {
    pub(super) fn new(memory: Option<Memory>, bytes_max: usize) -> Lent {
        Lent { memory, bytes_max, ..Lent::default() }
    }

    /// Before a phase is called; `bytes`: what a body's phase gets.
    pub(super) fn enter(&mut self, bytes: Option<Bytes>) {
        self.blocks.clear();
        (self.is_entering, self.has_returned, self.returned) = (bytes.is_some(), false, Returned::Nothing);
        if let Some(bytes) = bytes {
            self.blocks.begin_bytes(bytes);
        }
    }

    /// Puts bytes aside for the result of a host call, which need not allocate for them then.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Copied {
        self.blocks.copy(bytes)
    }

    /// Keeps nothing of what was handed over.
    pub(super) fn forget(&mut self) {
        self.enter(None);
    }

    pub(super) fn returned(&mut self) -> Returned {
        std::mem::take(&mut self.returned)
    }
}

/// The memory of the guest, which is empty where it has none, and the state of its store.
fn parts<'a>(caller: &'a mut Caller<'_, PluginState>) -> (&'a mut [u8], &'a mut PluginState) {
    match caller.data().lent.memory {
        Some(memory) => memory.data_and_store_mut(caller),
        None => (&mut [], caller.data_mut()),
    }
}

/// Reads the parameters of a host call. As in the component model, none is possible while the guest allocates for the host, and none
/// while it frees what it returned.
fn lift<'a, P: Params>(flat: P::Flat, memory: &'a [u8], lent: &Lent) -> Result<P::Value<'a>> {
    if !lent.blocks.is_empty() || lent.has_returned {
        return Err(Trap::CannotLeaveComponent.into());
    }
    P::lift(flat, &mut Source { memory, bytes_left: lent.bytes_max })
}

/// What fits into one number of core WebAssembly, or nothing at all.
pub(super) trait Plain {
    type Core: WasmRet;

    fn core(self) -> Self::Core;
}

macro_rules! plain {
    ($($ty:ty => $core:ty, $value:ident => $number:expr;)*) => {
        $(impl Plain for $ty {
            type Core = $core;

            fn core(self) -> $core {
                let $value = self;
                $number
            }
        })*
    };
}

plain! {
    () => (), nothing => nothing;
    bool => i32, word => i32::from(word);
    u16 => i32, number => i32::from(number);
    u32 => i32, number => number.cast_signed();
    u64 => i64, number => number.cast_signed();
}

/// A function whose result is one number.
pub(super) fn plain<P: Params + 'static, R: Plain>(
    linker: &mut Linker<PluginState>,
    name: (&str, &str),
    function: impl for<'a> Fn(&mut PluginState, P::Value<'a>) -> Result<R> + Send + Sync + 'static,
) -> Result<()>
where
    Result<R::Core>: WasmRet,
{
    P::Flat::define(linker, name, move |mut caller, flat| {
        let (memory, state) = parts(&mut caller);
        let params = lift::<P>(flat, memory, &state.lent)?;
        Ok(function(state, params)?.core())
    })
}

/// A function whose result is written to an address, and holds no text and no list.
pub(super) fn written<P: Params + 'static, R: Lower>(
    linker: &mut Linker<PluginState>,
    name: (&str, &str),
    function: impl for<'a> Fn(&mut PluginState, P::Value<'a>) -> Result<R> + Send + Sync + 'static,
) -> Result<()> {
    P::Flat::define_with_pointer(linker, name, move |mut caller, flat, pointer| {
        let (memory, state) = parts(&mut caller);
        let params = lift::<P>(flat, memory, &state.lent)?;
        let result = function(state, params)?;
        state.lent.blocks.begin(result, pointer.cast_unsigned(), memory)
    })
}

/// A function whose result needs memory of the guest; returns what `Blocks::wanted` says.
pub(super) fn allocating<P: Params + 'static, R: Lower>(
    linker: &mut Linker<PluginState>,
    name: (&str, &str),
    function: impl for<'a> Fn(&mut PluginState, P::Value<'a>) -> Result<R> + Send + Sync + 'static,
) -> Result<()> {
    P::Flat::define_with_pointer(linker, name, move |mut caller, flat, pointer| {
        let (memory, state) = parts(&mut caller);
        let params = lift::<P>(flat, memory, &state.lent)?;
        let result = function(state, params)?;
        begin(memory, state, result, pointer)
    })
}

/// A function that waits.
pub(super) trait Waits<P> {
    type Output;

    fn run(state: &mut PluginState, params: P) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// The same for one that waits.
pub(super) fn waiting<P, W: Waits<P>>(
    linker: &mut Linker<PluginState>,
    (interface, name): (&str, &str),
    _: W,
) -> Result<()>
where
    P: Params + Send + 'static,
    // The memory may change while it waits: it has copies.
    for<'a> P: Params<Value<'a> = P>,
    W::Output: Lower + Send + 'static,
{
    linker.func_wrap_async(interface, name, move |mut caller: Caller<'_, PluginState>, all| {
        Box::new(async move {
            let (flat, pointer) = P::Flat::split(all);
            let params = {
                let (memory, state) = parts(&mut caller);
                lift::<P>(flat, memory, &state.lent)?
            };
            let result = W::run(caller.data_mut(), params).await?;
            let (memory, state) = parts(&mut caller);
            begin(memory, state, result, pointer)
        })
    })?;
    Ok(())
}

fn begin<R: Lower>(memory: &mut [u8], state: &mut PluginState, result: R, pointer: i32) -> Result<i64> {
    state.lent.blocks.begin(result, pointer.cast_unsigned(), memory)?;
    Ok(state.lent.blocks.wanted())
}

/// Links what the code calls that `weld` adds.
pub(super) fn link_own(linker: &mut Linker<PluginState>) -> Result<()> {
    linker.func_wrap(OWN, DELIVER, |mut caller: Caller<'_, PluginState>, pointer: i32| {
        let (memory, state) = parts(&mut caller);
        let Lent { blocks, is_entering, .. } = &mut state.lent;
        let delivered = blocks.deliver(pointer.cast_unsigned(), memory, !*is_entering);
        match std::mem::take(is_entering) {
            true => delivered.map_err(bad_return),
            false => delivered,
        }
    })?;
    linker.func_wrap(OWN, TAKE, |mut caller: Caller<'_, PluginState>, pointer: i32| -> Result<()> {
        let (memory, state) = parts(&mut caller);
        let mut source = Source { memory, bytes_left: state.lent.bytes_max };
        let pointer = pointer.cast_unsigned();
        state.lent.returned = match state.site.phase {
            Phase::Body | Phase::ReplyBody => match result(pointer, &mut source)? {
                Piece::Pass => Returned::Nothing,
                piece => Returned::Piece(Box::new(piece)),
            },
            _ => match result(pointer, &mut source)? {
                Decision::Proceed => Returned::Nothing,
                decision => Returned::Decision(Box::new(decision)),
            },
        };
        state.lent.has_returned = true;
        Ok(())
    })?;
    Ok(())
}

fn result<T: Lift>(pointer: u32, source: &mut Source<'_>) -> Result<T> {
    source.value(pointer).map_err(bad_return)
}

/// What is wrong with a result is no failure of a host call, although it is found in one.
fn bad_return(error: wasmtime::Error) -> wasmtime::Error {
    Violation::raise(FailureKind::BadReturn, format!("{error:#}"))
}

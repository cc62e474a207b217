//! The parameters of the contract's functions as core WebAssembly has them: a text or a list is an address and a length.

use wasmtime::{Caller, Linker, Result, WasmRet, WasmTyList};

use super::lift::{Sequence, Source, no_case};
use super::types::{credential_place, level};
use crate::bindings::host::keys::Place;
use crate::bindings::host::log::Level;
use crate::instance::PluginState;

/// The parameters of one function.
pub(super) trait Params: Sized {
    type Flat: Flat;

    fn lift(flat: Self::Flat, source: &mut Source<'_>) -> Result<Self>;
}

/// Parameters of a core function, as a tuple.
pub(super) trait Flat: Sized + Send + 'static {
    /// With the address of the result behind them.
    type WithPointer: WasmTyList + Send + 'static;

    fn split(all: Self::WithPointer) -> (Self, i32);

    /// Links a function that returns what it has to say.
    fn define<R: WasmRet>(
        linker: &mut Linker<PluginState>,
        name: (&str, &str),
        call: impl Fn(Caller<'_, PluginState>, Self) -> Result<R> + Send + Sync + 'static,
    ) -> Result<()>
    where
        Result<R>: WasmRet;

    /// Links a function that writes it to an address.
    fn define_with_pointer<R: WasmRet>(
        linker: &mut Linker<PluginState>,
        name: (&str, &str),
        call: impl Fn(Caller<'_, PluginState>, Self, i32) -> Result<R> + Send + Sync + 'static,
    ) -> Result<()>
    where
        Result<R>: WasmRet;
}

macro_rules! flat {
    ($(($($param:ident: $ty:ty),*);)*) => {
        $(impl Flat for ($($ty,)*) {
            type WithPointer = ($($ty,)* i32,);

            fn split(($($param,)* pointer,): Self::WithPointer) -> (Self, i32) {
                (($($param,)*), pointer)
            }

            fn define<R: WasmRet>(
                linker: &mut Linker<PluginState>,
                (interface, name): (&str, &str),
                call: impl Fn(Caller<'_, PluginState>, Self) -> Result<R> + Send + Sync + 'static,
            ) -> Result<()>
            where
                Result<R>: WasmRet,
            {
                let call = move |caller: Caller<'_, PluginState>, $($param: $ty),*| call(caller, ($($param,)*));
                linker.func_wrap(interface, name, call).map(drop)
            }

            fn define_with_pointer<R: WasmRet>(
                linker: &mut Linker<PluginState>,
                (interface, name): (&str, &str),
                call: impl Fn(Caller<'_, PluginState>, Self, i32) -> Result<R> + Send + Sync + 'static,
            ) -> Result<()>
            where
                Result<R>: WasmRet,
            {
                let call = move |caller: Caller<'_, PluginState>, $($param: $ty,)* pointer: i32| {
                    call(caller, ($($param,)*), pointer)
                };
                linker.func_wrap(interface, name, call).map(drop)
            }
        })*
    };
}

flat! {
    ();
    (a: i32);
    (a: i32, b: i32);
    (a: i32, b: i32, c: i32);
    (a: i32, b: i32, c: i64);
    (a: i32, b: i32, c: f64);
    (a: i32, b: i32, c: i32, d: i32);
}

impl Params for () {
    type Flat = ();

    fn lift(_: (), _: &mut Source<'_>) -> Result<()> {
        Ok(())
    }
}

impl Params for (u16,) {
    type Flat = (i32,);

    /// The canonical ABI passes over what is more.
    fn lift((number,): (i32,), _: &mut Source<'_>) -> Result<(u16,)> {
        Ok((number.cast_unsigned() as u16,))
    }
}

impl Params for (u32,) {
    type Flat = (i32,);

    fn lift((number,): (i32,), _: &mut Source<'_>) -> Result<(u32,)> {
        Ok((number.cast_unsigned(),))
    }
}

impl<A: Sequence> Params for (A,) {
    type Flat = (i32, i32);

    fn lift((pointer, length): (i32, i32), source: &mut Source<'_>) -> Result<(A,)> {
        Ok((read(pointer, length, source)?,))
    }
}

impl<A: Sequence, B: Sequence> Params for (A, B) {
    type Flat = (i32, i32, i32, i32);

    fn lift((pointer, length, second, second_length): Self::Flat, source: &mut Source<'_>) -> Result<(A, B)> {
        Ok((read(pointer, length, source)?, read(second, second_length, source)?))
    }
}

impl Params for (String, u64) {
    type Flat = (i32, i32, i64);

    fn lift((pointer, length, number): Self::Flat, source: &mut Source<'_>) -> Result<(String, u64)> {
        Ok((read(pointer, length, source)?, number.cast_unsigned()))
    }
}

impl Params for (u32, String) {
    type Flat = (i32, i32, i32);

    fn lift((number, pointer, length): Self::Flat, source: &mut Source<'_>) -> Result<(u32, String)> {
        Ok((number.cast_unsigned(), read(pointer, length, source)?))
    }
}

impl Params for (String, f64) {
    type Flat = (i32, i32, f64);

    fn lift((pointer, length, number): Self::Flat, source: &mut Source<'_>) -> Result<(String, f64)> {
        Ok((read(pointer, length, source)?, number))
    }
}

impl Params for (Level, String) {
    type Flat = (i32, i32, i32);

    fn lift((case, pointer, length): Self::Flat, source: &mut Source<'_>) -> Result<(Level, String)> {
        Ok((level(case.cast_unsigned())?, read(pointer, length, source)?))
    }
}

impl Params for (Place,) {
    type Flat = (i32, i32, i32);

    fn lift((case, pointer, length): Self::Flat, source: &mut Source<'_>) -> Result<(Place,)> {
        Ok((credential_place(case.cast_unsigned(), read(pointer, length, source)?)?,))
    }
}

impl Params for (Option<String>,) {
    type Flat = (i32, i32, i32);

    fn lift((case, pointer, length): Self::Flat, source: &mut Source<'_>) -> Result<(Option<String>,)> {
        match case {
            0 => Ok((None,)),
            1 => Ok((Some(read(pointer, length, source)?),)),
            other => no_case(other),
        }
    }
}

fn read<T: Sequence>(pointer: i32, length: i32, source: &mut Source<'_>) -> Result<T> {
    T::read(pointer.cast_unsigned(), length.cast_unsigned(), source)
}

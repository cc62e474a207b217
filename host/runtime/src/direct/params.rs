//! The parameters of the contract's functions as core WebAssembly has them: a text or a list is an address and a length.

use wasmtime::{Caller, Linker, Result, WasmRet, WasmTyList};

use super::lift::{Sequence, Source, no_case};
use super::types::{credential_place, level};
use crate::bindings::host::keys::Place;
use crate::bindings::host::log::Level;
use crate::instance::PluginState;
use crate::text::Text;

/// The parameters of one function.
pub(super) trait Params: Sized {
    type Flat: Flat;
    /// What the function gets.
    type Value<'a>;

    fn lift<'a>(flat: Self::Flat, source: &mut Source<'a>) -> Result<Self::Value<'a>>;
}

/// A parameter that is an address and a length: a copy of what stands there or, for `&'static str`, `&'static [u8]` and `Text<'static>`,
/// that itself.
pub(super) trait Handed {
    type Value<'a>;

    fn read<'a>(pointer: u32, length: u32, source: &mut Source<'a>) -> Result<Self::Value<'a>>;
}

impl<T: Sequence> Handed for T {
    type Value<'a> = T;

    fn read<'a>(pointer: u32, length: u32, source: &mut Source<'a>) -> Result<T> {
        Sequence::read(pointer, length, source)
    }
}

impl Handed for &'static str {
    type Value<'a> = &'a str;

    fn read<'a>(pointer: u32, length: u32, source: &mut Source<'a>) -> Result<&'a str> {
        source.text(pointer, length)
    }
}

impl Handed for Text<'static> {
    type Value<'a> = Text<'a>;

    fn read<'a>(pointer: u32, length: u32, source: &mut Source<'a>) -> Result<Text<'a>> {
        source.bytes(pointer, length).map(Text::of)
    }
}

impl Handed for &'static [u8] {
    type Value<'a> = &'a [u8];

    fn read<'a>(pointer: u32, length: u32, source: &mut Source<'a>) -> Result<&'a [u8]> {
        source.bytes(pointer, length)
    }
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
    type Value<'a> = ();

    fn lift<'a>(_: (), _: &mut Source<'a>) -> Result<()> {
        Ok(())
    }
}

impl Params for (u16,) {
    type Flat = (i32,);
    type Value<'a> = (u16,);

    /// The canonical ABI passes over what is more.
    fn lift<'a>((number,): (i32,), _: &mut Source<'a>) -> Result<(u16,)> {
        Ok((number.cast_unsigned() as u16,))
    }
}

impl Params for (u32,) {
    type Flat = (i32,);
    type Value<'a> = (u32,);

    fn lift<'a>((number,): (i32,), _: &mut Source<'a>) -> Result<(u32,)> {
        Ok((number.cast_unsigned(),))
    }
}

impl<A: Handed> Params for (A,) {
    type Flat = (i32, i32);
    type Value<'a> = (A::Value<'a>,);

    fn lift<'a>((pointer, length): (i32, i32), source: &mut Source<'a>) -> Result<(A::Value<'a>,)> {
        Ok((read::<A>(pointer, length, source)?,))
    }
}

impl<A: Handed, B: Handed> Params for (A, B) {
    type Flat = (i32, i32, i32, i32);
    type Value<'a> = (A::Value<'a>, B::Value<'a>);

    fn lift<'a>(flat: Self::Flat, source: &mut Source<'a>) -> Result<Self::Value<'a>> {
        let (pointer, length, second, second_length) = flat;
        Ok((read::<A>(pointer, length, source)?, read::<B>(second, second_length, source)?))
    }
}

impl<A: Handed> Params for (A, u64) {
    type Flat = (i32, i32, i64);
    type Value<'a> = (A::Value<'a>, u64);

    fn lift<'a>((pointer, length, number): Self::Flat, source: &mut Source<'a>) -> Result<Self::Value<'a>> {
        Ok((read::<A>(pointer, length, source)?, number.cast_unsigned()))
    }
}

impl<A: Handed> Params for (u32, A) {
    type Flat = (i32, i32, i32);
    type Value<'a> = (u32, A::Value<'a>);

    fn lift<'a>((number, pointer, length): Self::Flat, source: &mut Source<'a>) -> Result<Self::Value<'a>> {
        Ok((number.cast_unsigned(), read::<A>(pointer, length, source)?))
    }
}

impl<A: Handed> Params for (A, f64) {
    type Flat = (i32, i32, f64);
    type Value<'a> = (A::Value<'a>, f64);

    fn lift<'a>((pointer, length, number): Self::Flat, source: &mut Source<'a>) -> Result<Self::Value<'a>> {
        Ok((read::<A>(pointer, length, source)?, number))
    }
}

impl Params for (Level, String) {
    type Flat = (i32, i32, i32);
    type Value<'a> = (Level, String);

    fn lift<'a>((case, pointer, length): Self::Flat, source: &mut Source<'a>) -> Result<(Level, String)> {
        Ok((level(case.cast_unsigned())?, read::<String>(pointer, length, source)?))
    }
}

impl Params for (Place,) {
    type Flat = (i32, i32, i32);
    type Value<'a> = (Place,);

    fn lift<'a>((case, pointer, length): Self::Flat, source: &mut Source<'a>) -> Result<(Place,)> {
        Ok((credential_place(case.cast_unsigned(), read::<String>(pointer, length, source)?)?,))
    }
}

impl Params for (Option<String>,) {
    type Flat = (i32, i32, i32);
    type Value<'a> = (Option<String>,);

    fn lift<'a>((case, pointer, length): Self::Flat, source: &mut Source<'a>) -> Result<(Option<String>,)> {
        match case {
            0 => Ok((None,)),
            1 => Ok((Some(read::<String>(pointer, length, source)?),)),
            other => no_case(other),
        }
    }
}

fn read<'a, T: Handed>(pointer: i32, length: i32, source: &mut Source<'a>) -> Result<T::Value<'a>> {
    T::read(pointer.cast_unsigned(), length.cast_unsigned(), source)
}

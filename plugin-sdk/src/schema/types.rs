//! The forms of types that are there already.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::{Member, Node, Schema, Value};

/// A schema of these members alone.
macro_rules! schema {
    ($type:ty: $($name:literal $value:expr),*) => {
        impl Schema for $type {
            const SCHEMA: Node = Node { members: &[$(Member { name: $name, value: $value }),*], ..Node::ANYTHING };
        }
    };
}

schema!(bool: "type" Value::Text("boolean"));
schema!(f32: "type" Value::Text("number"));
schema!(f64: "type" Value::Text("number"));
schema!(String: "type" Value::Text("string"));
schema!(str: "type" Value::Text("string"));
schema!(PathBuf: "type" Value::Text("string"));
schema!(IpAddr: "type" Value::Text("string"));
schema!(Ipv4Addr: "type" Value::Text("string"), "format" Value::Text("ipv4"));
schema!(Ipv6Addr: "type" Value::Text("string"), "format" Value::Text("ipv6"));
schema!(SocketAddr: "type" Value::Text("string"));
schema!(char: "type" Value::Text("string"), "minLength" Value::Integer(1), "maxLength" Value::Integer(1));
// Nothing to say is a table without names: a config is always a table.
schema!((): "type" Value::Text("object"), "additionalProperties" Value::Flag(false));
schema!(serde_json::Value:);
schema!(serde_json::Map<String, serde_json::Value>: "type" Value::Text("object"));
schema!(i128: "type" Value::Text("integer"));
schema!(u128: "type" Value::Text("integer"), "minimum" Value::Integer(0));

macro_rules! integers {
    ($($type:ty: $least:expr, $most:expr;)*) => {
        $(schema!($type: "type" Value::Text("integer"), "minimum" Value::Integer($least as i128), "maximum" Value::Integer($most as i128));)*
    };
}

integers! {
    u8: u8::MIN, u8::MAX;
    u16: u16::MIN, u16::MAX;
    u32: u32::MIN, u32::MAX;
    u64: u64::MIN, u64::MAX;
    usize: usize::MIN, usize::MAX;
    i8: i8::MIN, i8::MAX;
    i16: i16::MIN, i16::MAX;
    i32: i32::MIN, i32::MAX;
    i64: i64::MIN, i64::MAX;
    isize: isize::MIN, isize::MAX;
    NonZeroU8: 1, u8::MAX;
    NonZeroU16: 1, u16::MAX;
    NonZeroU32: 1, u32::MAX;
    NonZeroU64: 1, u64::MAX;
    NonZeroUsize: 1, usize::MAX;
}

impl<T: Schema> Schema for Option<T> {
    const SCHEMA: Node = Node { optional: true, ..T::SCHEMA };
}

macro_rules! as_inner {
    ($($type:ty),*) => {
        $(impl<T: Schema + ?Sized> Schema for $type {
            const SCHEMA: Node = T::SCHEMA;
        })*
    };
}

as_inner!(Box<T>, Rc<T>, Arc<T>);

impl<T: Schema + ToOwned + ?Sized> Schema for Cow<'_, T> {
    const SCHEMA: Node = T::SCHEMA;
}

macro_rules! lists {
    ($($type:ty),*) => {
        $(impl<T: Schema> Schema for $type {
            const SCHEMA: Node = <[T] as Schema>::SCHEMA;
        })*
    };
}

lists!(Vec<T>, VecDeque<T>, BTreeSet<T>);

impl<T: Schema> Schema for [T] {
    const SCHEMA: Node = Node {
        members: &[
            Member { name: "type", value: Value::Text("array") },
            Member { name: "items", value: Value::Node(&T::SCHEMA) },
        ],
        ..Node::ANYTHING
    };
}

impl<T: Schema, S> Schema for HashSet<T, S> {
    const SCHEMA: Node = <[T] as Schema>::SCHEMA;
}

impl<T: Schema, const N: usize> Schema for [T; N] {
    const SCHEMA: Node = Node {
        members: &[
            Member { name: "minItems", value: Value::Integer(N as i128) },
            Member { name: "maxItems", value: Value::Integer(N as i128) },
        ],
        base: Some(&<[T] as Schema>::SCHEMA),
        optional: false,
    };
}

/// A table with names of its writer's choice.
struct Table<T>(std::marker::PhantomData<T>);

impl<T: Schema> Schema for Table<T> {
    const SCHEMA: Node = Node {
        members: &[
            Member { name: "type", value: Value::Text("object") },
            Member { name: "additionalProperties", value: Value::Node(&T::SCHEMA) },
        ],
        ..Node::ANYTHING
    };
}

impl<T: Schema> Schema for BTreeMap<String, T> {
    const SCHEMA: Node = Table::<T>::SCHEMA;
}

impl<T: Schema, S> Schema for HashMap<String, T, S> {
    const SCHEMA: Node = Table::<T>::SCHEMA;
}

macro_rules! tuples {
    ($($count:literal $($item:ident)*;)*) => {
        $(impl<$($item: Schema),*> Schema for ($($item,)*) {
            const SCHEMA: Node = Node {
                members: &[
                    Member { name: "type", value: Value::Text("array") },
                    Member { name: "prefixItems", value: Value::Nodes(&[$($item::SCHEMA),*]) },
                    Member { name: "minItems", value: Value::Integer($count) },
                    Member { name: "maxItems", value: Value::Integer($count) },
                ],
                ..Node::ANYTHING
            };
        })*
    };
}

tuples! {
    1 A;
    2 A B;
    3 A B C;
    4 A B C D;
    5 A B C D E;
    6 A B C D E F;
}

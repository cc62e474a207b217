//! The records, variants and enums of the contract, as far as they are handed over: one line each says how it lies in memory, how it
//! is read or how it is written.

use wasmtime::Result;

use super::layout::{Layout, aligned, greatest, payload_offset, record_size};
use super::lift::{self, Lift, Source};
use super::lower::{self, Blocks, Lower, Spot, part};
use crate::bindings::host::counters::{Claim, Quota, Taken};
use crate::bindings::host::edits::EditError;
use crate::bindings::host::exchange::Usage;
use crate::bindings::host::identity_writer::WriteError;
use crate::bindings::host::keys::{Failure, Owner, Place};
use crate::bindings::host::log::Level;
use crate::bindings::host::model_call::Reading;
use crate::bindings::host::types::{Answer, Decision, Detail, Field, Piece, Rejection};

macro_rules! record {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        impl Layout for $name {
            const SIZE: usize = record_size(&[$((<$ty>::SIZE, <$ty>::ALIGN)),*]);
            const ALIGN: usize = greatest(&[$(<$ty>::ALIGN),*]);
        }
    };
}

/// A record that guests hand over.
macro_rules! lifted {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        impl Lift for $name {
            fn load(bytes: &[u8], source: &mut Source<'_>) -> Result<$name> {
                let mut offset = 0;
                $(let $field = lift::field::<$ty>(bytes, &mut offset, source)?;)*
                Ok($name { $($field),* })
            }
        }
    };
}

/// A record that the host hands over.
macro_rules! lowered {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        impl Lower for $name {
            fn store(self, bytes: &mut [u8], spot: Spot, blocks: &mut Blocks) {
                let mut offset = 0;
                $(lower::field::<$ty>(self.$field, bytes, &mut offset, spot, blocks);)*
            }
        }
    };
}

macro_rules! records {
    ($($($how:ident)+: $name:ident $fields:tt;)*) => {
        $($($how!($name $fields);)+)*
    };
}

records! {
    record lifted lowered: Field { name: String, value: Vec<u8> };
    record lifted: Detail { name: String, json: String };
    record lifted: Rejection {
        status: u16, code: String, message: String, retry_after_ms: Option<u64>, fields: Vec<Field>,
        problem_type: Option<String>, details: Vec<Detail>
    };
    record lifted: Answer { status: u16, fields: Vec<Field>, body: Vec<u8> };
    record lifted: Quota { limit: u64, window_ms: u64 };
    record lifted: Claim { bucket: String, key: String, units: u64, quota: Quota };
    record lowered: Taken { allowed: bool, remaining: u64, reset_ms: u64 };
    record lowered: Usage {
        request_bytes: u64, reply_bytes: u64, status: u16, outcome: String, upstream: String
    };
    record lowered: Reading { segments: Vec<u32>, ends: Vec<u32>, text: String };
    record lowered: Owner { key_id: String, consumer: String, scopes: Vec<String> };
}

/// Variants that guests hand over, with their cases in order.
macro_rules! variants {
    ($($name:ident { $($number:literal = $case:ident $(($payload:ty))?),* };)*) => {
        $(impl Layout for $name {
            const SIZE: usize =
                aligned(payload_offset(Self::ALIGN) + greatest(&[0 $($(, <$payload>::SIZE)?)*]), Self::ALIGN);
            const ALIGN: usize = greatest(&[1 $($(, <$payload>::ALIGN)?)*]);
        }

        impl Lift for $name {
            fn load(bytes: &[u8], source: &mut Source<'_>) -> Result<$name> {
                let (case, payload) = lift::case(bytes, Self::ALIGN);
                match case {
                    $($number => Ok($name::$case $((lift::field::<$payload>(payload, &mut 0, source)?))?),)*
                    other => lift::no_case(other),
                }
            }
        })*
    };
}

variants! {
    Decision { 0 = Proceed, 1 = Reject(Rejection), 2 = Respond(Answer) };
    Piece { 0 = Pass, 1 = Replace(Vec<u8>), 2 = Reject(Rejection), 3 = Respond(Answer) };
}

/// Enums that the host hands over.
macro_rules! words {
    ($($name:ident { $($number:literal = $case:ident),* };)*) => {
        $(impl Layout for $name {
            const SIZE: usize = 1;
            const ALIGN: usize = 1;
        }

        impl Lower for $name {
            fn store(self, bytes: &mut [u8], _: Spot, _: &mut Blocks) {
                let number = match self {
                    $($name::$case => $number,)*
                };
                part(bytes, 0..1).fill(number);
            }
        })*
    };
}

words! {
    EditError { 0 = InvalidName, 1 = InvalidValue, 2 = Forbidden, 3 = TooMany, 4 = TooLate };
    WriteError { 0 = AlreadySet, 1 = Invalid };
    Failure { 0 = Absent, 1 = Malformed, 2 = Unknown, 3 = Expired, 4 = Revoked };
}

/// Read from a parameter alone.
pub(super) fn level(case: u32) -> Result<Level> {
    Ok(match case {
        0 => Level::Trace,
        1 => Level::Debug,
        2 => Level::Info,
        3 => Level::Warn,
        4 => Level::Error,
        other => return lift::no_case(other),
    })
}

/// The same: each of its cases has a text.
pub(super) fn credential_place(case: u32, text: String) -> Result<Place> {
    Ok(match case {
        0 => Place::Authorization(text),
        1 => Place::Header(text),
        2 => Place::Query(text),
        3 => Place::Cookie(text),
        other => return lift::no_case(other),
    })
}

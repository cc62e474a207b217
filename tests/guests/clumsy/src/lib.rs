//! Fails at places of its source that are marked, so that what a trap says can be held against them.
#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;
use std::hint::black_box;

use sluicegate_plugin::{Decision, Plugin, Problems, Setup, labels, request};

struct Clumsy;

impl Plugin for Clumsy {
    type Config = BTreeMap<String, String>;

    fn configure(_config: Self::Config, _setup: &mut Setup) -> Result<Clumsy, Problems> {
        Ok(Clumsy)
    }

    fn head(&self) -> Decision {
        let act = request::header("x-do").unwrap_or_default();
        match act.as_slice() {
            b"unwrap" => unwrap_nothing(), // place: head
            b"copies" => copy_and_fail(&act),
            b"inlined" => outer(act.len()),
            b"spin" => spin(),
            _ => {}
        }
        Decision::Proceed
    }
}

#[inline(never)]
fn unwrap_nothing() {
    let nothing: Option<u32> = black_box(None);
    labels::set("never", &nothing.unwrap().to_string()); // place: unwrap
}

/// Many copies of a length that is not known when it is compiled: each is an instruction that the gateway puts another one in place
/// of, so that what comes behind them stands elsewhere.
#[inline(never)]
fn copy_and_fail(act: &[u8]) {
    let mut bytes = act.to_vec();
    macro_rules! copies {
        ($($number:literal)+) => { $(
            let source = black_box(act);
            if source.len() == bytes.len() {
                bytes.copy_from_slice(source);
            }
            black_box((&mut bytes, $number));
        )+ };
    }
    copies!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    labels::set("copied", &bytes.len().to_string());
    core::arch::wasm32::unreachable() // place: copies
}

#[inline(never)]
fn spin() {
    let mut round = 0_u64;
    loop {
        round = black_box(round.wrapping_add(1)); // place: spin
    }
}

#[inline(never)]
fn outer(count: usize) {
    inner(black_box(count)) // place: outer
}

#[inline(always)]
fn inner(count: usize) {
    labels::set("count", &count.to_string());
    core::arch::wasm32::unreachable() // place: inner
}

sluicegate_plugin::export!(Clumsy: head);

//! The acts by their names: a search each, then ways to keep the canary and to end.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use sluicegate_plugin::labels;
use sluicegate_plugin::log::{self, Level};

use crate::canary::{Canary, Sought};
use crate::{heard, memory, places};

/// Of this instance so far.
static CALLS: AtomicU32 = AtomicU32::new(0);

pub fn count_call() {
    CALLS.fetch_add(1, Ordering::Relaxed);
}

pub fn run(name: &str) {
    match name {
        "look" => look(),
        "search" => search(),
        "keep-in-place" => {
            look();
            keep();
        }
        "keep" => {
            search();
            keep();
        }
        "keep-and-trap" => {
            overwrite();
            core::arch::wasm32::unreachable()
        }
        "keep-and-loop" => {
            overwrite();
            spin()
        }
        "keep-and-starve" => {
            search();
            let canary = keep();
            loop {
                std::mem::forget(black_box(canary.repeated(64 << 10)));
            }
        }
        "keep-and-recurse" => {
            search();
            memory::recurse(keep(), 0);
        }
        _ => panic!("no act {name}"),
    }
}

/// Searches what there is, and takes no more memory.
fn look() {
    let sought = Sought::of_request();
    let found = memory::search(&sought);
    let kept = heard::all();
    let again = memory::search(&sought);
    black_box(kept);
    tell(&sought, found.max(again), 0);
}

/// Searches also all memory and table elements that the limits allow.
fn search() {
    let sought = Sought::of_request();
    let found = memory::search(&sought);
    let kept = heard::all();
    let dirty = memory::grow_to_the_limit() + places::grow_table_to_the_limit();
    let again = memory::search(&sought);
    black_box(kept);
    tell(&sought, found.max(again), dirty);
}

/// Adds to what other calls of the exchange have told.
fn tell(sought: &Sought, found: usize, dirty: usize) {
    add("found", found);
    add("dirty", dirty);
    add("in-globals", usize::from(sought.is_foreign(places::globals())));
    add("in-tables", places::search_table(sought));
    add("searches", 1);
    labels::set("searched", &memory::bytes().to_string());
    labels::set("calls", &CALLS.load(Ordering::Relaxed).to_string());
}

fn add(name: &str, count: usize) {
    let before: usize = labels::get(name).and_then(|count| count.parse().ok()).unwrap_or_default();
    labels::set(name, &(before + count).to_string());
}

fn keep() -> Canary {
    let canary = Canary::of_request();
    heard::keep(&canary);
    places::keep(&canary);
    memory::keep(&canary);
    canary
}

/// Leaves nothing in memory but the canary, and writes it to the log when that is done: this guest cannot come back.
fn overwrite() {
    search();
    let canary = keep();
    let line = memory::overwrite(&canary);
    log::write(Level::Warn, line);
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

//! Handles into the host: too many, dropped twice, used when they are gone, made up, of another kind. And what waits or writes.

use std::hint::black_box;

use crate::act::say;
use crate::bindings::{get_stdout, monotonic_clock, poll, random, wall_clock};
use crate::bulk;

const HOUR_NS: u64 = 3_600_000_000_000;

// The calls as the canonical ABI has them: a handle is a number, and any number can be said.
#[link(wasm_import_module = "wasi:io/poll@0.2.0")]
#[expect(unsafe_code, reason = "a number that is no handle")]
unsafe extern "C" {
    #[link_name = "[resource-drop]pollable"]
    fn drop_pollable(handle: u32);
    #[link_name = "[method]pollable.ready"]
    fn is_ready(handle: u32) -> i32;
}

fn raw_drop(handle: u32) {
    // SAFETY: it does nothing to this guest's memory; that the handle may be none is what is tried.
    #[expect(unsafe_code, reason = "a number that is no handle")]
    unsafe {
        drop_pollable(handle);
    }
}

fn raw_ready(handle: u32) {
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "a number that is no handle")]
    unsafe {
        black_box(is_ready(handle));
    }
}

fn pollable() -> poll::Pollable {
    monotonic_clock::subscribe_duration(HOUR_NS)
}

pub fn leak() {
    (0..100_000).for_each(|_| std::mem::forget(pollable()));
}

pub fn drop_twice() {
    let handle = pollable().take_handle();
    raw_drop(handle);
    raw_drop(handle);
}

pub fn use_after_drop() {
    let handle = pollable().take_handle();
    raw_drop(handle);
    raw_ready(handle);
}

pub fn forge() {
    [1, 7, 255, 1 << 20, u32::MAX].into_iter().for_each(raw_ready);
}

/// A stream where a pollable is wanted.
pub fn of_another_kind() {
    raw_ready(get_stdout().take_handle());
}

pub fn sleep_for_an_hour() {
    pollable().block();
}

pub fn print(text: &str) {
    let _refused = get_stdout().write(text.as_bytes());
}

pub fn print_flood() {
    let stream = get_stdout();
    for line in 0..1000 {
        let _refused = stream.write(format!("printed {line}\nforged\x1b[31m {line}\n").as_bytes());
    }
}

pub fn print_a_mebibyte() {
    let stream = get_stdout();
    for _ in 0..32 {
        let _refused = stream.write(&[b'p'; 32 << 10]);
    }
    print("\n");
    let _refused = stream.write(b"\n");
}

pub fn a_gibibyte_of_random_bytes() {
    black_box(random::get_random_bytes(1 << 30));
    bulk::spin();
}

pub fn tell_time_and_chance() {
    say("wall-seconds", wall_clock::now().seconds);
    say("monotonic", monotonic_clock::now());
    say("chance", format!("{:02x?}", random::get_random_bytes(8)));
}

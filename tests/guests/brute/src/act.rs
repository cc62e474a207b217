//! The acts by their names.

use std::hint::black_box;

use sluicegate_plugin::edits::EditError;
use sluicegate_plugin::{labels, log, metrics, notes, request};

use crate::{bulk, handles, reenter};

macro_rules! acts {
    ($($act:ident $name:literal $run:expr,)+) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Act { $($act,)+ }

        pub fn named(name: &str) -> Act {
            match name {
                $($name => Act::$act,)+
                _ => panic!("no act {name}"),
            }
        }

        impl Act {
            pub fn run(self) {
                match self {
                    $(Act::$act => $run,)+
                }
            }
        }
    };
}

acts! {
    Nothing "nothing" {},
    // Those of bodies.
    Double "double" {},
    Swell "swell" {},
    Vanish "vanish" {},
    // Instructions that run for long, and stacks.
    Fill "fill" bulk::fill_without_end(),
    Copy "copy" bulk::copy_without_end(),
    FillOnce "fill-once" bulk::fill_once(),
    Alternate "alternate" alternate(),
    DeepCalls "deep-calls" drop(black_box(deep_calls(black_box(1)))),
    Reenter "reenter" reenter::call_while_called(),
    // Handles.
    LeakHandles "leak-handles" handles::leak(),
    DropTwice "drop-twice" handles::drop_twice(),
    UseAfterDrop "use-after-drop" handles::use_after_drop(),
    ForgeHandle "forge-handle" handles::forge(),
    WrongHandle "wrong-handle" handles::of_another_kind(),
    Sleep "sleep" handles::sleep_for_an_hour(),
    PrintFlood "print-flood" handles::print_flood(),
    PrintLong "print-long" handles::print_a_mebibyte(),
    PrintPart "print-part" handles::print("no end of this line"),
    ManyRandom "many-random" handles::a_gibibyte_of_random_bytes(),
    TellTime "tell-time" handles::tell_time_and_chance(),
    // Limits of the host's own keeping.
    ManyMetrics "many-metrics" many_metrics(),
    ManyLabels "many-labels" many_labels(),
    LongTexts "long-texts" long_texts(),
    LogLong "log-long" log::warn("l".repeat(1 << 20)),
    Methods "methods" try_methods(),
}

pub fn say(name: &str, value: impl ToString) {
    labels::set(name, &value.to_string());
}

/// Neither many calls nor one long loop.
fn alternate() {
    loop {
        black_box(request::method());
        (0..10_000_u32).for_each(|round| {
            black_box(round);
        });
    }
}

/// Each level calls the host before and after the next.
#[inline(never)]
fn deep_calls(depth: u64) -> u64 {
    let length = request::method().len() as u64;
    if black_box(depth) == 0 { 0 } else { deep_calls(depth + 1) ^ length }
}

fn many_metrics() {
    (0..10_000).for_each(|number| metrics::add(&format!("never_declared_{number}"), 1));
    metrics::add("of_brute_0", 1);
}

fn many_labels() {
    say("taken", (0..9_000).filter(|number| labels::set(&format!("n{number}"), "1")).count() + 1);
}

fn long_texts() {
    let long = "x".repeat(1 << 20);
    let taken = [
        labels::set(&long, "1"),
        labels::set("value", &long),
        labels::get(&long).is_some(),
        notes::store(long.as_bytes()),
        request::header(&long).is_some(),
        request::set_header(&long, b"1").is_ok(),
        request::set_header("x-long", long.as_bytes()).is_ok(),
        request::set_path(&format!("/{long}")).is_ok(),
        request::set_query(Some(&long)).is_ok(),
        request::set_method(&long).is_ok(),
    ];
    say("long-taken", taken.iter().filter(|taken| **taken).count());
}

fn try_methods() {
    let methods = ["CONNECT", "TRACE", "HEAD", "", "GE T", "G\r\nX: 1", "PUT"];
    let told = methods.map(|method| match request::set_method(method) {
        Ok(()) => "taken",
        Err(EditError::Forbidden) => "forbidden",
        Err(_) => "invalid",
    });
    say("methods", told.join(" "));
}

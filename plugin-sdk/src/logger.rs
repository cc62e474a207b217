//! Lines that a policy, or a crate that it uses, writes with the macros of the crate `log`.

use std::marker::PhantomData;

use ::log::{LevelFilter, Log, Metadata, Record};

use crate::Exported;
use crate::log::{self, Level};

/// From now on they go to the operator's log, those of every level. A policy that wants fewer sets its own maximum in `configure`.
pub(crate) fn install<P: Exported + 'static>() {
    // Refused if there is one already, as in the second test of a process.
    if ::log::set_logger(const { &Forwarder::<P>(PhantomData) }).is_ok() {
        ::log::set_max_level(LevelFilter::Trace);
    }
}

/// Knows the policy's own crate from `P`.
struct Forwarder<P>(PhantomData<fn() -> P>);

impl<P: Exported> Log for Forwarder<P> {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        // In a test other threads and other code may log, too: outside of an exchange nobody hears them.
        #[cfg(not(target_arch = "wasm32"))]
        if !crate::testing::script::is_running() {
            return;
        }
        let level = match record.level() {
            ::log::Level::Error => Level::Error,
            ::log::Level::Warn => Level::Warn,
            ::log::Level::Info => Level::Info,
            ::log::Level::Debug => Level::Debug,
            ::log::Level::Trace => Level::Trace,
        };
        let mut line = String::new();
        // The gateway names the chain entry itself.
        if name_of_crate(record.target()) != name_of_crate(P::MODULE) {
            line.push_str(record.target());
            line.push_str(": ");
        }
        // Into a string nothing fails but the author's own `Display`, of which then stands there what it wrote.
        let _what_it_wrote = std::fmt::write(&mut line, *record.args());
        log::write(level, &line);
    }

    fn flush(&self) {}
}

fn name_of_crate(module: &str) -> &str {
    module.split_once("::").map_or(module, |(name, _)| name)
}

//! What is counted. A work is made ready outside of the count, and does its operation so often within it.

mod call;
mod client;
mod config;
mod gateway;
mod lookup;
mod message;
mod upstream;

use std::path::Path;
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};

use self::call::Calls;
use self::config::{ONE, SIX, Setting, THREE};
use self::gateway::{Exchanges, Swaps};
use self::lookup::{KeyLookups, RouteMatches};

pub trait Work {
    fn run(&mut self, times: usize) -> Result<()>;
}

pub struct Item {
    /// Also a file's name.
    pub name: &'static str,
    /// Operations in one count.
    pub times: usize,
    /// Given a folder for compiled plugins.
    prepare: fn(&Path) -> Result<Box<dyn Work>>,
}

macro_rules! works {
    ($($name:literal $times:literal $prepare:expr;)*) => {
        &[$(Item { name: $name, times: $times, prepare: |data| Ok(Box::new($prepare(data)?)) }),*]
    };
}

pub const ALL: &[Item] = works! {
    "route-match-10-routes" 1000 |_: &Path| RouteMatches::among(10);
    "route-match-10000-routes" 1000 |_: &Path| RouteMatches::among(10_000);
    "key-lookup-10-keys" 1000 |_: &Path| KeyLookups::among(10);
    "key-lookup-1000000-keys" 1000 |_: &Path| KeyLookups::among(1_000_000);
    "call-pooled" 200 |data: &Path| Calls::prepare(data, "pooled");
    "call-in-fresh-instance" 200 |data: &Path| Calls::prepare(data, "request");
    "exchange-no-plugins" 100 |data: &Path| Exchanges::of(data, Setting::default());
    "exchange-plugin-in-no-phase" 100 |data: &Path| Exchanges::of(data, Setting::IDLE);
    "exchange-1-pooled" 100 |data: &Path| Exchanges::of(data, Setting::chain(ONE, "pooled"));
    "exchange-3-pooled" 100 |data: &Path| Exchanges::of(data, Setting::chain(THREE, "pooled"));
    "exchange-6-pooled" 100 |data: &Path| Exchanges::of(data, Setting::chain(SIX, "pooled"));
    "exchange-1-fresh-instances" 100 |data: &Path| Exchanges::of(data, Setting::chain(ONE, "request"));
    "exchange-3-fresh-instances" 100 |data: &Path| Exchanges::of(data, Setting::chain(THREE, "request"));
    "exchange-6-fresh-instances" 100 |data: &Path| Exchanges::of(data, Setting::chain(SIX, "request"));
    "exchange-10-routes" 100 |data: &Path| Exchanges::of(data, Setting { routes: 10, ..Setting::default() });
    "exchange-10000-routes" 100 |data: &Path| Exchanges::of(data, Setting { routes: 10_000, ..Setting::default() });
    "exchange-10-keys" 100 |data: &Path| Exchanges::of(data, Setting { keys: 10, ..Setting::chain(ONE, "pooled") });
    "exchange-1000000-keys" 100
        |data: &Path| Exchanges::of(data, Setting { keys: 1_000_000, ..Setting::chain(ONE, "pooled") });
    "body-1-KiB" 20 |data: &Path| Exchanges::of(data, Setting::body(1 << 10, false));
    "body-64-KiB" 20 |data: &Path| Exchanges::of(data, Setting::body(64 << 10, false));
    "body-1-MiB" 5 |data: &Path| Exchanges::of(data, Setting::body(1 << 20, false));
    "body-1-KiB-plugin" 20 |data: &Path| Exchanges::of(data, Setting::body(1 << 10, true));
    "body-64-KiB-plugin" 20 |data: &Path| Exchanges::of(data, Setting::body(64 << 10, true));
    "body-1-MiB-plugin" 5 |data: &Path| Exchanges::of(data, Setting::body(1 << 20, true));
    "stream-22-events" 20 |data: &Path| Exchanges::of(data, Setting::stream(false));
    "stream-22-events-3-plugins" 20 |data: &Path| Exchanges::of(data, Setting::stream(true));
    "swap-6-plugins" 20 |data: &Path| Swaps::prepare(data);
};

/// Counted only where they are named, for a thousand configurations take minutes there. Each access to memory of a compact instance is
/// checked, with few chains as with many.
pub const LONG: &[Item] = works! {
    "compact-10-chains" 500 |data: &Path| Exchanges::of(data, Setting::compact_chains(10));
    "compact-1000-chains" 500 |data: &Path| Exchanges::of(data, Setting::compact_chains(1000));
};

/// Timed alone: they have more instances alive than valgrind has room for.
pub const UNCOUNTED: &[Item] = works! {
    "exchange-10-chains" 1000 |data: &Path| Exchanges::of(data, Setting::chains(10));
    "exchange-1000-chains" 1000 |data: &Path| Exchanges::of(data, Setting::chains(1000));
};

/// What one operation took of the gateway's thread.
pub struct Done {
    pub times: usize,
    pub cpu_us: f64,
    /// Pages that the system gave it, without reading them from a disk.
    pub faults: f64,
}

/// Those whose names contain one of `only`, or all; and of `others` those whose names begin with one.
///
/// # Errors
/// There is none.
pub fn chosen(only: &[String], others: impl IntoIterator<Item = &'static Item>) -> Result<Vec<&'static Item>> {
    let contains = |item: &&Item| only.is_empty() || only.iter().any(|text| item.name.contains(text.as_str()));
    let begins = |item: &&Item| only.iter().any(|text| item.name.starts_with(text.as_str()));
    let chosen: Vec<&Item> = ALL.iter().filter(contains).chain(others.into_iter().filter(begins)).collect();
    ensure!(!chosen.is_empty(), "no work has a name that contains one of {only:?}");
    Ok(chosen)
}

/// `times`: instead of the work's own.
///
/// # Errors
/// There is no such work, or it cannot be done here.
pub fn run(name: &str, data: &Path, times: Option<usize>) -> Result<Done> {
    let item = ALL.iter().chain(LONG).chain(UNCOUNTED).find(|item| item.name == name);
    let item = item.with_context(|| format!("there is no work `{name}`; `sluicegate-micro list` prints all"))?;
    let mut work = (item.prepare)(data)?;
    let times = times.unwrap_or(item.times);
    // What is made at the first times, such as connections and warm instances, is no part of an operation.
    work.run(item.times.min(20).max(item.times / 5))?;
    let (cpu, faults) = (cpu_ns()?, faults()?);
    counted_operations(work.as_mut(), times)?;
    let each = |count: u64| count as f64 / times as f64;
    Ok(Done { times, cpu_us: each(cpu_ns()? - cpu) / 1e3, faults: each(self::faults()? - faults) })
}

/// Callgrind counts while this runs, and on this thread alone: `harness` names it.
#[inline(never)]
fn counted_operations(work: &mut dyn Work, times: usize) -> Result<()> {
    work.run(times)
}

/// Of this thread.
fn faults() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).context("the system does not say what pages it gave")?;
    Ok(u64::try_from(usage.minor_page_faults()).unwrap_or_default())
}

/// Of this thread, in nanoseconds.
fn cpu_ns() -> Result<u64> {
    // The system counts when a thread gives way.
    thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("the system does not say CPU time")?;
    text.split(' ').next().unwrap_or_default().parse().context("the system's CPU time is no number")
}

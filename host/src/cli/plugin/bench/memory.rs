//! What instances keep of the machine's memory.

use std::fs;
use std::time::{Duration, Instant};

use sluicegate_runtime::{Live, Plugin};

use super::Memory;
use crate::config::TestExchange;
use crate::generation::self_test::{Bench, Walk};

/// Live instances that the system's figure is divided by: it counts in pages, and other parts of the process use memory, too.
const INSTANCES: usize = 64;
/// Exchanges that one instance serves to see whether it grows.
const MANY: usize = 1_000;
/// All of those together.
const MANY_TIME_MAX: Duration = Duration::from_secs(2);

/// `untouched`: no instance has been made yet. Otherwise earlier ones have left their pages behind, and what these take cannot be
/// told from the system's figure.
///
/// Errors say how the plugin failed.
pub(super) async fn measure(
    bench: &Bench,
    plugin: &Plugin,
    exchange: &TestExchange,
    untouched: bool,
) -> Result<Memory, String> {
    let mut first = live(plugin).await?;
    let start_bytes = first.memory_bytes();
    walk(bench, plugin, &mut first, exchange).await?;
    let after_bytes = first.memory_bytes();
    let resident_bytes = if untouched { resident(bench, plugin, exchange).await? } else { None };
    let began = Instant::now();
    let mut many = 1;
    while many < MANY && began.elapsed() < MANY_TIME_MAX {
        walk(bench, plugin, &mut first, exchange).await?;
        many += 1;
    }
    Ok(Memory { start_bytes, after_bytes, after_many_bytes: first.memory_bytes(), many, resident_bytes })
}

async fn resident(bench: &Bench, plugin: &Plugin, exchange: &TestExchange) -> Result<Option<usize>, String> {
    let mut instances = Vec::with_capacity(INSTANCES);
    let before = anonymous_bytes();
    for _ in 0..INSTANCES {
        let mut instance = live(plugin).await?;
        walk(bench, plugin, &mut instance, exchange).await?;
        instances.push(instance);
    }
    let after = anonymous_bytes();
    Ok(before.zip(after).map(|(before, after)| after.saturating_sub(before) / INSTANCES))
}

async fn live(plugin: &Plugin) -> Result<Live, String> {
    plugin.live().await.map_err(|failure| format!("no instance can be made: {failure}"))
}

async fn walk(bench: &Bench, plugin: &Plugin, instance: &mut Live, exchange: &TestExchange) -> Result<(), String> {
    let (begun, _) = bench.begin(exchange, "bench")?;
    let mut walk = Walk::new(exchange, plugin);
    while let Some(call) = walk.next(&begun) {
        let verdict = instance.call(&begun, &call).await;
        walk.record(&begun, &call, verdict, Duration::ZERO);
    }
    walk.outcome.failure.map_or(Ok(()), Err)
}

/// Memory of this process that is neither shared nor backed by a file; none where the system does not say.
fn anonymous_bytes() -> Option<usize> {
    let text = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    let kibibytes: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

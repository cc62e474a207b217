//! Before the load comes: from a start to the first answer, and what a proxy holds and uses when nobody asks.

use std::fs;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Effort;
use crate::ground::Ground;
use crate::peer::{Chain, Filters, Isolation, PLUGINS, Peer, Prepared};
use crate::process::Memory;
use crate::samples::Samples;
use crate::section::{Better, Cell, Goal, Section, Table};

/// Longer than what runs at a start and than the thread that ticks for guests needs to fall asleep.
const SETTLE: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(3);
/// One that takes ten seconds to start is not started as often as the others.
const SLOW: Duration = Duration::from_secs(3);
const SLOW_STARTS: usize = 3;

const SIX: Peer = Peer::Gateway(Chain::new(PLUGINS, Isolation::Pooled));

pub const PEERS: [Peer; 8] = [
    Peer::Gateway(Chain::new(0, Isolation::Pooled)),
    SIX,
    Peer::Nginx,
    Peer::Haproxy,
    Peer::Envoy(Filters::None),
    Peer::Envoy(Filters::Wasm { count: PLUGINS, one_machine: false }),
    Peer::Envoy(Filters::Lua { count: PLUGINS }),
    Peer::Litellm,
];

/// One proxy's.
struct Idle {
    memory: Memory,
    /// Milliseconds of CPU in a second of idling.
    cpu_ms: f64,
    starts: Samples,
}

pub fn measure(ground: &Ground, effort: Effort) -> Result<Section> {
    let mut section = Section::new("idle", "Start and idling");
    section.notes.push(format!(
        "Memory after {} s without a request, of all processes of a proxy together. A start ends with the first whole \
         answer; each proxy has been started once before, so that compiled code is cached where there is a cache.",
        SETTLE.as_secs()
    ));
    let columns = [
        "proxy",
        "start to first answer, ms",
        "resident, MiB",
        "proportional, MiB",
        "anonymous, MiB",
        "idle CPU, ms a second",
    ];
    let mut table = Table::new(&columns);
    for peer in PEERS {
        eprintln!("    {}", peer.name());
        let missing = peer.tools().iter().find_map(|tool| ground.tools.find(*tool).err());
        let idle = missing.map_or_else(|| one(ground, peer, effort.rounds), Err).with_context(|| peer.name());
        let idle = match (idle, peer) {
            (Ok(idle), _) => Some(idle),
            (Err(error), Peer::Gateway(_)) => return Err(error),
            (Err(error), _) => {
                let note = format!("{error:#} (not measured)");
                section.notes.push(note.lines().next().unwrap_or_default().to_owned());
                None
            }
        };
        table.rows.push(row(peer, idle.as_ref()));
        if peer == SIX {
            section.goals = goals(idle.as_ref());
        }
    }
    let cold = cold_starts(ground, effort.rounds)?;
    table.rows.push([Cell::text(format!("{}, nothing compiled yet", SIX.name())), Cell::Figure(cold)].into());
    section.tables.push(table);
    Ok(section)
}

fn one(ground: &Ground, peer: Peer, rounds: usize) -> Result<Idle> {
    let prepared = peer.prepare(ground)?;
    // Fills the caches that it keeps on disk, so that what follows is a start as any other.
    let is_slow = start(ground, &prepared)? > SLOW.as_secs_f64() * 1e3;
    let running = prepared.start(&ground.cores.proxy)?;
    let server = running.server.as_ref().context("it is a proxy")?;
    thread::sleep(SETTLE);
    let memory = server.memory()?;
    let before = server.cpu_time_of_threads()?;
    thread::sleep(IDLE);
    let used = server.cpu_time_of_threads()?.saturating_sub(before);
    drop(running);
    let starts = if is_slow { rounds.min(SLOW_STARTS) } else { rounds };
    let starts = (0..starts).map(|_| start(ground, &prepared)).collect::<Result<Vec<_>>>()?;
    Ok(Idle {
        memory,
        cpu_ms: used.as_secs_f64() * 1e3 / IDLE.as_secs_f64(),
        starts: Samples::of(starts).context("it was never started")?,
    })
}

/// Milliseconds to the end of the first answer.
fn start(ground: &Ground, prepared: &Prepared) -> Result<f64> {
    let began = Instant::now();
    let running = prepared.start(&ground.cores.proxy)?;
    let took = began.elapsed();
    drop(running);
    Ok(took.as_secs_f64() * 1e3)
}

fn cold_starts(ground: &Ground, rounds: usize) -> Result<Option<Samples>> {
    let prepared = SIX.prepare(ground)?;
    let mut starts = Vec::new();
    for _ in 0..rounds {
        match fs::remove_dir_all(prepared.folder.join("data")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => starts.push(start(ground, &prepared)?),
        }
    }
    Ok(Samples::of(starts))
}

fn row(peer: Peer, idle: Option<&Idle>) -> Vec<Cell> {
    let figure = |of: &dyn Fn(&Idle) -> f64| Cell::Figure(idle.and_then(|idle| Samples::of([of(idle)])));
    vec![
        Cell::text(peer.name()),
        Cell::Figure(idle.map(|idle| idle.starts.clone())),
        figure(&|idle| mebibytes(idle.memory.resident_kib)),
        figure(&|idle| mebibytes(idle.memory.proportional_kib)),
        figure(&|idle| mebibytes(idle.memory.anonymous_kib)),
        figure(&|idle| idle.cpu_ms),
    ]
}

fn goals(idle: Option<&Idle>) -> Vec<Goal> {
    let memory = idle.and_then(|idle| Samples::of([mebibytes(idle.memory.resident_kib)]));
    let starts = idle.map(|idle| idle.starts.clone());
    vec![
        Goal::of("idle memory, six plugins loaded, resident", "MiB", memory, Better::Lower, 50.0, 30.0),
        Goal::of("first answer after start, compiled code cached", "ms", starts, Better::Lower, 150.0, 60.0),
    ]
}

fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

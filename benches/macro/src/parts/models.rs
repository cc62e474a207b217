//! What a gateway adds to a chat completion, where LiteLLM can be compared.

use anyhow::Result;

use super::Effort;
use crate::ground::Ground;
use crate::load::steady::{self, Latency};
use crate::peer::{Chain, Isolation, PLUGINS, Peer};
use crate::rounds::Field;
use crate::section::{Cell, Section, Table};

/// Requests a second: a fraction of what LiteLLM serves.
const RATE: u32 = 20;

pub const PEERS: [Peer; 3] = [
    Peer::Models,
    Peer::Gateway(Chain { plugins: PLUGINS, isolation: Isolation::Pooled, models: true }),
    Peer::Litellm,
];

pub fn measure(ground: &Ground, effort: Effort) -> Result<Section> {
    let mut section = Section::new("models", "Latency of a chat completion");
    section.notes.push(format!(
        "{RATE} requests a second, not streamed, the built-in model provider behind each; LiteLLM with one key and no database."
    ));
    let mut field = Field::start(ground, &PEERS)?;
    let measured =
        field.measure(effort.rounds, |running| steady::measure(ground, &running.question, RATE, effort.seconds))?;
    section.notes.append(&mut field.notes);
    let mut table = Table::new(&["gateway", "p50, ms", "p99, ms", "added, p50, ms"]);
    let p50 = |latency: &Latency| latency.p50;
    let direct = measured.samples(Peer::Models, p50);
    for peer in PEERS {
        let median = measured.samples(peer, p50);
        let added = median.as_ref().zip(direct.as_ref()).and_then(|(median, direct)| median.minus(direct));
        table.rows.push(vec![
            Cell::text(peer.name()),
            Cell::Figure(median),
            Cell::Figure(measured.samples(peer, |latency| latency.p99)),
            Cell::Figure(added.filter(|_| peer != Peer::Models)),
        ]);
    }
    section.tables.push(table);
    Ok(section)
}

//! What each further plugin takes: throughput and CPU against the length of the chain.

use anyhow::Result;

use super::Effort;
use crate::ground::Ground;
use crate::load::rate::{self, Rate};
use crate::peer::{Chain, Filters, Isolation, PLUGINS, Peer};
use crate::plot::{Plot, Scale, Series};
use crate::rounds::{Field, Measured};
use crate::section::{Cell, Section, Table};

/// A figure needs fewer of them where there are so many figures of one kind.
const ROUNDS_MAX: usize = 3;

/// A kind of chain, by the number of its plugins.
type Kind = (&'static str, fn(usize) -> Peer);

const KINDS: [Kind; 3] = [
    ("Sluicegate, pooled", |plugins| Peer::Gateway(Chain::new(plugins, Isolation::Pooled))),
    ("Sluicegate, an instance for each request", |plugins| match plugins {
        // Without plugins there is no difference, and no second proxy.
        0 => Peer::Gateway(Chain::new(0, Isolation::Pooled)),
        _ => Peer::Gateway(Chain::new(plugins, Isolation::Request)),
    }),
    ("Envoy, a V8 machine for each filter", |count| match count {
        0 => Peer::Envoy(Filters::None),
        _ => Peer::Envoy(Filters::Wasm { count, one_machine: false }),
    }),
];

pub fn peers() -> Vec<Peer> {
    let mut peers = Vec::new();
    for count in 0..=PLUGINS {
        for (_, peer) in KINDS {
            if !peers.contains(&peer(count)) {
                peers.push(peer(count));
            }
        }
    }
    peers
}

pub fn measure(ground: &Ground, effort: Effort) -> Result<Section> {
    let mut section = Section::new("chains", "Throughput by number of plugins");
    section
        .notes
        .push("The first so many of the six, as in the table above; Envoy's filters do the same work.".to_owned());
    let mut field = Field::start(ground, &peers())?;
    let rounds = effort.rounds.min(ROUNDS_MAX);
    let measured =
        field.measure(rounds, |running| rate::measure(ground, running, &running.question, effort.seconds))?;
    section.notes.append(&mut field.notes);
    let (rate, cpu) = (|rate: &Rate| rate.requests_a_second, |rate: &Rate| rate.cpu_microseconds);
    section.tables.push(table("requests a second", &measured, rate));
    section.tables.push(table("µs of CPU a request", &measured, cpu));
    section.plots.push(plot("throughput-by-plugins", "Requests a second on one processor", &measured, rate));
    section.plots.push(plot("cpu-by-plugins", "CPU of the proxy, µs a request", &measured, cpu));
    Ok(section)
}

fn table(what: &str, measured: &Measured<Rate>, of: fn(&Rate) -> f64) -> Table {
    let counts: Vec<String> = (0..=PLUGINS).map(|count| count.to_string()).collect();
    let columns: Vec<&str> = std::iter::once(what).chain(counts.iter().map(String::as_str)).collect();
    let mut table = Table::new(&columns);
    for (name, peer) in KINDS {
        let figures = (0..=PLUGINS).map(|count| Cell::Median(measured.samples(peer(count), of)));
        table.rows.push(std::iter::once(Cell::text(name)).chain(figures).collect());
    }
    table
}

fn plot(file: &'static str, y: &'static str, measured: &Measured<Rate>, of: fn(&Rate) -> f64) -> Plot {
    let series = KINDS.map(|(name, peer)| {
        let point = |count: usize| Some((count as f64, measured.samples(peer(count), of)?.median()));
        Series { name: name.to_owned(), points: (0..=PLUGINS).filter_map(point).collect() }
    });
    Plot {
        file,
        title: "Each further plugin".to_owned(),
        x: "plugins in the chain",
        y,
        scale: Scale::Linear,
        series: series.into(),
    }
}

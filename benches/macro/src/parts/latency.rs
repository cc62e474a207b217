//! How late answers are at a steady rate of requests, by rate.

use anyhow::{Context, Result};

use super::Effort;
use crate::ground::Ground;
use crate::load::steady::{self, Latency, Until};
use crate::peer::{Chain, Filters, Isolation, PLUGINS, Peer};
use crate::plot::{Plot, Scale, Series};
use crate::rounds::{Field, Measured};
use crate::samples::Samples;
use crate::section::{Better, Cell, Goal, Section, Table};

/// Requests a second.
const RATES: [u32; 4] = [200, 1000, 5000, 10_000];
const SIX: Peer = Peer::Gateway(Chain::new(PLUGINS, Isolation::Pooled));

pub const PEERS: [Peer; 7] = [
    Peer::Service,
    Peer::Nginx,
    Peer::Gateway(Chain::new(0, Isolation::Pooled)),
    SIX,
    Peer::Gateway(Chain::new(PLUGINS, Isolation::Request)),
    Peer::Envoy(Filters::None),
    Peer::Envoy(Filters::Wasm { count: PLUGINS, one_machine: false }),
];

/// At each of the rates, in their order.
type Latencies = [Latency; RATES.len()];

pub fn measure(ground: &Ground, effort: Effort) -> Result<Section> {
    let mut section = Section::new("latency", "Latency at a steady rate");
    section.notes.push(
        "Each request has a time at which it is due, and its latency counts from then, also where it had to wait. \
         What is added is the difference to the upstream alone within each round."
            .to_owned(),
    );
    let mut field = Field::start(ground, &PEERS)?;
    let measured = field.measure(effort.rounds, |running| {
        let mut latencies = [Latency { p50: f64::NAN, p99: f64::NAN, unsent: 0 }; RATES.len()];
        for (latency, rate) in latencies.iter_mut().zip(RATES) {
            // At a higher rate there are enough requests sooner.
            let seconds = if rate > RATES[0] { effort.seconds.div_ceil(2) } else { effort.seconds };
            *latency = steady::measure(ground, &running.question, Until::End, rate, seconds)
                .with_context(|| format!("at {rate} a second"))?;
        }
        Ok(latencies)
    })?;
    section.notes.append(&mut field.notes);
    let what = "added latency at 200 requests a second, six pooled plugins, p50";
    section.goals.push(Goal::of(what, "ms", added(&measured, SIX, 0, p50), Better::Lower, 0.4, 0.3));
    section.tables.push(added_table(&measured));
    section.tables.push(whole_table(&measured));
    for (file, of, y) in [("latency-p50", p50 as fn(&Latency) -> f64, "p50, ms"), ("latency-p99", p99, "p99, ms")] {
        section.plots.push(plot(file, y, &measured, of));
    }
    Ok(section)
}

fn added(measured: &Measured<Latencies>, peer: Peer, place: usize, of: fn(&Latency) -> f64) -> Option<Samples> {
    let whole = |peer| measured.samples(peer, |latencies| latencies.get(place).map_or(f64::NAN, of));
    whole(peer)?.minus(&whole(Peer::Service)?)
}

fn added_table(measured: &Measured<Latencies>) -> Table {
    let mut table = columns("added, p50, ms");
    for peer in PEERS.into_iter().filter(|peer| *peer != Peer::Service) {
        let figures = (0..RATES.len()).map(|place| Cell::Figure(added(measured, peer, place, p50)));
        table.rows.push(std::iter::once(Cell::text(peer.name())).chain(figures).collect());
    }
    table
}

fn whole_table(measured: &Measured<Latencies>) -> Table {
    let mut table = columns("p50 and p99, ms");
    for peer in PEERS {
        let figures = (0..RATES.len()).map(|place| Cell::text(both(measured, peer, place).unwrap_or_default()));
        table.rows.push(std::iter::once(Cell::text(peer.name())).chain(figures).collect());
    }
    table
}

/// Medians of the rounds, and how many requests there was no time for.
fn both(measured: &Measured<Latencies>, peer: Peer, place: usize) -> Option<String> {
    let median = |of: fn(&Latency) -> f64| {
        Some(measured.samples(peer, |latencies| latencies.get(place).map_or(f64::NAN, of))?.median())
    };
    let unsent = median(|latency| f64::from(latency.unsent))?;
    let late = if unsent > 0.0 { format!(", {unsent:.0} unsent") } else { String::new() };
    Some(format!("{:.2}, {:.2}{late}", median(p50)?, median(p99)?))
}

fn columns(what: &str) -> Table {
    let rates = RATES.map(|rate| format!("{rate} a second"));
    let columns: Vec<&str> = std::iter::once(what).chain(rates.iter().map(String::as_str)).collect();
    Table::new(&columns)
}

fn plot(file: &'static str, y: &'static str, measured: &Measured<Latencies>, of: fn(&Latency) -> f64) -> Plot {
    let series = PEERS.map(|peer| {
        let point = |(place, rate): (usize, u32)| {
            let figure = measured.samples(peer, |latencies| latencies.get(place).map_or(f64::NAN, of))?;
            Some((f64::from(rate), figure.median()))
        };
        Series {
            name: peer.name(),
            points: RATES.into_iter().enumerate().filter_map(|(place, rate)| point((place, rate))).collect(),
        }
    });
    let title = "Latency by offered load".to_owned();
    Plot { file, title, x: "requests a second", y, scale: Scale::Logarithmic, series: series.into() }
}

fn p50(latency: &Latency) -> f64 {
    latency.p50
}

fn p99(latency: &Latency) -> f64 {
    latency.p99
}

//! How many requests a second each proxy serves on one processor, without policies and with six.

use anyhow::Result;

use super::Effort;
use crate::ground::Ground;
use crate::load::rate::{self, Rate};
use crate::peer::{Chain, Filters, Isolation, PLUGINS, Peer};
use crate::rounds::{Field, Measured};
use crate::section::{Better, Bound, Cell, Goal, Section, Table};

const PLAIN: Peer = Peer::Gateway(Chain::new(0, Isolation::Pooled));
const POOLED: Peer = Peer::Gateway(Chain::new(PLUGINS, Isolation::Pooled));
const REQUEST: Peer = Peer::Gateway(Chain::new(PLUGINS, Isolation::Request));
const ENVOY: Peer = Peer::Envoy(Filters::None);
const ENVOY_SHARED: Peer = Peer::Envoy(Filters::Wasm { count: PLUGINS, one_machine: true });

pub const PEERS: [Peer; 11] = [
    Peer::Service,
    PLAIN,
    Peer::BareHyper,
    Peer::Nginx,
    Peer::Haproxy,
    ENVOY,
    POOLED,
    REQUEST,
    Peer::Envoy(Filters::Wasm { count: PLUGINS, one_machine: false }),
    ENVOY_SHARED,
    Peer::Envoy(Filters::Lua { count: PLUGINS }),
];

pub fn measure(ground: &Ground, effort: Effort) -> Result<Section> {
    let mut section = Section::new("throughput", "Requests a second on one processor");
    section.notes.push(
        "Answers of 1 KiB, 32 connections kept alive, no access log. Where the proxy's processor is not busy, the load or \
         the upstream on the other one was the limit; the ratio of CPU then says what the ratio of requests hides."
            .to_owned(),
    );
    let mut field = Field::start(ground, &PEERS)?;
    let measured =
        field.measure(effort.rounds, |running| rate::measure(ground, running, &running.question, effort.seconds))?;
    section.notes.append(&mut field.notes);
    section.goals = goals(&measured);
    section.tables.push(table(&measured));
    Ok(section)
}

fn table(measured: &Measured<Rate>) -> Table {
    let mut table = Table::new(&[
        "proxy",
        "requests a second",
        "by nginx",
        "µs of CPU a request",
        "nginx's by its own",
        "processor busy, %",
    ]);
    for peer in PEERS {
        let of_proxy = |of: fn(&Rate) -> f64| match peer {
            Peer::Service => None,
            _ => measured.samples(peer, of),
        };
        table.rows.push(vec![
            Cell::text(peer.name()),
            Cell::Figure(measured.samples(peer, rate_of)),
            Cell::Figure(measured.ratio(peer, Peer::Nginx, rate_of).filter(|_| peer != Peer::Service)),
            Cell::Figure(of_proxy(cpu_of)),
            Cell::Figure(measured.ratio(Peer::Nginx, peer, cpu_of).filter(|_| peer != Peer::Service)),
            Cell::Figure(of_proxy(|rate| rate.busy * 100.0)),
        ]);
    }
    table
}

fn goals(measured: &Measured<Rate>) -> Vec<Goal> {
    let at_least = |ours: Peer, limit: f64, theirs: Peer| Bound {
        unit: format!("of {}", theirs.name()),
        figure: measured.ratio(ours, theirs, rate_of),
        limit,
        better: Better::Higher,
    };
    let goal = |what: &str, floor, aim| Goal { what: what.to_owned(), floor, aim };
    vec![
        goal("plain proxy", at_least(PLAIN, 0.65, Peer::Nginx), at_least(PLAIN, 0.9, Peer::Nginx)),
        goal("six pooled plugins", at_least(POOLED, 1.5, ENVOY), at_least(POOLED, 0.7, Peer::Nginx)),
        goal(
            "the same six, an instance of their own for every request",
            at_least(REQUEST, 1.0, ENVOY_SHARED),
            at_least(REQUEST, 1.0, ENVOY),
        ),
    ]
}

fn cpu_of(rate: &Rate) -> f64 {
    rate.cpu_microseconds
}

fn rate_of(rate: &Rate) -> f64 {
    rate.requests_a_second
}
